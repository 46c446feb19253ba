"""Which values every number can have at all. Imports no torch.

It owns the one table of ranges. Intervals are cut to it (`benchmark.scoring.metric.within`), and records with
impossible numbers are refused by it (`benchmark.recording.possible`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache

Range = tuple[float, float]

SHARE: Range = (0.0, 1.0)
SIGNED_SHARE: Range = (-1.0, 1.0)
AT_LEAST_ZERO: Range = (0.0, math.inf)
ANY: Range = (-math.inf, math.inf)

POSSIBLE: Mapping[str, Range] = {
    "linear/*": SHARE,
    "knn/score": SIGNED_SHARE,
    "knn/*": SHARE,
    "penalty/score": SIGNED_SHARE,
    "penalty/*": SHARE,
    "transfer/*": SHARE,
    "calibration/error": SHARE,
    "calibration/overconfidence": SIGNED_SHARE,
    "cka/*": SHARE,
    "cka_other_seed/*": SHARE,
    "class_impact/largest_drop": (0.0, 2.0),
    "class_impact/*": AT_LEAST_ZERO,
    "corruption/accuracy": SHARE,
    "corruption/mean_error": (0.0, 100.0),
    "corruption/excess_error_gap": (-200.0, 200.0),
    "depth/pred_shift": ANY,
    "depth/true_shift": ANY,
    "depth/*": AT_LEAST_ZERO,
    "geometry/dead_units": SHARE,
    "geometry/rankme": AT_LEAST_ZERO,
    "geometry/alignment": AT_LEAST_ZERO,
    "geometry/uniformity": (-math.inf, 0.0),
    "knowledge/above_floor": (-100.0, 100.0),
    "knowledge/kept": ANY,
    "label_change/churn": SHARE,
    "label_change/taxicab": AT_LEAST_ZERO,
    "pie/excess": SIGNED_SHARE,
    "pie/*": SHARE,
    "pie_overlap/*": SHARE,
    "prune_potential/*": SHARE,
    "q_score_2022/auroc": SHARE,
    "q_score_2024/auroc": SHARE,
    "q_score_2022/undefined": SHARE,
    "q_score_2024/empty": SHARE,
    "robustness/knowledge_kept": ANY,
    "robustness/retention": ANY,
    "robustness/*": SIGNED_SHARE,
    "sparsity/compression": (1.0, math.inf),
    "sparsity/*": SHARE,
}
"""By name of a number, without the part after its colon; `group/*` stands for all others of the group."""


@lru_cache(maxsize=4096)
def range_of(name: str) -> Range:
    """Return the smallest and the largest value that a number can have; infinite where nothing is known.

    Args:
        name: `group/metric`, with `:part` behind it or `dense:` or `pruned:` before it.

    Example:
        >>> range_of("dense:linear/accuracy"), range_of("robustness/score:early")
        ((0.0, 1.0), (-1.0, 1.0))
    """
    number = bare(name)
    return POSSIBLE.get(number) or POSSIBLE.get(f"{number.partition('/')[0]}/*") or ANY


def bare(name: str) -> str:
    """Return the name of a number without what stands before it (`dense:`, `pruned:`) and its part."""
    return unprefixed(name).partition(":")[0]


def unprefixed(name: str) -> str:
    """Return the name of a number without `dense:` or `pruned:` before it; its part stays."""
    return name.removeprefix("dense:").removeprefix("pruned:")
