"""The interval of a robustness score over models and images, in place of the one that a record holds. Pure.

Records hold the wider of a bootstrap and Student's t, which covers .93 at ten models and 10,000 images (measured by
`python -m bench.inference`), and which tests do not use. Where the areas are beside a record, its row says what its
tests say: Satterthwaite's interval over models and images.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from benchmark.scoring.metric_names import ROBUSTNESS_SCORE
from benchmark.scoring.statistics.ranges import range_of
from leaderboard.board.inference.evidence import Evidence


def score_interval(evidence: Evidence, confidence: float) -> tuple[float, float]:
    """Return the bounds of the robustness score of one evaluation, cut to the values that a score can have."""
    least, most = range_of(ROBUSTNESS_SCORE)
    low, high = evidence.score.estimate.interval(confidence)
    return max(low, least), min(high, most)


def with_score_intervals(
    numbers: pd.DataFrame, evidence: Mapping[str, Evidence], confidences: Mapping[str, float]
) -> pd.DataFrame:
    """Replace the bounds of the robustness score of every evaluation whose evidence is at hand.

    Args:
        numbers: `Board.numbers`.
        evidence: by path.
        confidences: of the intervals, by path.
    """
    if not evidence:
        return numbers
    places = np.flatnonzero(numbers["metric"] == ROBUSTNESS_SCORE)
    bounds_2N = numbers[["low", "high"]].to_numpy(np.float64).T.copy()
    for place, path in zip(places.tolist(), numbers["path"].iloc[places].tolist(), strict=True):
        if path in evidence:
            bounds_2N[:, place] = score_interval(evidence[path], confidences[path])
    return numbers.assign(low=bounds_2N[0], high=bounds_2N[1])
