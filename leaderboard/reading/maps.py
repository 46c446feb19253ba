"""The maps of one evaluation, read from the parquet file beside its record; images that pruning forgets are marked.

It refuses files whose digest is not the one that the record names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from benchmark.recording.archive import maps_path
from leaderboard.board.board import DENSE
from leaderboard.reading.outcomes import CellKey, Predictions

_FIELDS = ("task", "schedule", "sparsity", "seed", "example", "label", "x_dense", "y_dense", "x_sparse", "y_sparse")


def read_maps(record: Path, sha256: str | None) -> pd.DataFrame | None:
    """Read where maps place test images; None where there is no map, or the file is altered.

    Args:
        record: path of the record.
        sha256: digest of the file, as the record states it; None in records from before there were maps.

    Returns:
        One row per panel and image: task, schedule, sparsity, seed, example, label, and both positions.
    """
    path = maps_path(record)
    if sha256 is None or not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        return None
    try:
        frame = pd.read_parquet(path, columns=list(_FIELDS))
    except (ValueError, KeyError, OSError):
        return None
    return frame if len(frame) else None


def points_of_panel(
    maps: pd.DataFrame, task: str, schedule: str, outcomes: Mapping[CellKey, Predictions] | None
) -> pd.DataFrame:
    """Lay out one panel as a long frame, dense first.

    Returns:
        Two rows per image: `side` (dense or pruned), `x`, `y`, `example`, `label` (text), and `forgotten`: whether the
        modal prediction of the population differs from that of the dense one; False where outcomes are missing.
    """
    mine = maps.loc[(maps["task"] == task) & (maps["schedule"] == schedule)]
    if mine.empty:
        return pd.DataFrame(columns=["side", "x", "y", "example", "label", "forgotten"])
    sparsity = float(mine["sparsity"].iloc[0])
    dense, sparse = ((outcomes or {}).get(key) for key in ((task, DENSE, 0.0), (task, schedule, round(sparsity, 9))))
    example = mine["example"].to_numpy()
    forgotten = dense.modal[example] != sparse.modal[example] if dense and sparse else False
    sides = [
        pd.DataFrame(
            {
                "side": side,
                "x": mine[f"x_{axis}"].to_numpy(),
                "y": mine[f"y_{axis}"].to_numpy(),
                "example": example,
                "label": mine["label"].astype(str).to_numpy(),
                "forgotten": forgotten,
            }
        )
        for side, axis in (("dense", "dense"), ("pruned", "sparse"))
    ]
    return pd.concat(sides, ignore_index=True)
