"""A new record from an old one: what its outcomes determine is computed again by today's definitions, and signed anew.

It owns the road from a record on disk to a derived record on disk. It reads no weights, trains nothing, and never
writes over the original.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmark.evaluation.packed_outcomes import packed
from benchmark.recording.archive import (
    areas_path,
    maps_path,
    outcomes_path,
    parse_record,
    read_record,
    record_path,
    signature_path,
    write_record,
)
from benchmark.recording.derivation import Original, derive
from benchmark.recording.isolation import role_of
from benchmark.recording.possible import check_possible
from benchmark.recording.record import EvaluationRecord
from benchmark.recording.record_files import existing, read_content
from benchmark.recording.signing_keys import signing_key
from benchmark.recording.trust import Trust
from benchmark.recording.verify import check_attachments, open_record
from benchmark.scoring.areas import AreaKey, Areas, areas_by_run, table_of, write_areas
from benchmark.scoring.definitions import definition_of
from benchmark.scoring.metric import Column
from benchmark.scoring.recompute import Recomputed, recompute
from benchmark.scoring.registry import all_columns, metric_versions
from benchmark.scoring.statistics.ranges import bare
from benchmark.spec import BenchmarkSpec
from benchmark.spec.documents.validation import parse_document

NOTE = "computed again from the outcomes beside the original"


@dataclass(frozen=True)
class Derived:
    """A record that was derived, where it is, and how many different numbers it replaces or adds."""

    path: Path
    record: EvaluationRecord
    num_numbers: int


def derive_record(
    path: Path, out: Path, trust: Trust, *, note: str = NOTE, unsigned: bool = False, key_version: str = "",
    without: Sequence[str] | None = None,
) -> Derived:  # fmt: skip
    """Compute what the outcomes of a record determine again, and write it as a record of its own, signed here.

    Args:
        path: of the original, with its files beside it.
        out: folder of records to write to, which must not be the original's own.
        trust: whose records are believed.
        note: why, and what is known of the original: for people.
        unsigned: whether an original without a signature is taken. Nothing proves how isolated it was made, so that
            the derived record says `isolation: none`.
        key_version: of the training code that made its states, where that is known and the original does not say it.
        without: where given, outcomes are packed, and these columns of them left out, after everything was computed.
            The note names them.

    Raises:
        ValueError: the original is not to be believed, its outcomes are not such as a scorer writes, a column cannot be
            left out, or `out` holds a record of the same name that is not derived, or the original itself.
        OSError: something cannot be read or written.
    """
    original, record = _original(path, trust, unsigned=unsigned)
    _refuse_overwriting(record_path(out, record), original)
    outcomes = outcomes_path(path).read_bytes()
    again = _again(path, record, outcomes)
    kept = outcomes if without is None else packed(outcomes, without)
    numbers = {name for found in (*again.runs.values(), *again.cells.values(), again.summary) for name in found}
    derived = derive(
        original, again.runs, again.cells, again.summary, when=_now(), note=note + _left_out(without or ()),
        versions=_known(record, key_version) | _applied(record, numbers), columns=_columns(numbers),
    )  # fmt: skip
    areas = areas_path(path).read_bytes() if record.areas_sha256 is not None else _areas(again.areas)
    changes: dict[str, Any] = {
        "areas_sha256": hashlib.sha256(areas).hexdigest(), "outcomes_sha256": hashlib.sha256(kept).hexdigest(),
    }  # fmt: skip
    changes |= {"isolation": "none", "states_isolation": None} if unsigned and not original.signature else {}
    derived = derived.model_copy(update=changes)
    check_possible(derived)
    maps = maps_path(path).read_bytes() if record.maps_sha256 is not None else None
    written = write_record(out, derived, kept, maps, areas, key=signing_key(role_of(derived.isolation)))
    return Derived(written, derived, len(numbers))


def _known(record: EvaluationRecord, key_version: str) -> dict[str, str]:
    """Return the versions of training and specification, where the version of training is known."""
    return {"keys": key_version, "spec": str(record.spec.get("version", ""))} if key_version else {}


def _left_out(without: Sequence[str]) -> str:
    if not without:
        return ""
    return f"; the outcomes were packed without the columns {', '.join(without)}, after everything was computed"


def _original(path: Path, trust: Trust, *, unsigned: bool) -> tuple[Original, EvaluationRecord]:
    content, signature = read_content(path), signature_path(path)
    if unsigned and not signature.exists():
        record = parse_record(content)
        check_possible(record)
        found = Original(content, "")
    else:
        record = open_record(path, trust).record
        found = Original(content, signature.read_text(encoding="utf-8"))
        if record != parse_record(content):
            raise ValueError("it was replaced while it was read; run the same command again")
    check_attachments(path, record)
    return found, record


def _refuse_overwriting(target: Path, original: Original) -> None:
    there = existing(target)
    if there is None:
        return
    if read_record(there).derived is None:
        raise ValueError(f"expected a folder without this record, got {there}, which is not derived; it stays")
    if read_content(there) == original.content:
        raise ValueError(f"expected a folder without the original, got {there}, which is the original; it stays")


def numbers_again(
    record: EvaluationRecord, outcomes: pa.Table, areas: Mapping[AreaKey, Areas] | None
) -> Recomputed:
    """Compute the numbers of a record again from its outcomes, with what its areas say of untrained encoders.

    Raises:
        ValueError: the outcomes are not those of its runs, or its specification cannot be read.
        LookupError: the record lacks facts about a dataset.
    """
    said = {
        (run.task, run.schedule, Decimal(repr(run.sparsity)), run.seed): run.metrics
        for run in record.runs if run.status == "finished"
    }  # fmt: skip
    num_classes = {task: len(facts["classes"]) for task, facts in record.datasets.items()}
    return recompute(parse_document(BenchmarkSpec, record.spec), num_classes, outcomes, said, areas)


def areas_beside(path: Path, record: EvaluationRecord) -> dict[AreaKey, Areas] | None:
    """Read the areas beside a record; None where it names no such file."""
    return None if record.areas_sha256 is None else areas_by_run(pq.read_table(areas_path(path)))


def _again(path: Path, record: EvaluationRecord, outcomes: bytes) -> Recomputed:
    try:
        return numbers_again(record, pq.read_table(pa.BufferReader(outcomes)), areas_beside(path, record))
    except (LookupError, TypeError, pa.ArrowException) as error:
        raise ValueError(f"its outcomes are not such as a scorer writes: {error}") from error


def _applied(record: EvaluationRecord, numbers: Iterable[str]) -> dict[str, str]:
    """Return today's versions of the metrics of cells and grids, except where a number of the record keeps an old one.

    What is no number of today is left out of a derived record, and keeps nothing.
    """
    named = {name for cell in record.cells for name in cell.metrics} | set(record.summary)
    today = {column.name for column in all_columns()}
    kept = {definition_of(name) for name in named - set(numbers) if bare(name) in today}
    return {
        metric: version for metric, version in metric_versions().items()
        if metric.startswith(("cell/", "grid/")) and metric not in kept
    }  # fmt: skip


def _columns(numbers: Iterable[str]) -> tuple[Column, ...]:
    """Return the columns of today in whose groups a number was computed again."""
    groups = {bare(name).partition("/")[0] for name in numbers}
    return tuple(column for column in all_columns() if column.name.partition("/")[0] in groups)


def _areas(found: Mapping[AreaKey, Areas]) -> bytes:
    content = io.BytesIO()
    write_areas([table_of([(*key, area_N) for key, area_N in found.items()])], content)
    return content.getvalue()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
