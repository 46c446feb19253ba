"""Per-example outcomes of one evaluation, read from the parquet file beside its record.

It refuses files whose digest is not the one that the record names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmark.recording.archive import outcomes_path

PREDICTION = "linear/prediction"
_FIELDS = ["task", "schedule", "sparsity", "seed", "example", "label", PREDICTION]

CellKey = tuple[str, str, float]
"""Task, schedule, sparsity."""


@dataclass(frozen=True)
class Predictions:
    """What the linear probes of one cell said about the test examples.

    Attributes:
        predicted_KN: class per model and example, int64 (K, N), models in the order of their seeds.
        label_N: true classes, int64 (N,).
    """

    predicted_KN: NDArray[np.int64]
    label_N: NDArray[np.int64]

    @property
    def correct(self) -> NDArray[np.float64]:
        """1 where a prediction is right, else 0, float64 (K, N)."""
        return (self.predicted_KN == self.label_N).astype(np.float64)

    @property
    def modal(self) -> NDArray[np.int64]:
        """Most frequent prediction per example, ties to the lowest class, int64 (N,)."""
        classes = int(self.predicted_KN.max()) + 1
        return np.stack([(self.predicted_KN == c).sum(axis=0) for c in range(classes)]).argmax(axis=0)


def read_outcomes(record: Path, sha256: str) -> dict[CellKey, Predictions] | None:
    """Read the predictions of every cell; None where the file is absent, altered or has no predictions.

    Args:
        record: path of the record.
        sha256: digest of the parquet file, as the record states it.
    """
    path = outcomes_path(record)
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        return None
    try:
        frame = pd.read_parquet(path, columns=_FIELDS)
    except (ValueError, KeyError, OSError):
        return None
    found: dict[CellKey, Predictions] = {}
    for key, cell in frame.groupby(["task", "schedule", "sparsity"], observed=True, sort=False):
        table = cell.pivot(index="seed", columns="example", values=PREDICTION)
        if table.isna().to_numpy().any():
            continue
        label_N = cell.drop_duplicates("example").sort_values("example")["label"].to_numpy(np.int64)
        task, schedule, sparsity = cast("CellKey", key)
        found[str(task), str(schedule), round(float(sparsity), 9)] = Predictions(table.to_numpy(np.int64), label_N)
    return found


def read_columns(record: Path, sha256: str, names: Sequence[str]) -> pd.DataFrame | None:
    """Read further per-example numbers, as many of `names` as the file has; None where it is absent or altered.

    Returns:
        One row per run and test example: task, schedule, sparsity, seed, example, and the numbers.
    """
    path = outcomes_path(record)
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        return None
    try:
        there = pq.read_schema(path).names
        return pd.read_parquet(path, columns=[*_FIELDS[:5], *(name for name in names if name in there)])
    except (ValueError, KeyError, OSError):
        return None
