"""Derived records: the record of an evaluation with the numbers that were computed again in place of the old ones.

It owns what such a record says about its origin. It computes nothing and signs nothing: the numbers are given to it
(`benchmark.scoring.recompute`), and whoever writes the record signs it as any other.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from decimal import Decimal

from benchmark.recording.archive import parse_record
from benchmark.recording.record import SCHEMA_VERSION, CellRecord, Derivation, EvaluationRecord, RunRecord
from benchmark.scoring.metric import Column, Estimate
from benchmark.scoring.statistics.ranges import unprefixed

CellKey = tuple[str, str, Decimal]
"""Task, schedule, sparsity."""

RunKey = tuple[str, str, Decimal, int]
"""The same and the seed."""


@dataclass(frozen=True)
class Original:
    """A record as it was found: its bytes, and the text of its signature, empty where there is none."""

    content: bytes
    signature: str


def derive(
    original: Original, runs: Mapping[RunKey, Mapping[str, float]], cells: Mapping[CellKey, Mapping[str, Estimate]],
    summary: Mapping[str, Estimate], *, when: str, note: str, versions: Mapping[str, str] | None = None,
    columns: Sequence[Column] = (),
) -> EvaluationRecord:  # fmt: skip
    """Put numbers that were computed again in place of those of a record; all else stays as it is.

    Args:
        original: what it is derived from.
        runs: per run, what replaces its numbers of the same name or comes in addition; NaN stands for undefined.
        cells: the same per cell.
        summary: the same of the whole submission.
        when: time of the derivation, `YYYY-MM-DDTHH:MM:SSZ`.
        note: why, and what is known of the original: for people.
        versions: of the metrics that the given numbers were computed under; they replace those of the original.
        columns: what today's numbers mean. Where given, numbers of their groups in cells and summary that no column
            describes any more are left out.

    Returns:
        A record of the current schema version, whose `derived` names the original and every number that was given.

    Raises:
        ValueError: the original is no record.
    """
    record = parse_record(original.content)
    given = [*runs.values(), *cells.values(), summary]
    derivation = Derivation(
        original_sha256=hashlib.sha256(original.content).hexdigest(), original_signature=original.signature,
        what=tuple(sorted({name for numbers in given for name in numbers})), when=when, note=note,
    )  # fmt: skip
    described = {column.name for column in columns}
    retired = _retired(record, described)
    changed = {
        "schema_version": SCHEMA_VERSION,
        "runs": tuple(_run(run, runs) for run in record.runs),
        "cells": tuple(_cell(cell, cells, retired) for cell in record.cells),
        "summary": _without(retired, {**record.summary, **summary}),
        "columns": (*(each for each in record.columns if each.name not in described | retired), *columns),
        "definitions": {**(record.definitions or {}), **versions} if versions is not None else record.definitions,
        "derived": derivation,
    }
    return record.model_copy(update=changed)


def _run(run: RunRecord, runs: Mapping[RunKey, Mapping[str, float]]) -> RunRecord:
    found = runs.get((run.task, run.schedule, Decimal(repr(run.sparsity)), run.seed), {})
    numbers = {name: value if math.isfinite(value) else None for name, value in found.items()}
    return run.model_copy(update={"metrics": {**run.metrics, **numbers}})


def _retired(record: EvaluationRecord, described: Set[str]) -> frozenset[str]:
    """Return the numbers that the record describes in a group of today's columns, and that no column of today does."""
    groups = {name.partition("/")[0] for name in described}
    return frozenset(
        each.name for each in record.columns if each.name.partition("/")[0] in groups and each.name not in described
    )


def _without(retired: frozenset[str], numbers: Mapping[str, Estimate]) -> dict[str, Estimate]:
    return {
        name: each for name, each in numbers.items()
        if unprefixed(name) not in retired
    }  # fmt: skip


def _cell(
    cell: CellRecord, cells: Mapping[CellKey, Mapping[str, Estimate]], retired: frozenset[str]
) -> CellRecord:
    found = cells.get((cell.task, cell.schedule, Decimal(repr(cell.sparsity))), {})
    return cell.model_copy(update={"metrics": _without(retired, {**cell.metrics, **found})})
