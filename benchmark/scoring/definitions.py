"""Under which version of its metric a number was made, and which numbers of a record today's versions define otherwise.

Records name the versions that they were made under; those from before they did were made under version 1 of everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from benchmark.scoring.metrics import calibration, q_score
from benchmark.scoring.registry import CELL_METRICS, GRID_METRICS, MODEL_METRICS, metric_versions
from benchmark.scoring.statistics.ranges import bare, unprefixed

FIRST = "1"
"""Version of every metric in records that name none."""

KEPT: Mapping[str, frozenset[str]] = {
    "calibration": frozenset(column.name for column in calibration.METRIC.columns),
    "q_score": frozenset(column.name for column in q_score.METRIC.columns if not column.name.endswith("/auroc")),
    "cell/q_score_pie": frozenset(column.name for column in q_score.CELL_METRIC.columns),
    "cell/class_impact": frozenset({"class_impact/largest_drop"}),
    "cell/pie": frozenset({"pie/published", "pie/tied", "pie/null", "pie/matched", "pie/excess"}),
    "grid/pie_overlap": frozenset({"pie_overlap/jaccard"}),
}
"""By metric, the numbers whose value, not their bounds, all versions get from the same outcomes: always compared."""


def definition_of(name: str) -> str | None:
    """Return the metric that defines a number, as `metric_versions` spells it; None where no metric of today does.

    Args:
        name: of a number in a record, with `dense:` or `pruned:` before it or `:part` behind it. A number that is not
            measured any more belongs to the last metric of its group.

    Example:
        >>> definition_of("pruned:pie/excess"), definition_of("class_impact/paired_bh"), definition_of("cost/train")
        ('cell/pie', 'cell/class_impact', None)
    """
    number = bare(name)
    return _by_number().get(number, _by_number().get(number.partition("/")[0]))


def outdated(made_under: Mapping[str, str] | None) -> dict[str, tuple[str, str]]:
    """Return the metrics whose version a record does not have: by metric, the record's version and today's."""
    then = made_under or {}
    pairs = {metric: (then.get(metric, FIRST), version) for metric, version in metric_versions().items()}
    return {metric: pair for metric, pair in pairs.items() if pair[0] != pair[1]}


def is_comparable(name: str, *, is_bound: bool, made_under: Mapping[str, str] | None) -> bool:
    """Return whether a number of a record is defined as it is today."""
    metric = definition_of(name)
    if metric is None or metric not in outdated(made_under):
        return True
    return not is_bound and unprefixed(name) in KEPT.get(metric, frozenset())


def outdated_lines(made_under: Mapping[str, str] | None) -> Iterator[str]:
    """Yield a sentence per metric whose version a record does not have."""
    for metric, (then, now) in outdated(made_under).items():
        group, _, name = metric.rpartition("/")
        how = f"`fmn derive` applies version {now}" if group else f"version {now} reads the models again"
        yield f"{name.replace('_', ' ')}: made under version {then}; {how}, what it changes is not compared"


@cache
def _by_number() -> dict[str, str]:
    found: dict[str, str] = {}
    for kind, metrics in (("", MODEL_METRICS), ("cell/", CELL_METRICS), ("grid/", GRID_METRICS)):
        for metric in metrics:
            for column in metric.columns:
                found[column.name.partition(":")[0]] = f"{kind}{metric.name}"
                found[column.name.partition("/")[0]] = f"{kind}{metric.name}"
    return found
