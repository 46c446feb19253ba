"""Whom this installation believes: a list of public keys with names, and this machine's own keys.

It refuses to verify anything; it says who the owner of a key is and what that key may sign.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from benchmark.files.bounded import read_regular
from benchmark.recording.isolation import Role, role_of
from benchmark.recording.signature import BadSignature, Statement
from benchmark.recording.signing_keys import KEY_PATTERN, ROLES, PublicKey, key_path, signing_key
from benchmark.settings import read_settings
from benchmark.spec import UserError
from benchmark.spec.base import Document, Problem
from benchmark.spec.documents.loading import read_document
from benchmark.spec.documents.yaml_text import MAX_BYTES

SHIPPED_LIST = Path(__file__).parents[1] / "trusted_keys.yaml"
THIS_MACHINE = "this machine"


class TrustedKey(Document):
    """A key, whose it is, and what it may sign."""

    name: Annotated[str, Field(min_length=1, max_length=60)]
    """What the board calls its owner; several keys may share a name."""
    key: Annotated[str, Field(pattern=KEY_PATTERN)]
    """The public key as `fmn keys` prints it: ed25519: and 64 hexadecimal digits."""
    signs: Annotated[tuple[Role, ...], Field(min_length=1, max_length=2)]
    """Kinds of runs whose records this key may sign."""

    @classmethod
    def contradictions(cls, values: Mapping[str, Any]) -> Iterator[Problem]:
        """Refuse the name that this machine's own keys have."""
        if str(values.get("name", "")).strip().casefold() == THIS_MACHINE:
            yield Problem("name", f"another name than {THIS_MACHINE!r}, which is for the keys found here", "that name")


class TrustedKeys(Document):
    """The document `trusted_keys.yaml`."""

    keys: tuple[TrustedKey, ...] = ()
    """Who is believed."""

    @classmethod
    def contradictions(cls, values: Mapping[str, Any]) -> Iterator[Problem]:
        """Refuse a key that is listed twice: it would have two owners."""
        seen: set[str] = set()
        for position, each in enumerate(values.get("keys") or ()):
            if each is not None and each.key in seen:
                yield Problem(f"keys[{position}].key", "every key once", "a key that an entry above has")
            seen |= {each.key} if each is not None else set()


@dataclass(frozen=True)
class Signer:
    """The owner of a key that is trusted here."""

    name: str
    key: PublicKey
    roles: frozenset[Role]


@dataclass(frozen=True)
class Trust:
    """Everybody whose signature counts here.

    Attributes:
        signers: by public key.
        problems: what could not be read; its keys are not trusted.
    """

    signers: Mapping[PublicKey, Signer]
    problems: tuple[Problem, ...] = ()

    def signer_of(self, statement: Statement) -> Signer:
        """Say who made a statement.

        Raises:
            BadSignature: the key is not trusted here, or not for runs of this isolation.
        """
        signer = self.signers.get(statement.key)
        if signer is None:
            raise BadSignature(
                f"signed with the key {statement.key.id}, which is not trusted here; "
                "if you know whose it is, add it to trusted_keys.yaml"
            )
        if role_of(statement.isolation) not in signer.roles:
            may = " and ".join(f"{role} runs" for role in sorted(signer.roles))
            raise BadSignature(
                f"signed with the key {signer.key.id} of {signer.name}, which is trusted for {may} only, "
                f"while the record says isolation: {statement.isolation}"
            )
        return signer


def list_path(named: Path | None = None) -> Path:
    """Where the list of trusted keys is: `named`, else what `FMN_TRUSTED_KEYS` names, else what the code comes with."""
    return (named or read_settings().trusted_keys or SHIPPED_LIST).absolute()


def load_trust(named: Path | None = None) -> Trust:
    """Read the list of trusted keys, and this machine's own public keys, as far as there are any."""
    problems: list[Problem] = []
    signers: dict[PublicKey, Signer] = {}
    try:
        for each in _read_list(list_path(named)).keys:
            key = PublicKey(each.key)
            signers[key] = Signer(each.name, key, frozenset(each.signs))
    except UserError as error:
        problems += error.problems
    for role in ROLES:
        try:
            if key_path(role).exists():
                key = signing_key(role).public
                signers[key] = Signer(THIS_MACHINE, key, frozenset({role}))
        except UserError as error:
            problems += error.problems
    return Trust(signers, tuple(problems))


def _read_list(path: Path) -> TrustedKeys:
    try:
        return read_document(TrustedKeys, read_regular(path, MAX_BYTES), path.name)
    except UserError:
        raise
    except (OSError, ValueError) as error:
        got = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        expected = "a readable list of trusted keys (FMN_TRUSTED_KEYS names it)"
        raise UserError([Problem(str(path), expected, got)]) from None
