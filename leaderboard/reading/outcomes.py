"""Per-example outcomes of one evaluation, read from the parquet file beside its record.

A file whose digest is not the one that the record names is not used.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from benchmark.recording.archive import outcomes_path
from benchmark.scoring.metric_names import PROBE_PREDICTION
from leaderboard.board.predictions import CellKey, Predictions, cell_key

logger = logging.getLogger(__name__)

_FIELDS = ["task", "schedule", "sparsity", "seed", "example", "label", PROBE_PREDICTION]


def read_outcomes(record: Path, sha256: str) -> dict[CellKey, Predictions] | None:
    """Read the predictions of every cell; None where the file is absent, altered or has no predictions.

    Args:
        record: path of the record.
        sha256: digest of the parquet file, as the record states it.
    """
    path = _unaltered(record, sha256)
    if path is None:
        return None
    try:
        frame = pd.read_parquet(path, columns=_FIELDS)
    except (ValueError, KeyError, OSError) as error:
        logger.warning("%s has no predictions that can be read; pages say that outcomes are absent: %s", path, error)
        return None
    found: dict[CellKey, Predictions] = {}
    for key, cell in frame.groupby(["task", "schedule", "sparsity"], observed=True, sort=False):
        table = cell.pivot(index="seed", columns="example", values=PROBE_PREDICTION)
        if table.isna().to_numpy().any():
            continue
        label_N = cell.drop_duplicates("example").sort_values("example")["label"].to_numpy(np.int64)
        task, schedule, sparsity = cast("CellKey", key)
        found[cell_key(str(task), str(schedule), float(sparsity))] = Predictions(table.to_numpy(np.int64), label_N)
    return found


def read_columns(record: Path, sha256: str, names: Sequence[str]) -> pd.DataFrame | None:
    """Read further per-example numbers, as many of `names` as the file has; None where it is absent or altered.

    Returns:
        One row per run and test example: task, schedule, sparsity, seed, example, and the numbers.
    """
    path = _unaltered(record, sha256)
    if path is None:
        return None
    try:
        there = pq.read_schema(path).names
        return pd.read_parquet(path, columns=[*_FIELDS[:5], *(name for name in names if name in there)])
    except (ValueError, KeyError, OSError) as error:
        logger.warning("%s cannot be read; pages leave its numbers out: %s", path, error)
        return None


def _unaltered(record: Path, sha256: str) -> Path | None:
    """Return the path of the outcomes if they are there as the record names them."""
    path = outcomes_path(record)
    if not path.is_file():
        return None
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        logger.warning("%s is not the file that its record names; it is not used", path)
        return None
    return path
