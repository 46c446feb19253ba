"""The maps of one task: a dense model, and beside it its sparsest descendant under every ranked schedule.

It owns the table of points and when a map is drawn again: never, unless a state, the test set or the drawing changes.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmark.plan.plan import DENSE
from benchmark.scoring.invalid_output import InvalidOutput
from benchmark.scoring.metric import Outcome
from benchmark.scoring.reading.embedding_map import VERSION, map_points, map_subset
from benchmark.scoring.reading.model_reader import TaskReader
from benchmark.scoring.reading.outcome_cache import read_outcome, write_outcome
from benchmark.scoring.scoring_job import RunToScore
from benchmark.spec import BenchmarkSpec
from benchmark.spec.canonical import digest

logger = logging.getLogger(__name__)

Points = NDArray[np.float32]

SCHEMA = pa.schema(
    [
        pa.field("task", pa.string()),
        pa.field("schedule", pa.string()),
        pa.field("sparsity", pa.float64()),
        pa.field("seed", pa.int32()),
        pa.field("example", pa.int32()),
        pa.field("label", pa.int16()),
        *(pa.field(name, pa.float32()) for name in ("x_dense", "y_dense", "x_sparse", "y_sparse")),
    ]
)
"""One row per panel and test image of the subset; `example` is its number in the test set."""


def draw_maps(spec: BenchmarkSpec, reader: TaskReader) -> pa.Table:
    """Draw the first dense model that can be read, and beside it its sparsest descendant per ranked schedule.

    Args:
        spec: says which schedules are ranked; controls are not drawn.
        reader: of the task.

    Returns:
        A table of `SCHEMA`; without rows where no dense model or no descendant of it can be read.
    """
    empty = SCHEMA.empty_table()
    runs = sorted((run for run in reader.task.runs if run.schedule == DENSE), key=lambda run: run.seed)
    for dense in runs:
        try:
            dense_n2 = _points(reader, dense, None, None)
        except InvalidOutput as error:
            logger.debug("no map of the dense model of seed %d, the next seed is tried: %s", dense.seed, error)
            continue
        return pa.concat_tables([empty, *_panels(reader, dense, dense_n2, _sparsest(spec, reader, dense.seed))])
    return empty


def _sparsest(spec: BenchmarkSpec, reader: TaskReader, seed: int) -> list[RunToScore]:
    ranked = [each.name for each in spec.schedules if not each.is_control]
    own = [run for run in reader.task.runs if run.seed == seed and run.schedule in ranked]
    sparsest = {run.schedule: run for run in sorted(own, key=lambda run: run.sparsity)}
    return [sparsest[schedule] for schedule in ranked if schedule in sparsest]


def _panels(reader: TaskReader, dense: RunToScore, dense_n2: Points, runs: Sequence[RunToScore]) -> list[pa.Table]:
    made: list[pa.Table] = []
    for run in runs:
        try:
            sparse_n2 = _points(reader, run, dense, dense_n2)
        except InvalidOutput as error:
            logger.debug("no map of %s, seed %d; its own record says why as well: %s", run.schedule, run.seed, error)
            continue
        made.append(_panel(reader, run, dense_n2, sparse_n2))
    return made


def _points(reader: TaskReader, run: RunToScore, beside: RunToScore | None, beside_n2: Points | None) -> Points:
    """Place the test images of the subset for one model, float32 (n, 2), from the cache where it is there.

    Raises:
        InvalidOutput: the run's files are not what was asked for.
    """
    names = {"map": VERSION, "state": run.state_key, "seed": run.seed, "test": reader.task.test_digest}
    names |= reader.computed
    path = reader.cache / f"{digest({**names, 'beside': beside and beside.state_key})}.npz"
    known = read_outcome(path)
    if known is not None and "points" in known.examples:
        return known.examples["points"]
    features_nD = reader.final_features(run, map_subset(len(reader.test.labels)))
    points_n2 = map_points(features_nD, run.seed, beside_n2)
    write_outcome(path, Outcome({}, {"points": points_n2}))
    return points_n2


def _panel(reader: TaskReader, run: RunToScore, dense_n2: Points, sparse_n2: Points) -> pa.Table:
    example_n = map_subset(len(reader.test.labels))
    count = len(example_n)
    columns = {
        "task": [reader.task.name] * count,
        "schedule": [run.schedule] * count,
        "sparsity": np.full(count, float(run.sparsity)),
        "seed": np.full(count, run.seed),
        "example": example_n,
        "label": reader.test.labels[example_n],
        "x_dense": dense_n2[:, 0],
        "y_dense": dense_n2[:, 1],
        "x_sparse": sparse_n2[:, 0],
        "y_sparse": sparse_n2[:, 1],
    }
    return pa.table([pa.array(columns[field.name]).cast(field.type) for field in SCHEMA], schema=SCHEMA)
