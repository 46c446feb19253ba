"""The images that pruning forgets (Pruning Identified Exemplars, PIEs), one by one. Pure.

A PIE is an image whose modal prediction over the pruned models differs from that over the dense ones (Hooker et al.
2019); true labels play no part in it. Modes go to the lowest class in a tie, as on all pages.

Shapes: K dense and L pruned models, N test examples, C classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmark.scoring.metric_names import (
    DEPTH_TO_LABEL,
    DEPTH_TO_PREDICTION,
    PROBE_TRUE_PROBABILITY,
    Q_SCORE_2022,
    Q_SCORE_2024,
)
from leaderboard.board.predictions import CellKey, Predictions

PIE_FLOOR = "pie/null"
"""Number of a cell: the share on which two halves of the dense models differ, without any pruning."""
READINGS = {
    DEPTH_TO_PREDICTION: "Prediction depth",
    DEPTH_TO_LABEL: "Depth to the true label",
    Q_SCORE_2024: "Q-Score (2024)",
    Q_SCORE_2022: "Q-Score (2022)",
    PROBE_TRUE_PROBABILITY: "Probability of the true class",
}
"""Per-example numbers that are shown dense beside pruned, where a record's outcomes have them."""


@dataclass(frozen=True)
class Exemplar:
    """One forgotten image.

    Attributes:
        example: its place in the test set.
        label: its true class.
        dense: modal prediction of the dense models.
        pruned: modal prediction of the pruned models.
        strength: share of dense models that say `dense`, less the share of pruned ones that do, in [-1, 1].
    """

    example: int
    label: int
    dense: int
    pruned: int
    strength: float


def exemplars(dense: Predictions, pruned: Predictions) -> list[Exemplar]:
    """List the PIEs of a cell, the most strongly forgotten first, then by place.

    Raises:
        ValueError: the two populations were not read on the same examples.
    """
    if not np.array_equal(dense.label_N, pruned.label_N):
        raise ValueError("expected predictions for the same test examples, got others")
    before_N, after_N = dense.modal, pruned.modal
    strength_N = (dense.predicted_KN == before_N).mean(axis=0) - (pruned.predicted_KN == before_N).mean(axis=0)
    found = [
        Exemplar(place, int(dense.label_N[place]), int(before_N[place]), int(after_N[place]), float(strength_N[place]))
        for place in np.flatnonzero(before_N != after_N).tolist()
    ]
    return sorted(found, key=lambda each: (-each.strength, each.example))


def tied_share(dense: Predictions, pruned: Predictions) -> float:
    """Return the share of images for which several classes tie for the mode of either population, in [0, 1]."""
    return float((dense.is_tied | pruned.is_tied).mean())


def votes(dense: Predictions, pruned: Predictions, example: int, names: Mapping[str, str]) -> pd.DataFrame:
    """Count what the models of both populations predict for one image.

    Returns:
        Two rows per class that any model predicts: name, side (dense or pruned), share of the models of that side.
    """
    said = {"dense": dense.predicted_KN[:, example], "pruned": pruned.predicted_KN[:, example]}
    classes = sorted({int(each) for labels in said.values() for each in labels})
    return pd.DataFrame(
        [
            {"name": names.get(str(each), str(each)), "side": side, "share": float((labels == each).mean())}
            for each in classes
            for side, labels in said.items()
        ]
    )


def also_forgotten_by(
    example: int, key: CellKey, dense_key: CellKey, label_N: np.ndarray,
    others: Iterable[tuple[str, Mapping[CellKey, Predictions] | None]],
) -> tuple[list[str], int]:  # fmt: skip
    """List which other submissions forget an image in the same cell.

    Args:
        example: the image.
        key: the pruned cell.
        dense_key: the dense cell.
        label_N: true classes; a submission that was read on other examples is skipped.
        others: names, and the predictions of their models; None where they are absent.

    Returns:
        Names of those that forget it, and how many submissions have predictions for it.
    """
    names: list[str] = []
    asked = 0
    for name, outcomes in others:
        cells = [(outcomes or {}).get(each) for each in (dense_key, key)]
        if any(cell is None or not np.array_equal(cell.label_N, label_N) for cell in cells):
            continue
        asked += 1
        before, after = (cell.modal[example] for cell in cells if cell is not None)
        if before != after:
            names.append(name)
    return names, asked


def reading_rows(readings: pd.DataFrame, dense_key: CellKey, key: CellKey, example: int) -> pd.DataFrame:
    """Compare per-example numbers of one image, as means over the models of both populations.

    Args:
        readings: one row per run and example, with some of the columns of `READINGS`.
        dense_key: the dense cell.
        key: the pruned cell.
        example: the image.

    Returns:
        One row per number that is there: Number, Dense, Pruned.
    """
    rows: list[dict[str, object]] = []
    sides = [_of(readings, cell, example) for cell in (dense_key, key)]
    for column, title in READINGS.items():
        if column not in readings:
            continue
        dense, pruned = (float(np.mean(side[column].to_numpy(np.float64))) if len(side) else np.nan for side in sides)
        if not (np.isnan(dense) and np.isnan(pruned)):
            rows.append({"Number": title, "Dense": dense, "Pruned": pruned})
    return pd.DataFrame(rows, columns=["Number", "Dense", "Pruned"])


def _of(readings: pd.DataFrame, key: CellKey, example: int) -> pd.DataFrame:
    task, schedule, sparsity = key
    same_cell = (readings["task"] == task) & (readings["schedule"] == schedule)
    return readings.loc[same_cell & np.isclose(readings["sparsity"], sparsity) & (readings["example"] == example)]
