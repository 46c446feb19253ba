"""Which places each method may hold, all statements together at one error rate, and who is tied with whom.

Every pair of methods is tested; Holm's method adjusts all tests together, so that the chance of any false separation
is at most 1 - confidence, whatever the dependence between the tests. A place interval counts who is separated:
`1 + (methods ahead)` to `n - (methods behind)`. With that chance *all* intervals contain the true places at once, which
the interval of each method alone does not promise.

Pure. It knows no metric and no record. Shapes: n methods, M = n (n - 1) / 2 pairs (i, j) with i < j, in order.

Source:
    Mogstad, Romano, Shaikh & Wilhelm 2024, "Inference for Ranks with Applications to Mobility across Neighbourhoods
    and Academic Achievement across Countries" (Review of Economic Studies 91(1); abstract read only): rank intervals
    from simultaneous tests of pairs. Their tests take the dependence between pairs from a bootstrap; ours are Holm's,
    which need none. Letters: Piepho 2004, "An algorithm for a letter-based representation of all-pairwise
    comparisons" (unverified); the letters mean the same, they are found in another way.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]


def holm(p_M: NDArray[np.float64], weights_M: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """Return p-values adjusted by Holm's method for all of them together, at most 1.

    With weights, test j may use `weights_j / (sum of the weights not yet passed)` of the error: questions that matter
    more get a larger share, and a share that has been used goes to the tests that are left.

    Args:
        p_M: (..., M); every row is a family of its own.
        weights_M: (M,), positive; equal ones where not given.

    Source:
        Holm 1979, "A simple sequentially rejective multiple test procedure", also with weights. statsmodels has it
        for one family without weights; it collects garbage in every call, which takes a fifth of a second.
    """
    weights = np.ones(p_M.shape) if weights_M is None else np.broadcast_to(weights_M, p_M.shape)
    scaled = p_M / weights
    order = scaled.argsort(axis=-1)
    ordered_weights = np.take_along_axis(weights, order, axis=-1)
    left = np.cumsum(ordered_weights[..., ::-1], axis=-1)[..., ::-1]
    stepped = np.maximum.accumulate(np.take_along_axis(scaled, order, axis=-1) * left, axis=-1)
    adjusted = np.empty_like(stepped)
    np.put_along_axis(adjusted, order, np.minimum(stepped, 1), axis=-1)
    return adjusted


def ahead(value_M: NDArray[np.float64], adjusted_M: NDArray[np.float64], num_methods: int, level: float) -> Flags:
    """Say who is separated from whom, and ahead.

    Args:
        value_M: differences of all pairs, first minus second; higher is better.
        adjusted_M: their p-values, adjusted together.
        num_methods: n.
        level: the chance of any false separation that is accepted: 1 - confidence.

    Returns:
        bool (n, n); `[i, j]` says that i is ahead of j and the two are separated.
    """
    found_nn = np.zeros((num_methods, num_methods), np.bool_)
    first_M, second_M = np.triu_indices(num_methods, 1)
    found_M = adjusted_M <= level
    found_nn[first_M, second_M] = found_M & (value_M > 0)
    found_nn[second_M, first_M] = found_M & (value_M < 0)
    return found_nn


def rank_intervals(ahead_nn: Flags) -> NDArray[np.int64]:
    """Return the best and the worst place of every method, int64 (n, 2), from 1.

    Example:
        >>> rank_intervals(np.array([[0, 0, 1], [0, 0, 0], [0, 0, 0]], bool)).tolist()
        [[1, 2], [1, 3], [2, 3]]
    """
    return np.stack([1 + ahead_nn.sum(axis=0), len(ahead_nn) - ahead_nn.sum(axis=1)], axis=1)


def tie_groups(ahead_nn: Flags, order: NDArray[Any]) -> list[tuple[int, ...]]:
    """Give out groups so that two methods share one exactly when they are not separated.

    Pairs that share no group yet are taken from the best place down, the widest first. Each starts a group, and every
    method that is separated from nobody in it joins, again from the best place down.

    Args:
        ahead_nn: who is separated, (n, n).
        order: methods from the best to the worst, a permutation of 0 ... n - 1.

    Returns:
        Per method its groups, increasing from 0 (the group of the leader); at least one each.

    Example:
        >>> tie_groups(np.array([[0, 0, 1], [0, 0, 0], [0, 0, 0]], bool), np.arange(3))
        [(0,), (0, 1), (1,)]
    """
    tied_nn = ~(ahead_nn | ahead_nn.T)[np.ix_(order, order)]
    np.fill_diagonal(tied_nn, True)
    open_nn = tied_nn.copy()  # ties that no group shows yet; the diagonal gives a group to whoever ties with nobody
    members: list[NDArray[np.int64]] = []
    for best in range(len(tied_nn)):
        while (left := np.flatnonzero(open_nn[best, best:])).size:
            group = _grown(tied_nn, best, best + int(left[-1]))
            open_nn[np.ix_(group, group)] = False
            members.append(group)
    groups: list[list[int]] = [[] for _ in order]
    for number, group in enumerate(members):
        for place in group.tolist():
            groups[int(order[place])].append(number)
    return [tuple(each) for each in groups]


def _grown(tied_nn: Flags, best: int, worst: int) -> NDArray[np.int64]:
    """Return the places of a largest group around two tied places: nobody else is tied with all of it."""
    places = np.flatnonzero(tied_nn[best] & tied_nn[worst])
    tied_cc = tied_nn[np.ix_(places, places)]
    chosen_c: Flags = np.asarray(tied_cc.all(axis=1))  # tied with every candidate
    left_c = ~chosen_c
    while left_c.any():
        joins = int(left_c.argmax())
        chosen_c[joins] = True
        left_c &= tied_cc[joins]
        left_c[joins] = False
    return places[chosen_c]
