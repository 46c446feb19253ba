"""Places of boards from known truth: in two tables that share one error, and by numbers that have intervals only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from bench.inference.boards import Boards, Truth
from benchmark.scoring.statistics.simultaneous_ranks import holm
from leaderboard.board.inference.separation import Intervals


def any_in_tracks(drawn: Boards, level: float) -> NDArray[np.bool_]:
    """Say on which boards of equal methods a pair is separated where every other method is in a second track, (b,).

    As a board ranks them: each table by itself, with half of the error; all of it where the other one has no pair.
    """
    first_M, second_M = drawn.pairs.first_M, drawn.pairs.second_M
    tables = [(first_M % 2 == track) & (second_M % 2 == track) for track in (0, 1)]
    share = 1 / max(sum(of_table_M.any() for of_table_M in tables), 1)
    found_b = np.zeros(len(drawn.value_bn), np.bool_)
    for of_table_M in tables:
        if of_table_M.any():
            found_b |= (holm(drawn.pairs.p_M[:, of_table_M]) <= level * share).any(axis=1)
    return found_b


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
