"""A detached signature: a key's owner confirms exactly these bytes of a record, and the files that it names.

Pure: bytes in, bytes or a statement out. It says whether a signature holds, never whether its owner is to be trusted.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from benchmark.recording.isolation import Isolation, role_of
from benchmark.recording.signing_keys import KEY_PATTERN, PublicKey, SigningKey
from benchmark.spec.canonical import canonical_json

MAX_SIGNATURE_BYTES = 16 * 1024
_CONTEXT = b"forget-me-not evaluation record v1\0"
"""Is signed in front of every statement, so that no signature made for another purpose is accepted here."""

_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class BadSignature(ValueError):  # noqa: N818 - says in plain words why a record is not to be believed
    """A record is not as a trusted signer signed it; says what is wrong, and what to do."""


class Statement(BaseModel):
    """What is signed.

    Attributes:
        attachments: suffix of the name of every file beside the record, with its sha256.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal[1] = 1
    algorithm: Literal["ed25519"] = "ed25519"
    public_key: Annotated[str, Field(pattern=KEY_PATTERN)]
    isolation: Isolation
    record_sha256: _Digest
    attachments: dict[str, _Digest]

    @property
    def key(self) -> PublicKey:
        """Whose statement it claims to be."""
        return PublicKey(self.public_key)


class _Signed(Statement):
    signature: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]


def sign(record: bytes, attachments: dict[str, str], isolation: Isolation, key: SigningKey) -> bytes:
    """Sign a record.

    Args:
        record: the bytes of its file.
        attachments: suffix and sha256 of every file that it names.
        isolation: what the record says of itself.
        key: the key for records of this isolation.

    Returns:
        The bytes of the signature file: canonical JSON.

    Raises:
        ValueError: `key` is for another isolation: nothing is signed.
    """
    if key.role != role_of(isolation):
        raise ValueError(f"isolation {isolation}: expected the {role_of(isolation)} key, got the {key.role} one")
    statement = Statement(
        public_key=key.public.text, isolation=isolation, record_sha256=hashlib.sha256(record).hexdigest(),
        attachments=attachments,
    )  # fmt: skip
    signature = key.private.sign(_message(statement))
    return canonical_json({**statement.model_dump(), "signature": signature.hex()})


def check(record: bytes, signature: bytes) -> Statement:
    """Check that the owner of the key that a signature file names has signed exactly these bytes.

    Args:
        record: the bytes of a record's file.
        signature: the bytes of its signature file; every one of them counts.

    Raises:
        BadSignature: the file is no signature, or was altered, or the record was.
    """
    signed = _parse(signature)
    statement = Statement(**signed.model_dump(exclude={"signature"}))
    if not statement.key.verifies(bytes.fromhex(signed.signature), _message(statement)):
        raise BadSignature("the signature file was changed after signing, or is forged")
    if hashlib.sha256(record).hexdigest() != statement.record_sha256:
        raise BadSignature("the record was changed after signing")
    return statement


def _message(statement: Statement) -> bytes:
    return _CONTEXT + canonical_json(statement.model_dump())


def _parse(data: bytes) -> _Signed:
    """Read a signature file; whatever is not the one way to write it is refused, and nothing of it is repeated."""
    try:
        raw = json.loads(data)
        signed = _Signed.model_validate(raw)
        exact = canonical_json(signed.model_dump()) == data
    except (ValidationError, ValueError, RecursionError) as error:
        raise BadSignature(f"the file beside it is not a signature: {_what(error)}") from None
    if not exact:
        raise BadSignature("the file beside it is not a signature: expected canonical JSON, got another spelling")
    return signed


def _what(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first: Any = error.errors()[0]
        field = first["loc"][0] if first["loc"] and first["loc"][0] in _Signed.model_fields else "another key"
        return f"{field}: {'not expected' if first['type'] == 'extra_forbidden' else first['type'].replace('_', ' ')}"
    return "nested too deeply" if isinstance(error, RecursionError) else "expected JSON of a known layout"
