"""The decision whether the encoders of a seed's tree are compiled: where that saves more time than it costs.

A compiled encoder rounds differently, so that the decision is part of the key of every state of the tree. It looks at
all that a trainer will train, since one process compiles once for all models of its tree.
"""

from __future__ import annotations

LEAST_FLOPS = 2e16
"""Least floating-point operations of a tree for which encoders are compiled: one view per image, forward and backward.

That is about a minute of a large GPU. Compiling takes 10 to 20 s and saves a quarter of an update's time. Most networks
with less to train are too small to gain anything: tiny ones become slower.
"""


def is_worth_compiling(num_updates: int, batch_size: int, view_flops: float) -> bool:
    """Return whether a tree is large enough to compile its encoders.

    Args:
        num_updates: of the tree, shared ones counted once.
        batch_size: images per update.
        view_flops: floating-point operations that one view costs, forward and backward.

    Example:
        >>> is_worth_compiling(947_000, 256, 6e8), is_worth_compiling(39_000, 256, 6e8)  # WRN-16-2: a tree, one run
        (True, False)
    """
    return num_updates * batch_size * view_flops >= LEAST_FLOPS
