"""The area under the curve per model and test image, read from the parquet file of areas beside a record.

For records from before there was such a file the same numbers are computed from the outcomes beside the record. A file
whose digest is not the one that the record names is not used.

Shapes: K models, N test images.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmark.files.digests import sha256_of
from benchmark.recording.archive import areas_path
from benchmark.scoring.areas import AreaKey, Areas, area_per_image, areas_by_run
from benchmark.scoring.floors import FLOOR_PREFIX
from benchmark.scoring.metric_names import ROBUSTNESS_SCORE
from leaderboard.board.board import DENSE, SUMMARY, Condensed, Entry
from leaderboard.board.inference.evidence import Evidence, evidence_of
from leaderboard.board.predictions import cell_key
from leaderboard.reading.outcomes import read_outcomes

SCORE_TOLERANCE = 1e-6
"""Largest difference of a score from its repetition: areas are float32, and so are the accuracies of some records."""

logger = logging.getLogger(__name__)

AreasOfTask = dict[str, Areas]
"""By schedule, float32 (K, N), models in the order of their seeds; `dense` for the unpruned models."""


def areas_of(entry: Entry) -> dict[str, AreasOfTask] | None:
    """Return chance-corrected areas over log2 compression per task and schedule, controls included.

    The mean over N is the area of a model under a schedule, the mean of that over K the robustness score of the
    schedule. A schedule that lacks a run is left out.

    Returns:
        None where neither areas nor outcomes lie beside the record as it names them.
    """
    if entry.areas_sha256 is not None:
        found = _from_areas(Path(entry.path), entry.areas_sha256)
        if found is not None:
            return _complete(entry, found)
    return _from_outcomes(entry)


def evidence_beside(entry: Entry) -> Evidence | None:
    """Condense the areas beside a record for inference; None where there are none, or the grid is not complete."""
    if entry.barred or entry.num_models < 2:  # one model has no spread, whatever lies beside its record
        return None
    areas = areas_of(entry)
    return evidence_of(areas, entry.tasks, entry.schedules, entry.controlled) if areas else None


def with_evidence(kept: Condensed) -> Condensed:
    """Add the evidence of the areas beside a record, and compare the score of the record with it.

    The score is what a board shows first, and the areas determine it, so that nobody has to believe it.

    Raises:
        ValueError: the record says another score than its areas give.
    """
    evidence = evidence_beside(kept.entry)
    said = score_of(kept)
    if evidence is not None and said is not None and not abs(said - evidence.score.value) <= SCORE_TOLERANCE:
        raise ValueError(
            f"expected the robustness score that the files beside it give, {evidence.score.value:.6f}, got {said:.6f}"
        )
    return replace(kept, evidence=evidence)


def score_of(kept: Condensed) -> float | None:
    """Return the robustness score that a record says; None where it has none."""
    rows = kept.numbers.filter((pc.field("schedule") == SUMMARY) & (pc.field("metric") == ROBUSTNESS_SCORE))
    return next(iter(rows["value"].to_pylist()), None)


def _from_areas(record: Path, sha256: str) -> dict[AreaKey, Areas] | None:
    path = areas_path(record)
    try:
        if not path.is_file():
            return None
        if sha256_of(path) != sha256:
            logger.warning("%s is not the file that its record names; it is not used", path)
            return None
        return areas_by_run(pq.read_table(path))
    except (OSError, ValueError, TypeError, pa.ArrowException) as error:
        logger.warning("%s cannot be read; areas are computed from the outcomes: %s", path, error)
        return None


def _complete(entry: Entry, by_run: dict[AreaKey, Areas]) -> dict[str, AreasOfTask]:
    rows: dict[str, dict[str, dict[int, Areas]]] = {}
    for (task, schedule, seed), area_N in by_run.items():
        if schedule.startswith(FLOOR_PREFIX):
            continue  # untrained encoders
        rows.setdefault(task, {}).setdefault(schedule, {})[seed] = area_N
    return {
        task: {
            schedule: np.stack([by_seed[seed] for seed in sorted(by_seed)])
            for schedule, by_seed in schedules.items()
            if len(by_seed) == entry.num_models and _is_one({len(area_N) for area_N in by_seed.values()})
        }
        for task, schedules in rows.items()
    }


def _is_one(values: Iterable[object]) -> bool:
    return len(set(values)) == 1


def _from_outcomes(entry: Entry) -> dict[str, AreasOfTask] | None:
    outcomes = read_outcomes(Path(entry.path), entry.outcomes_sha256)
    if outcomes is None:
        return None
    points = {DENSE: (0.0,)} | dict.fromkeys((*entry.schedules, *entry.controls), entry.sparsities)
    found: dict[str, AreasOfTask] = {}
    for task in entry.tasks:
        for schedule, sparsities in points.items():
            cells = [outcomes.get(cell_key(task, schedule, sparsity)) for sparsity in sparsities]
            complete = [cell for cell in cells if cell is not None and len(cell.predicted_KN) == entry.num_models]
            if complete and len(complete) == len(cells):
                correct = (cell.predicted_KN == cell.label_N for cell in complete)
                area_KN = area_per_image(correct, sparsities, round(1 / entry.chance[task]))
                found.setdefault(task, {})[schedule] = area_KN
    return found
