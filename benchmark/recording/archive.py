"""The archive of records: canonical JSON, its signature, and the parquets that it names. Reads what others wrote."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from benchmark.files.atomic import write_atomically
from benchmark.files.bounded import read_regular
from benchmark.files.digests import sha256_of
from benchmark.printable import counted
from benchmark.recording.record import AREAS_SUFFIX, MAPS_SUFFIX, OUTCOMES_SUFFIX, READABLE_VERSIONS, EvaluationRecord
from benchmark.recording.record_files import beside, existing, read_content, record_paths
from benchmark.recording.signature import MAX_SIGNATURE_BYTES, check, sign
from benchmark.recording.signing_keys import SigningKey
from benchmark.spec.canonical import canonical_json

logger = logging.getLogger(__name__)

SIGNATURE_SUFFIX = ".sig"
"""Of the signature beside a record; not `.json`, so that it is not mistaken for a record."""


@dataclass(frozen=True)
class RejectedRecord:
    """A file that is not a valid record, and why."""

    path: Path
    why: str


def record_path(records: Path, record: EvaluationRecord) -> Path:
    """Where a record is kept: by specification, then submission and evaluation key."""
    return place_of(records, record.spec_identity, record.submission.name, record.evaluation_key)


def place_of(records: Path, spec_identity: str, submission: str, evaluation_key: str) -> Path:
    """Where the record of an evaluation is kept, or will be."""
    return records / spec_identity / f"{submission}-{evaluation_key[:12]}.json"


def write_record(
    records: Path, record: EvaluationRecord, outcomes: bytes, maps: bytes | None = None, areas: bytes | None = None, *,
    key: SigningKey,
) -> Path:  # fmt: skip
    """Write a record, the files beside it and a signature over all of them.

    The record comes last, so that it never names files that are not there and is never seen unsigned. Cut off at any
    moment, or damaged later, it is whole again after the next call.

    A record that says the same as the one already there, apart from when it was made and what making it cost, leaves
    that one untouched, so that repeating an evaluation changes nothing. But only if `key` signed that one: a signature
    is never put on bytes that were found.
    """
    path = record_path(records, record)
    there = existing(path)
    if there is not None and _says_the_same(there, record) and _is_signed(there, key):
        return there
    content = canonical_json(record.model_dump(mode="json"))
    write_atomically(outcomes_path(path), outcomes)
    if maps is not None:
        write_atomically(maps_path(path), maps)
    if areas is not None:
        write_atomically(areas_path(path), areas)
    write_atomically(signature_path(path), sign(content, record.attachments, record.isolation, key))
    write_atomically(path, content)
    if there is not None and there != path:
        there.unlink()
    return path


def outcomes_path(path: Path) -> Path:
    """Where the per-example outcomes of the record at `path` are."""
    return beside(path, OUTCOMES_SUFFIX)


def maps_path(path: Path) -> Path:
    """Where the maps of the record at `path` are."""
    return beside(path, MAPS_SUFFIX)


def areas_path(path: Path) -> Path:
    """Where the areas per test image of the record at `path` are."""
    return beside(path, AREAS_SUFFIX)


def signature_path(path: Path) -> Path:
    """Where the signature of the record at `path` is."""
    return beside(path, SIGNATURE_SUFFIX)


def with_what_belongs(path: Path, copy: Path, record: EvaluationRecord) -> dict[Path, Path]:
    """Name the files of a record and where each goes in a copy: attachments, the signature, and last the record.

    Args:
        path: where the record is.
        copy: where its copy is to be.
        record: says which attachments it has.
    """
    suffixes = (*record.attachments, SIGNATURE_SUFFIX)
    return {beside(path, suffix): beside(copy, suffix) for suffix in suffixes} | {path: copy}


def read_record(path: Path) -> EvaluationRecord:
    """Read one record, without verifying its signature.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not a valid record of a known schema version.
    """
    return parse_record(read_content(path))


def parse_record(content: bytes) -> EvaluationRecord:
    """Read a record from the bytes of its file.

    Raises:
        ValueError: it is not a valid record of a known schema version.
    """
    if b"NaN" not in content and b"Infinity" not in content:
        try:
            return EvaluationRecord.model_validate_json(content)  # half the time; its words are for programmers
        except ValidationError:
            pass
    raw = json.loads(content, parse_constant=_refuse_constant)
    version = raw.get("schema_version") if isinstance(raw, dict) else None
    if type(version) is not int or version not in READABLE_VERSIONS:
        known = " or ".join(map(str, READABLE_VERSIONS))
        raise ValueError(f"expected schema version {known}, got {version!r}; update Forget-Me-Not to read it")
    try:
        return EvaluationRecord.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        problems = counted(error.error_count(), "problem")
        raise ValueError(f"not a valid record: {where}: {first['msg']} ({problems})") from error


def _refuse_constant(word: str) -> None:
    raise ValueError(f"expected finite numbers, got {word}")


def has_attachments(path: Path, record: EvaluationRecord) -> bool:
    """Whether every file that the record at `path` names lies beside it, unaltered."""
    files = {beside(path, suffix): sha256 for suffix, sha256 in record.attachments.items()}
    return all(file.is_file() and sha256_of(file) == sha256 for file, sha256 in files.items())


def each_record(records: Path) -> Iterator[tuple[EvaluationRecord, Path] | RejectedRecord]:
    """Read every record below a folder, one at a time, together with its place; bad ones are named, never fatal."""
    for path in record_paths(records):
        try:
            yield read_record(path), path
        except (OSError, ValueError, RecursionError) as error:
            yield RejectedRecord(path, str(error))


def find_records(records: Path) -> tuple[list[tuple[EvaluationRecord, Path]], list[RejectedRecord]]:
    """Read every record below a folder as `each_record` does, into memory: half a MiB each."""
    good: list[tuple[EvaluationRecord, Path]] = []
    bad: list[RejectedRecord] = []
    for each in each_record(records):
        if isinstance(each, RejectedRecord):
            bad.append(each)
        else:
            good.append(each)
    return good, bad


def _says_the_same(path: Path, record: EvaluationRecord) -> bool:
    try:
        there = read_record(path)
    except (OSError, ValueError, RecursionError) as error:
        logger.warning("%s is no valid record and is written again: %s", path, error)
        return False
    same = {"created": there.created, "cost": there.cost, "provenance": there.provenance}
    return record.model_copy(update=same) == there and has_attachments(path, record)


def _is_signed(path: Path, key: SigningKey) -> bool:
    try:
        content, signature = read_content(path), signature_path(path)
        return check(content, read_regular(signature, MAX_SIGNATURE_BYTES)).key == key.public
    except (OSError, ValueError) as error:
        logger.warning("%s has no valid signature and is written again: %s", path, error)
        return False
