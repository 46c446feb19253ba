"""One panel of a map as rows to draw; the images that pruning forgets are marked. Pure.

It reads no file: `leaderboard.reading.maps` does.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from leaderboard.board.board import DENSE
from leaderboard.board.predictions import CellKey, Predictions, cell_key


def points_of_panel(
    maps: pd.DataFrame, task: str, schedule: str, outcomes: Mapping[CellKey, Predictions] | None
) -> pd.DataFrame:
    """Lay out one panel as a long frame, dense first.

    Args:
        maps: rows as `leaderboard.reading.maps.read_maps` gives them.
        task: whose panel.
        schedule: whose panel.
        outcomes: predictions of every cell; None where they are absent.

    Returns:
        Two rows per image: `side` (dense or pruned), `x`, `y`, `example`, `label` (text), and `forgotten`: whether the
        modal prediction of the population differs from that of the dense one; False where outcomes are missing.
    """
    mine = maps.loc[(maps["task"] == task) & (maps["schedule"] == schedule)]
    if mine.empty:
        return pd.DataFrame(columns=["side", "x", "y", "example", "label", "forgotten"])
    sparsity = float(mine["sparsity"].iloc[0])
    dense, sparse = ((outcomes or {}).get(key) for key in ((task, DENSE, 0.0), cell_key(task, schedule, sparsity)))
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
