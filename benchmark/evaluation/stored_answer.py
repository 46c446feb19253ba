"""The last answer of the scorer, kept for as long as everything it was computed from is the same.

Starting the scorer takes seconds even where it only finds that nothing is left to compute. What it would read - states,
data, the specification, its own code, the libraries and the machine - is compared instead. Anything else than equality
starts it. The files beside the record hold outcomes, maps and areas, so that they are not kept twice.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import benchmark
from benchmark.evaluation.preparation import Prepared
from benchmark.evaluation.scorer_client import ScorerAnswer, scoring_job
from benchmark.executors.base import Executor
from benchmark.files.sealed import read_sealed, write_sealed
from benchmark.files.source_digest import source_digest
from benchmark.recording.archive import areas_path, maps_path, outcomes_path, place_of
from benchmark.recording.isolation import Isolation
from benchmark.scoring.scoring_job import ENCODER_FILE, MASK_FILE, ScoringJob, ScoringResult
from benchmark.spec.canonical import digest
from benchmark.store.layout import Home
from benchmark.store.state_store import Store

logger = logging.getLogger(__name__)

_BESIDE_RECORD = (outcomes_path, maps_path, areas_path)
"""Places of the files that hold what an answer has besides numbers."""

_LIBRARIES = ("torch", "numpy", "scipy", "scikit-learn", "kornia", "safetensors", "pyarrow")


class AnswerKeeper:
    """Looks for the answer of one evaluation, and keeps it.

    Args:
        prepared: what is evaluated.
        home: where answers are kept.
        store: where states are.
        executor: where the scorer would run.
        at_least: a state that was made with less isolation counts as missing.
    """

    def __init__(self, prepared: Prepared, home: Home, store: Store, executor: Executor, at_least: Isolation) -> None:
        job, self._states = scoring_job(prepared, home, store, workers=1, at_least=at_least)
        self._path = home.answers / prepared.evaluation_key
        self._record = place_of(
            home.records, prepared.spec.identity, prepared.admitted.name, prepared.evaluation_key
        )
        self._inputs = _inputs(job, prepared, executor)

    def find(self) -> ScorerAnswer | None:
        """Return the answer that the scorer would give; None where that is not known."""
        try:
            content = read_sealed(self._path)
            kept: dict[str, Any] = {} if content is None else json.loads(content)
            if kept.get("inputs") != self._inputs:
                return None
            outcomes, maps, areas = (beside(self._record).read_bytes() for beside in _BESIDE_RECORD)
            if [_sha256(outcomes), _sha256(maps), _sha256(areas)] != kept["files"]:
                return None
            result = ScoringResult.model_validate_json(kept["result"])
            return ScorerAnswer(result, outcomes, maps, areas, self._states)
        except (OSError, ValueError, KeyError) as error:
            logger.debug("the scorer is asked again, because its last answer cannot be read: %s", error)
            return None

    def keep(self, answer: ScorerAnswer) -> None:
        """Keep an answer; where that is not possible, the scorer is asked again next time."""
        files = [_sha256(answer.outcomes), _sha256(answer.maps), _sha256(answer.areas)]
        kept = {"inputs": self._inputs, "files": files, "result": answer.result.model_dump_json()}
        try:
            write_sealed(self._path, json.dumps(kept).encode())
        except OSError as error:
            logger.warning("the scorer's answer is not kept: %s", error)


def _inputs(job: ScoringJob, prepared: Prepared, executor: Executor) -> str:
    """Return the digest of everything that the scorer's answer depends on."""
    return digest(
        {
            "job": job.model_dump(mode="json"),
            "files": {str(path): _stamp(path) for path in _files(job)},
            "code": source_digest(Path(benchmark.__file__).parent),
            "libraries": {name: _version(name) for name in _LIBRARIES},
            "machine": dict(prepared.environment),
            "executor": [executor.name, executor.provenance(prepared.device)],
        }
    )


def _files(job: ScoringJob) -> Iterator[Path]:
    for task in job.tasks:
        yield from (task.train_file, task.test_file)
        for other in task.transfer:
            yield from (other.train_file, other.test_file)
        folders = {run.directory for run in task.runs}
        folders |= {point.directory for run in task.runs for point in run.branch_points if point.directory is not None}
        for folder in sorted(folders):
            yield from (folder / ENCODER_FILE, folder / MASK_FILE)


def _stamp(path: Path) -> list[int] | None:
    try:
        stat = path.stat()
    except OSError as error:
        logger.debug("%s cannot be looked at: %s", path, error)
        return None
    return [stat.st_size, stat.st_mtime_ns]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
