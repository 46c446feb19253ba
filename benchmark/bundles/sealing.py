"""The index of a bundle, and its signature: a key's owner confirms the name and the digest of every file.

It owns `index.json` and `index.sig`. It says whether a signature holds, never whether its owner is to be trusted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from benchmark.bundles.packing import BadBundle, pack, unpack
from benchmark.recording.isolation import Isolation
from benchmark.recording.signing_keys import KEY_PATTERN, PublicKey, SigningKey
from benchmark.spec.canonical import canonical_json

INDEX, SIGNATURE = "index.json", "index.sig"
_CONTEXT = b"forget-me-not bundle v1\0"
"""Is signed in front of every index, so that no signature made for another purpose is accepted here."""

_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_ModelT = TypeVar("_ModelT", bound=BaseModel)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Evaluation(_Part):
    """One record of a bundle, with what it says, so that a reader of the index need not open it."""

    record: str
    """Its name in the bundle; the files that it names lie beside it."""
    spec_identity: str
    specification: str
    """Name of the file with its whole specification."""
    evaluation_key: _Digest
    isolation: Isolation
    environment: dict[str, Any]
    """Everything about the machine that can change bits."""


class Index(_Part):
    """What is in a bundle.

    Attributes:
        code_digest: of all files of the submission but its manifest, as in every record.
        files: SHA-256 of every file but the index and its signature, by name.
    """

    format: Literal[1] = 1
    made_by: Annotated[str, Field(max_length=60)]
    """Version of Forget-Me-Not."""
    submission: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    code_digest: _Digest
    evaluations: Annotated[list[Evaluation], Field(min_length=1, max_length=32)]
    files: dict[str, _Digest]


class _Signature(_Part):
    format: Literal[1] = 1
    algorithm: Literal["ed25519"] = "ed25519"
    public_key: Annotated[str, Field(pattern=KEY_PATTERN)]
    signature: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]


@dataclass(frozen=True)
class Bundle:
    """A bundle whose signature and digests hold.

    Attributes:
        files: contents by name, index and signature left out.
        key: who signed the index.
    """

    index: Index
    files: Mapping[str, bytes]
    key: PublicKey


def seal(index: Index, files: Mapping[str, bytes], key: SigningKey) -> bytes:
    """Write a bundle.

    Args:
        index: what is in it; its digests are made here.
        files: contents by name.
        key: signs the index.

    Raises:
        BadBundle: a file has an impossible name, or all of it is too large.
    """
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    text = canonical_json(index.model_copy(update={"files": digests}).model_dump())
    signed = _Signature(public_key=key.public.text, signature=key.private.sign(_CONTEXT + text).hex())
    return pack({**files, INDEX: text, SIGNATURE: canonical_json(signed.model_dump())})


def unseal(packed: bytes) -> Bundle:
    """Read a bundle of unknown origin.

    Raises:
        BadBundle: it is none, its signature does not hold, or a file is not the one that the index names.
    """
    files = unpack(packed)
    if INDEX not in files or SIGNATURE not in files:
        raise BadBundle(f"expected {INDEX} and {SIGNATURE} in it, got an archive without")
    text = files.pop(INDEX)
    signed = _parse(_Signature, files.pop(SIGNATURE), SIGNATURE)
    key = PublicKey(signed.public_key)
    if not key.verifies(bytes.fromhex(signed.signature), _CONTEXT + text):
        raise BadBundle("its index was changed after signing, or its signature is forged")
    index = _parse(Index, text, INDEX)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    if digests != index.files:
        names = digests.keys() | index.files.keys()
        wrong = min(name for name in names if digests.get(name) != index.files.get(name))
        raise BadBundle(f"{wrong[:100]} is not the file that the index names")
    return Bundle(index, files, key)


def _parse(model: type[_ModelT], data: bytes, name: str) -> _ModelT:
    """Read a document in its one spelling; nothing of one that is refused is repeated."""
    try:
        parsed = model.model_validate(json.loads(data))
        exact = canonical_json(parsed.model_dump()) == data
    except (ValidationError, ValueError, TypeError, RecursionError):
        raise BadBundle(f"{name} is not such as `fmn submit` writes it") from None
    if not exact:
        raise BadBundle(f"{name}: expected canonical JSON, got another spelling")
    return parsed
