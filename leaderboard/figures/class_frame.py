"""From predictions to the rows of the class figure: how much pruning changes every class. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from statsmodels.stats.multitest import multipletests

from benchmark.scoring.metrics.class_impact import LEVEL, class_impact
from leaderboard.board.estimates import mean_over_models
from leaderboard.board.predictions import Predictions


def class_frame(dense: Predictions, sparse: Predictions, names: Mapping[str, str]) -> pd.DataFrame:
    """Tabulate the impact on every class that has test images, most hurt first.

    Returns:
        name, difference (mean over models), low and high (95 % t interval), p (paired t test), hit (text: whether it
        stands after Benjamini-Hochberg over the classes).
    """
    num_classes = max(len(names), 1 + int(dense.label_N.max()))
    impact = class_impact(dense.predicted_KN, sparse.predicted_KN, dense.label_N, num_classes)
    present_P = np.flatnonzero(~np.isnan(impact.paired_C))
    if not len(present_P):
        return pd.DataFrame(columns=["name", "difference", "low", "high", "p", "hit"])
    hits_P = multipletests(impact.paired_C[present_P], LEVEL, method="fdr_bh")[0]
    rows: list[dict[str, object]] = []
    for place, is_hit in zip(present_P.tolist(), hits_P, strict=True):
        interval = mean_over_models(impact.difference_KC[:, place])
        rows.append(
            {"name": names.get(str(place), str(place)), "difference": interval.value, "low": interval.low,
             "high": interval.high, "p": float(impact.paired_C[place]), "hit": "hit" if is_hit else "not hit"}
        )  # fmt: skip
    return pd.DataFrame(rows).sort_values("difference", ignore_index=True)
