"""From predictions to the rows of the class figure: how much pruning changes every class. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from benchmark.scoring.metrics.class_impact import class_impact
from benchmark.scoring.score_math import FEWEST_MODELS, t_quantile
from leaderboard.board.predictions import Predictions

CONFIDENCE = 0.95
HIT, HIT_ALONE, NOT_HIT = "hit: lost more", "hit among the classes of this cell only", "not hit"
UNTESTED, WHOLLY_LOST = "not tested: nothing varies, or too few images", "forgotten wholly by every model: not tested"


def class_frame(dense: Predictions, sparse: Predictions, names: Mapping[str, str], cells: int) -> pd.DataFrame:
    """Tabulate the impact on every class that has test images, most hurt first.

    Args:
        dense: before pruning.
        sparse: after.
        names: of the classes, by number.
        cells: how many pruned cells the record has: all of them may be looked at, and share one error.

    Returns:
        name, difference (mean over models), low and high (95 % interval over models and images, within [-2, 2]), p
        (corrected over the classes of all cells; NaN where nothing can be tested), hit (text: a class is hit where it
        lost more than the models did). Empty for fewer than `FEWEST_MODELS` models.
    """
    num_classes = max(len(names), 1 + int(dense.label_N.max()))
    impact = class_impact(dense.predicted_KN, sparse.predicted_KN, dense.label_N, num_classes)
    present_P = np.flatnonzero(~np.isnan(impact.change_C))
    columns = ["name", "difference", "low", "high", "p", "hit"]
    if len(dense.predicted_KN) < FEWEST_MODELS:
        return pd.DataFrame(columns=columns)
    corrected_C, alone_C, rows = impact.corrected_over(cells), impact.hits, list[dict[str, object]]()
    hit_C = impact.lost_more(corrected_C)
    for place in present_P.tolist():
        value, p = float(impact.difference_KC[:, place].mean()), float(corrected_C[place])
        is_tested = not np.isnan(p)
        margin = t_quantile(impact.freedom_C[place], CONFIDENCE) * impact.error_C[place] if is_tested else 0.0
        if is_tested:
            state = HIT if hit_C[place] else HIT_ALONE if alone_C[place] else NOT_HIT
        else:
            state = WHOLLY_LOST if impact.change_C[place] == -1 else UNTESTED
        rows.append(
            {"name": names.get(str(place), str(place)), "difference": value, "low": max(value - margin, -2.0),
             "high": min(value + margin, 2.0), "p": p, "hit": state}
        )  # fmt: skip
    return pd.DataFrame(rows, columns=columns).sort_values("difference", ignore_index=True)
