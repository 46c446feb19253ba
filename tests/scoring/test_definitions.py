"""Every number belongs to the metric that defines it, and only what a new version defines otherwise is not compared."""

from __future__ import annotations

import pytest

from benchmark.scoring.definitions import definition_of, is_comparable, outdated
from benchmark.scoring.registry import all_columns, metric_versions


def test_every_column_has_a_metric_with_a_version() -> None:
    assert {definition_of(column.name) for column in all_columns()} <= metric_versions().keys()


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("dense:linear/accuracy", "linear"), ("depth/pred_mean", "depth"),
        ("pruned:depth/pred_shift", "cell/depth_shift"),
        ("robustness/score:early", "grid/robustness"), ("class_impact/welch_bh", "cell/class_impact"), ("a/b", None),
    ],
)  # fmt: skip
def test_a_number_is_defined_by(name: str, metric: str | None) -> None:
    assert definition_of(name) == metric


def test_a_record_without_versions_was_made_under_the_first_of_each() -> None:
    assert outdated(None)["cell/class_impact"] == ("1", metric_versions()["cell/class_impact"])
    assert not outdated(metric_versions())


def test_bounds_of_an_older_version_are_not_compared_and_values_that_mean_the_same_are() -> None:
    assert is_comparable("pie/excess", is_bound=False, made_under=None)
    assert not is_comparable("pie/excess", is_bound=True, made_under=None)
    assert not is_comparable("class_impact/paired_bh", is_bound=False, made_under=None)
    assert is_comparable("pie/excess", is_bound=True, made_under=metric_versions())
