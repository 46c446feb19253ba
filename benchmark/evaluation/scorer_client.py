"""Asks the scorer, in a process or container of its own, to score what was trained, and reads its answer."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmark.evaluation.preparation import Prepared
from benchmark.executors.base import Executor
from benchmark.executors.errors import ExecutorError, ScorerError
from benchmark.plan import Run, Segment, Subtree, path_to
from benchmark.recording.isolation import Isolation
from benchmark.scoring.scoring_job import (
    AREAS_FILE,
    MAPS_FILE,
    MAX_CHUNK_MIB,
    OUTCOMES_FILE,
    RESULT_FILE,
    BranchPoint,
    OtherDataset,
    RunToScore,
    ScoringJob,
    ScoringResult,
    TaskToScore,
)
from benchmark.settings import read_settings
from benchmark.spec import Problem, UserError
from benchmark.store.dataset_files import TransferData
from benchmark.store.layout import SCORING_PREFIX, Home
from benchmark.store.state_store import Store

CHUNK_VARIABLE = "FMN_SCORING_CHUNK_MIB"
"""Variable with the size of the scorer's pieces of work in MiB: less where memory is short, as on a shared GPU."""

_ROOM_BYTES = 16 << 20
"""A disk that has no room for so much is called full where a scorer has failed."""


@dataclass(frozen=True)
class ScorerAnswer:
    """What a scorer answers.

    Attributes:
        result: its numbers.
        outcomes: a parquet file of per-example outcomes, kept beside the record.
        maps: a parquet file of two-dimensional maps, kept beside the record.
        areas: a parquet file of the area under the curve per model and test image, kept beside the record.
        states: keys of all states that were read: of runs, and those from which their masks were derived.
    """

    result: ScoringResult
    outcomes: bytes
    maps: bytes
    areas: bytes
    states: frozenset[str] = frozenset()


def chosen_chunk_mib() -> int | None:
    """Return the size of the scorer's pieces of work that `FMN_SCORING_CHUNK_MIB` asks for, in MiB, or None.

    Raises:
        UserError: it is not such a number.
    """
    asked = read_settings().scoring_chunk_mib
    if not asked:
        return None
    if not (asked.isascii() and asked.isdecimal() and len(asked) < 10 and 1 <= int(asked) <= MAX_CHUNK_MIB):
        expected = f"a whole number of MiB from 1 to {MAX_CHUNK_MIB}, or nothing"
        raise UserError([Problem(CHUNK_VARIABLE, expected, asked[:40])])
    return int(asked)


def run_scorer(
    prepared: Prepared, home: Home, store: Store, executor: Executor, workers: int, on_wait: Callable[[], None],
    at_least: Isolation = "none",
) -> ScorerAnswer:  # fmt: skip
    """Score every run whose state is stored, on the device that it was trained on.

    Args:
        prepared: what is evaluated.
        home: where outcomes and logs are kept.
        store: where states are.
        executor: where the scorer runs.
        workers: processes that may work at the same time.
        on_wait: called several times per second until the scorer has ended.
        at_least: a state that was made with less isolation counts as missing.

    Raises:
        ExecutorError: the scorer ended with an error or was killed: what it answers is not known.
        OSError: the disk is full, or may not be written to.
    """
    job, states = scoring_job(prepared, home, store, workers, at_least)
    log = home.logs / f"scoring-{prepared.evaluation_key}.log"
    with scored(job, home, executor, log, on_wait) as (result, out):
        outcomes, maps, areas = ((out / name).read_bytes() for name in (OUTCOMES_FILE, MAPS_FILE, AREAS_FILE))
        return ScorerAnswer(result, outcomes, maps, areas, states)


@contextmanager
def scored(
    job: ScoringJob, home: Home, executor: Executor, log: Path, on_wait: Callable[[], None]
) -> Generator[tuple[ScoringResult, Path]]:
    """Run the scorer on a job, and give its result and the folder of its files, which is then removed.

    Args:
        job: what is asked.
        home: where outcomes are kept.
        executor: where the scorer runs.
        log: file for what it prints.
        on_wait: called several times per second until it has ended.

    Raises:
        ExecutorError: the scorer ended with an error or was killed: what it answers is not known.
        OSError: the disk is full, or may not be written to.
    """
    home.outcomes.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.root, prefix=SCORING_PREFIX) as folder:
        job_file, out = Path(folder) / "job.json", Path(folder) / "out"
        out.mkdir()
        job_file.write_text(job.model_dump_json(), encoding="utf-8")
        try:
            executor.score(job_file, out, log, on_wait)
        except ScorerError as error:
            _demand_disk(home.outcomes)
            said = f"scoring has failed, and no record is written; run the same command again to continue: {error}"
            raise ExecutorError(said) from error
        yield ScoringResult.model_validate_json((out / RESULT_FILE).read_bytes()), out


def scoring_job(
    prepared: Prepared, home: Home, store: Store, workers: int, at_least: Isolation
) -> tuple[ScoringJob, frozenset[str]]:
    """Return what the scorer is asked, and the keys of all states that it reads for it.

    Args:
        prepared: what is evaluated.
        home: where outcomes are kept.
        store: where states are.
        workers: processes that may work at the same time.
        at_least: a state that was made with less isolation counts as missing.
    """
    tasks: list[TaskToScore] = []
    states: set[str] = set()
    for name, data in prepared.data.items():
        subtrees = [subtree for subtree in prepared.plan.subtrees if subtree.task == name]
        there = [
            (run, subtree)
            for subtree in subtrees for run in subtree.runs if store.has(run.state_key, at_least=at_least)
        ]  # fmt: skip
        states.update(key for run, subtree in there for key in _states_of(run, subtree))
        task = TaskToScore(
            name=name, index=subtrees[0].task_index, num_classes=data.dataset.num_classes,
            train_file=data.labelled, test_file=data.test,
            train_digest=data.dataset.train.digest, test_digest=data.dataset.test.digest,
            runs=tuple(_to_score(run, subtree, store) for run, subtree in there),
            transfer=tuple(_transfer_dataset(each) for each in prepared.transfer),
        )  # fmt: skip
        tasks.append(task)
    job = ScoringJob(
        spec=prepared.spec, tasks=tuple(tasks), cache=home.outcomes, workers=workers, device=prepared.device,
        chunk_mib=chosen_chunk_mib(),
    )  # fmt: skip
    return job, frozenset(states)


def _demand_disk(folder: Path) -> None:
    """Ask the disk, rather than the output of a scorer, whether that is why it has failed.

    Raises:
        OSError: there is no room for a few MiB, or nothing may be written.
    """
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_ROOM_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from error


def _transfer_dataset(data: TransferData) -> OtherDataset:
    dataset = data.dataset
    return OtherDataset(
        name=dataset.name, num_classes=dataset.num_classes, train_file=data.train, test_file=data.test,
        train_digest=dataset.train.digest, test_digest=dataset.test.digest,
    )  # fmt: skip


def _to_score(run: Run, subtree: Subtree, store: Store) -> RunToScore:
    path = path_to(subtree.segments, run.state_key)
    return RunToScore(
        schedule=run.schedule, sparsity=run.sparsity, seed=run.seed, state_key=run.state_key,
        num_pruned=run.events[-1].num_pruned if run.events else (), directory=store.path(run.state_key),
        branch_points=tuple(_branch_point(segment, store) for segment in path if segment.is_derivable),
    )  # fmt: skip


def _states_of(run: Run, subtree: Subtree) -> set[str]:
    """Return the states that scoring a run reads: its own, and those from which its mask is derived."""
    path = path_to(subtree.segments, run.state_key)
    return {run.state_key} | {each.parent for each in path if each.is_derivable and each.parent is not None}


def _branch_point(segment: Segment, store: Store) -> BranchPoint:
    return BranchPoint(
        directory=store.path(segment.parent) if segment.parent is not None else None,
        num_pruned=segment.applied[-1].num_pruned if segment.applied else (), event=segment.events[0],
    )  # fmt: skip
