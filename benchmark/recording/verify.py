"""Verifying records: the signature holds, and its key is trusted for runs of their isolation.

What was verified is what is parsed: the same bytes, read once. A bad record is a sentence, never a crash.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmark.files.bounded import read_regular
from benchmark.files.digests import sha256_of
from benchmark.recording.archive import parse_record, signature_path
from benchmark.recording.possible import check_possible
from benchmark.recording.record import EvaluationRecord
from benchmark.recording.record_files import beside, read_content
from benchmark.recording.signature import MAX_SIGNATURE_BYTES, BadSignature, Statement, check
from benchmark.recording.trust import Signer, Trust

UNSIGNED = "no signature beside it; `fmn evaluate` again signs what this machine can measure again"


@dataclass(frozen=True)
class Sealed:
    """The bytes of a record, exactly as a trusted signer signed them; not parsed yet."""

    content: bytes
    statement: Statement
    signer: Signer


@dataclass(frozen=True)
class Believed:
    """A record and its signer."""

    record: EvaluationRecord
    signer: Signer


@dataclass(frozen=True)
class Verdict:
    """What is to be said of one file.

    Attributes:
        signer: who signed it, and isolation what it says of itself; empty where the signature does not hold.
        problem: what is wrong with it, in words; empty where nothing is.
    """

    path: Path
    signer: str
    isolation: str
    problem: str


def open_record(path: Path, trust: Trust) -> Believed:
    """Read a record if it is to be believed; the files beside it are not looked at.

    Raises:
        BadSignature: it is not signed, was altered, or its signer is not trusted with it.
        ValueError: it is signed, and not a record of a known layout.
        OSError: it cannot be read.
    """
    return unseal(open_sealed(path, trust))


def open_sealed(path: Path, trust: Trust) -> Sealed:
    """Read the bytes of a record and check who signed them; a record by an unknown signer is never parsed.

    Raises:
        BadSignature: it is not signed, was altered, or its signer is not trusted with it.
        ValueError: it is no regular file, or too large.
        OSError: it cannot be read.
    """
    content = read_content(path)
    statement = check(content, _read_signature(path))
    return Sealed(content, statement, trust.signer_of(statement))


def unseal(sealed: Sealed) -> Believed:
    """Parse a record that a trusted signer has signed.

    Raises:
        BadSignature: the signature speaks of something else than the record, or its key is not trusted for records
            of that day.
        ValueError: it is not a record of a known layout, or has a number that no evaluation can give.
    """
    record, statement = parse_record(sealed.content), sealed.statement
    if (record.isolation, record.attachments) != (statement.isolation, statement.attachments):
        raise BadSignature("the signature speaks of another isolation or of other files than the record")
    sealed.signer.check_date(record.signed_at)
    check_possible(record)
    return Believed(record, sealed.signer)


def check_attachments(path: Path, record: EvaluationRecord) -> None:
    """Check that every file that a record names lies beside it as it was signed.

    Raises:
        BadSignature: one is missing or was altered.
        OSError: one cannot be read.
    """
    for suffix, sha256 in record.attachments.items():
        file = beside(path, suffix)
        if not file.is_file():
            raise BadSignature(f"{file.name}, which it names, is missing")
        if sha256_of(file) != sha256:
            raise BadSignature(f"{file.name}, which it names, was changed after signing")


def judge(path: Path, trust: Trust) -> Verdict:
    """Verify a record and every file that belongs to it; never raises."""
    signer = isolation = ""
    try:
        believed = open_record(path, trust)
        signer, isolation = f"{believed.signer.name} ({believed.signer.key.id})", believed.record.isolation
        check_attachments(path, believed.record)
    except (OSError, ValueError, RecursionError) as error:
        return Verdict(path, signer, isolation, in_words(error))
    return Verdict(path, signer, isolation, "")


def in_words(error: Exception) -> str:
    """Say why a record could not be believed, without its path, which the caller knows."""
    if isinstance(error, OSError) and error.strerror:
        return f"it cannot be read: {error.strerror.lower()}"
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)


def _read_signature(path: Path) -> bytes:
    try:
        return read_regular(signature_path(path), MAX_SIGNATURE_BYTES)
    except FileNotFoundError:
        raise BadSignature(UNSIGNED) from None
    except OSError as error:
        raise BadSignature(f"the signature file beside it {in_words(error).removeprefix('it ')}") from None
    except ValueError as error:
        raise BadSignature(f"the file beside it is not a signature: {error}") from None
