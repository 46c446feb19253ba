"""Places on boards from known truth by numbers that have intervals only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from bench.inference.boards import Boards, Truth
from leaderboard.board.inference.separation import Intervals


def any_by_intervals(drawn: Boards, truth: Truth, level: float) -> NDArray[np.bool_]:
    """Say on which boards of equal methods a pair is separated by the intervals of numbers alone, (b,).

    The intervals are about models and images; where images favour nobody they are about models only.
    """
    if truth.spread.images:
        margin_bn = stdtrit(drawn.freedom_bn, 1 - level / 2) * drawn.error_bn
    else:
        margin_bn = stdtrit(truth.models - 1, 1 - level / 2) * np.sqrt(drawn.models_bn)
    num_models_n = np.full(truth.methods, truth.models)
    return np.array([
        Intervals(value_n, value_n - margin_n, value_n + margin_n, num_models_n, 1 - level).ahead().any()
        for value_n, margin_n in zip(drawn.value_bn, margin_bn, strict=True)
    ])  # fmt: skip
