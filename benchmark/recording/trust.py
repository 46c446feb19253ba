"""Whom this installation believes: a list of public keys with names, and this machine's own keys.

It refuses to verify anything; it says who the owner of a key is and what that key may sign.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
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
DATE_PATTERN = r"^\d{4}-\d\d-\d\d$"


class TrustedKey(Document):
    """A key, whose it is, and what it may sign."""

    name: Annotated[str, Field(min_length=1, max_length=60)]
    """What the board calls its owner; several keys may share a name."""
    key: Annotated[str, Field(pattern=KEY_PATTERN)]
    """The public key as `fmn keys` prints it: ed25519: and 64 hexadecimal digits."""
    signs: Annotated[tuple[Role, ...], Field(min_length=1, max_length=2)]
    """Kinds of runs whose records this key may sign."""
    since: Annotated[str, Field(pattern=DATE_PATTERN)] | None = None
    """First day (UTC) of which its records are believed: YYYY-MM-DD; nothing: any day."""
    until: Annotated[str, Field(pattern=DATE_PATTERN)] | None = None
    """Last day (UTC) of which its records are believed, that day included; nothing: any day."""

    @classmethod
    def contradictions(cls, values: Mapping[str, Any]) -> Iterator[Problem]:
        """Refuse the name that this machine's own keys have, days that no calendar has, and an end before the start."""
        if str(values.get("name", "")).strip().casefold() == THIS_MACHINE:
            yield Problem("name", f"another name than {THIS_MACHINE!r}, which is for the keys found here", "that name")
        days = {name: str(values[name]) for name in ("since", "until") if values.get(name) is not None}
        for name, day in days.items():
            if not _is_a_day(day):
                yield Problem(name, "a day of the calendar, YYYY-MM-DD", day)
        if len(days) == 2 and days["since"] > days["until"]:
            yield Problem("until", f"a day not before {days['since']}, the value of since", days["until"])


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
    """The owner of a key that is trusted here.

    Attributes:
        name: of the owner.
        key: the key.
        roles: kinds of runs that it may sign.
        since: first day, `YYYY-MM-DD` in UTC, of which its records are believed; empty for any.
        until: last such day; empty for any.
    """

    name: str
    key: PublicKey
    roles: frozenset[Role]
    since: str = ""
    until: str = ""

    def check_date(self, when: str) -> None:
        """Check that a record was made while its key is trusted. The time is the signer's word.

        Args:
            when: `YYYY-MM-DDTHH:MM:SSZ`, as the record says.

        Raises:
            BadSignature: it was made before or after.
        """
        day = when[:10]
        if (self.since and day < self.since) or (self.until and day > self.until):
            bounds = [f"since {self.since}"] if self.since else []
            bounds += [f"until {self.until}"] if self.until else []
            raise BadSignature(
                f"made on {day}, and signed with the key {self.key.id} of {self.name}, "
                f"which is trusted for records {' and '.join(bounds)} only"
            )


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
            signers[key] = Signer(each.name, key, frozenset(each.signs), each.since or "", each.until or "")
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


def demand_trust(named: Path | None = None) -> Trust:
    """Read the keys as `load_trust` does.

    Raises:
        UserError: the list, or a key of this machine, cannot be used; names every problem.
    """
    trust = load_trust(named)
    if trust.problems:
        raise UserError(trust.problems)
    return trust


def _is_a_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _read_list(path: Path) -> TrustedKeys:
    try:
        return read_document(TrustedKeys, read_regular(path, MAX_BYTES), path.name)
    except UserError:
        raise
    except (OSError, ValueError) as error:
        got = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        expected = "a readable list of trusted keys (FMN_TRUSTED_KEYS names it)"
        raise UserError([Problem(str(path), expected, got)]) from None
