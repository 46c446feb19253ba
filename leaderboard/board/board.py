"""What the pages need of all records, condensed into a few tables that are small and quick to filter.

Pure: records in, a `Board` out. It reads no file and does not rank.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from benchmark.recording.record import EvaluationRecord, RunRecord
from benchmark.recording.trust import Signer
from benchmark.scoring.metric import Column, Estimate
from benchmark.scoring.metric_names import PROBE_ACCURACY
from benchmark.scoring.statistics.seeds import Run, score_per_seed, two_groups
from leaderboard.board.inference.costs import BOARD_COLUMNS, WORST_SEED, costs
from leaderboard.board.inference.evidence import Evidence
from leaderboard.board.inference.pruned_floor import floor_rows
from leaderboard.board.inference.score_intervals import with_score_intervals
from leaderboard.board.recorded_spec import chance_of, digest_of, read_spec

DENSE = "dense"
SUMMARY = ""
"""Schedule of the rows in `Board.numbers` that describe a whole submission."""
MAX_MESSAGE_CHARACTERS = 300


@dataclass(frozen=True)
class FailedRun:
    """One run without a score; `message` is untrusted text."""

    task: str
    schedule: str
    sparsity: float
    seed: int
    reason: str
    message: str


@dataclass(frozen=True)
class Reference:
    """Accuracy of a representation nobody trained."""

    task: str
    name: str
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Entry:
    """The facts of one evaluation; every text in it is untrusted. `path` names it within a board.

    `controlled` says which schedule a control differs from in its criterion only, `chance` the accuracy of guessing per
    task; `signed_by` and `key_id` say who vouches for all of it. `name` is that of the submission; where two signers on
    a board use the same one, `assemble` adds the signer. The digests are those of the files beside the record, and
    `seed_scores` the robustness scores of all seeds, () where a run is missing.
    """

    path: str
    evaluation_key: str
    spec_identity: str
    spec_digest: str
    tier: str
    name: str
    authors: tuple[str, ...]
    description: str
    paper: str
    supervision: str
    digest: str
    isolation: str
    signed_by: str
    key_id: str
    created: str
    tasks: tuple[str, ...]
    schedules: tuple[str, ...]
    controls: tuple[str, ...]
    controlled: Mapping[str, str]
    sparsities: tuple[float, ...]
    chance: Mapping[str, float]
    confidence: float
    num_models: int
    num_runs: int
    failed: tuple[FailedRun, ...]
    device_s: float
    columns: tuple[Column, ...]
    references: tuple[Reference, ...]
    outcomes_sha256: str = ""
    areas_sha256: str | None = None
    signed_at: str = ""
    seed_scores: tuple[float, ...] = ()

    @property
    def seed_groups(self) -> str:
        """Say that seeds fall into two groups; empty where they do not."""
        found = two_groups(self.seed_scores)
        return "" if found is None else found.sentence

    @property
    def submission(self) -> str:
        """Name of the submission itself, whoever signed it."""
        return self.name.removesuffix(f" ({self.signed_by})")

    @property
    def barred(self) -> str:
        """Why this evaluation is not ranked; empty where it is complete."""
        if not self.failed:
            return ""
        reasons = sorted({run.reason.replace("_", " ") for run in self.failed})
        return f"{len(self.failed)} of {self.num_runs} runs failed: {', '.join(reasons)}"


@dataclass(frozen=True)
class Board:
    """All evaluations of a store.

    Attributes:
        entries: by path.
        numbers: one row per (path, task, schedule, sparsity, metric) with value, low, high; summaries have schedule "".
        seeds: one row per finished run: path, task, schedule, sparsity, seed, accuracy of its linear probe.
        evidence: by path, what inference over models and test images needs; absent where no areas are beside a record.
    """

    entries: Mapping[str, Entry]
    numbers: pd.DataFrame
    seeds: pd.DataFrame
    evidence: Mapping[str, Evidence] = field(default_factory=dict[str, Evidence])

    @property
    def names_by_age(self) -> list[str]:
        """Names of submissions in the order in which they first appeared (what colours depend on)."""
        return list(dict.fromkeys(e.name for e in sorted(self.entries.values(), key=lambda e: (e.created, e.name))))


NUMBERS = pa.schema(
    [("task", pa.string()), ("schedule", pa.string()), ("sparsity", pa.float64()), ("metric", pa.string()),
     ("value", pa.float64()), ("low", pa.float64()), ("high", pa.float64())]
)  # fmt: skip
SEEDS = pa.schema(
    [("task", pa.string()), ("schedule", pa.string()), ("sparsity", pa.float64()), ("seed", pa.int64()),
     ("accuracy", pa.float64())]
)  # fmt: skip


@dataclass(frozen=True)
class Condensed:
    """What a board keeps of one record: its facts, and its share of `Board.numbers` and `Board.seeds`, less the path.

    They are tables, which are put together in milliseconds. `record_sha256` is the digest of the bytes that were
    signed, empty where no file was read; `evidence` comes from the areas beside the record.
    """

    entry: Entry
    numbers: pa.Table
    seeds: pa.Table
    record_sha256: str = ""
    evidence: Evidence | None = None


def condense(path: str, record: EvaluationRecord, signer: Signer) -> Condensed:
    """Take from one record what a board needs.

    Raises:
        ValueError: a number in it is beyond what a table can hold, or it lacks what a board needs to know.
    """
    try:
        entry = entry_of(path, record, signer)
        return Condensed(entry, _table(_number_rows(record, entry), NUMBERS), _table(_seed_rows(record), SEEDS))
    except OverflowError:
        raise ValueError("expected seeds of at most 64 bits, got a larger one") from None


def assemble(condensed: Iterable[Condensed]) -> Board:
    """Build a board from condensed records; submissions of the same name by different signers get different names."""
    condensed = tuple(condensed)
    paths, confidences = [each.entry.path for each in condensed], {e.entry.path: e.entry.confidence for e in condensed}
    evidence = {each.entry.path: each.evidence for each in condensed if each.evidence}
    numbers = _frame(paths, [each.numbers for each in condensed], NUMBERS)
    seeds = _frame(paths, [each.seeds for each in condensed], SEEDS)
    entries = {entry.path: entry for entry in _told_apart([each.entry for each in condensed])}
    return Board(entries, with_score_intervals(numbers, evidence, confidences), seeds, evidence)


def _told_apart(entries: Sequence[Entry]) -> list[Entry]:
    """Add the signer to every name that several signers use, so that no record takes the place of another signer's.

    Keys to which the list of trusted keys gives one name are one signer. A name that looks as if a signer was added,
    which admission refuses, gets the real one too.
    """
    signers: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        signers[entry.name].add(entry.signed_by)
    return [
        replace(each, name=f"{each.name} ({each.signed_by})")
        if len(signers[each.name]) > 1 or " (" in each.name else each for each in entries
    ]  # fmt: skip


def entry_of(path: str, record: EvaluationRecord, signer: Signer) -> Entry:
    """Take the facts of one record.

    Raises:
        ValueError: its specification or the facts about its data sets lack what a board needs.
    """
    facts = record.submission
    tasks = tuple(dict.fromkeys(run.task for run in record.runs))
    names = dict.fromkeys(run.schedule for run in record.runs if run.schedule != DENSE)
    spec = read_spec(record.spec, names)
    ranked = tuple(name for name in names if name not in spec.controls)
    sparsities = tuple(sorted({run.sparsity for run in record.runs if run.schedule != DENSE}))
    chance, num_models = chance_of(record.datasets, tasks), len({run.seed for run in record.runs})
    accuracy: dict[Run, float] = {(task, *where): value for task, *where, value in _seed_rows(record)}
    seed_scores = tuple(score_per_seed(accuracy, chance, ranked, sparsities).values())
    return Entry(
        path=path,
        evaluation_key=record.evaluation_key,
        spec_identity=record.spec_identity,
        spec_digest=digest_of(record.spec),
        tier=record.tier,
        name=facts.name,
        authors=facts.authors,
        description=facts.description,
        paper=facts.paper,
        supervision=facts.supervision,
        digest=facts.digest,
        isolation=record.isolation,
        signed_by=signer.name,
        key_id=signer.key.id,
        created=record.created,
        tasks=tasks,
        schedules=ranked,
        controls=tuple(name for name in names if name in spec.controls),
        controlled=spec.controlled,
        sparsities=sparsities,
        chance=chance,
        confidence=spec.confidence,
        num_models=num_models,
        num_runs=len(record.runs),
        failed=tuple(_failed(run) for run in record.runs if run.status == "failed"),
        device_s=record.cost.train_s + record.cost.scoring_s,
        columns=record.columns + BOARD_COLUMNS,
        references=tuple(
            Reference(r.task, r.name, r.accuracy.value, r.accuracy.low, r.accuracy.high) for r in record.references
        ),
        outcomes_sha256=record.outcomes_sha256,
        areas_sha256=record.areas_sha256,
        signed_at=record.signed_at,
        seed_scores=seed_scores if record.is_complete and len(seed_scores) == num_models else (),
    )


def _number_rows(record: EvaluationRecord, entry: Entry) -> Iterable[tuple[Any, ...]]:
    worst = {WORST_SEED: Estimate(value=min(entry.seed_scores))} if entry.seed_scores else {}
    for metric, estimate in {**record.summary, **worst, **costs(record)}.items():
        yield ("", SUMMARY, float("nan"), metric, estimate.value, estimate.low, estimate.high)
    yield from floor_rows(record)
    for cell in record.cells:
        for metric, estimate in cell.metrics.items():
            yield (cell.task, cell.schedule, cell.sparsity, metric, estimate.value, estimate.low, estimate.high)


def _seed_rows(record: EvaluationRecord) -> Iterable[tuple[Any, ...]]:
    for run in record.runs:
        accuracy = run.metrics.get(PROBE_ACCURACY)
        if run.status == "finished" and accuracy is not None:
            yield (run.task, run.schedule, run.sparsity, run.seed, accuracy)


def _table(rows: Iterable[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [pa.array(column, kind) for column, kind in zip(columns, schema.types, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _frame(paths: list[str], tables: list[pa.Table], schema: pa.Schema) -> pd.DataFrame:
    """Put tables one below the other, each with its path in front; texts become categories, in alphabetical order."""
    whose = np.repeat(np.arange(len(paths)), [table.num_rows for table in tables])
    path = pa.array(paths, pa.string()).take(pa.array(whose, pa.int64()))
    table = pa.concat_tables([schema.empty_table(), *tables]).add_column(0, "path", path)
    made: dict[str, Any] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_string(column.type):
            texts = column.dictionary_encode().to_pandas().cat
            made[name] = texts.reorder_categories(sorted(texts.categories))
        else:
            made[name] = column.to_pandas()
    return pd.DataFrame(made)


def _failed(run: RunRecord) -> FailedRun:
    reason, message = (run.failure.reason, run.failure.message) if run.failure else ("environment", "")
    return FailedRun(run.task, run.schedule, run.sparsity, run.seed, reason, message[:MAX_MESSAGE_CHARACTERS])
