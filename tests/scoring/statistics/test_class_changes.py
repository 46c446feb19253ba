"""The test of classes against sums written from its formula, and that it calls a class hit at the rate it says."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from bench.inference.class_hits import Cell, Coins, any_hit, draw, flip, hit_rates
from benchmark.scoring.statistics.class_changes import class_changes

Marks = NDArray[np.bool_]


def naive(before_KN: Marks, after_KN: Marks, labels_N: NDArray[np.int64], label: int, num_classes: int) -> list[float]:
    """Mean difference, standard error, degrees of freedom and p of one class, image by image."""
    d = after_KN.astype(int) - before_KN.astype(int)
    K, N = d.shape
    members = {c: [i for i in range(N) if labels_N[i] == c] for c in range(num_classes)}
    z = [np.mean([d[k, i] for i in members[label]]) - np.mean(d[k]) for k in range(K)]
    over_models = sum((each - sum(z) / K) ** 2 for each in z) / (K - 1) / K
    images, rest = [0.0] * num_classes, [0.0] * num_classes
    for c in range(num_classes):
        n, inside = len(members[c]), d[:, members[c]]
        w = (1 if c == label else 0) - n / N
        grand, by_model, by_image = inside.mean(), inside.mean(axis=1), inside.mean(axis=0)
        images[c] = w**2 * sum((m - grand) ** 2 for m in by_image) / (n - 1) / n
        squares = sum((inside[k, i] - by_model[k] - by_image[i] + grand) ** 2 for k, i in product(range(K), range(n)))
        rest[c] = w**2 * squares / ((n - 1) * (K - 1)) / (K * n)
    models, larger = max(over_models, sum(rest)), max(sum(images), sum(rest))
    variance = models + larger - sum(rest)
    parts = models**2 / (K - 1)
    for c in range(num_classes):
        parts += images[c] ** 2 / (len(members[c]) - 1) + rest[c] ** 2 / ((K - 1) * (len(members[c]) - 1))
    mean, freedom = float(np.mean(z)), variance**2 / parts
    return [mean, math.sqrt(variance), freedom, float(stats.t.cdf(mean / math.sqrt(variance), freedom))]


@pytest.mark.parametrize("seed", range(4))
def test_every_class_agrees_with_its_formula(seed: int) -> None:
    before_KN, after_KN, labels_N = draw(Cell(models=5, images=60, classes=3, after=0.7), np.random.default_rng(seed))
    found = class_changes(before_KN, after_KN, labels_N, 3)
    for label in range(3):
        expected = naive(before_KN, after_KN, labels_N, label, 3)
        got = [found.difference_KC[:, label].mean(), found.error_C[label], found.freedom_C[label], found.p_C[label]]
        assert got == pytest.approx(expected, rel=1e-9)


def test_a_class_in_which_nothing_varies_is_not_tested() -> None:
    labels_N = np.repeat([0, 1, 2], 20)
    before_KN, after_KN = np.ones((6, 60), bool), np.ones((6, 60), bool)
    after_KN[:, 20:40] = False  # class 1 is lost by every model, image by image
    after_KN[0, 0] = False
    found = class_changes(before_KN, after_KN, labels_N, 3)
    assert np.isnan(found.p_C).tolist() == [False, True, True]
    assert not found.hits.any()


def test_a_class_that_gained_is_not_hit_and_one_that_kept_all_is_not_either() -> None:
    """Class 0 gains much, and class 2 keeps its recall while all others gain: neither lost anything."""
    rng = np.random.default_rng(0)
    labels_N = np.repeat([0, 1, 2], 200)
    before_KN = rng.random((6, 600)) < 0.5
    after_KN = before_KN | ((rng.random((6, 600)) < 0.6) & (labels_N < 2))
    before_KN[0, 400], after_KN[0, 400] = False, True
    found = class_changes(before_KN, after_KN, labels_N, 3)
    assert found.change_C[2] >= 0
    assert found.p_C[2] < 1e-6
    assert not found.hits.any()


def test_nothing_is_tested_with_one_model_one_class_or_one_image_in_a_class() -> None:
    before_KN, after_KN = np.ones((2, 5), bool), np.array([[1, 0, 1, 0, 1], [0, 1, 1, 0, 1]], bool)
    assert np.isnan(class_changes(before_KN[:1], after_KN[:1], np.array([0, 0, 1, 1, 1]), 2).p_C).all()
    assert np.isnan(class_changes(before_KN, after_KN, np.zeros(5, np.int64), 1).p_C).all()
    assert np.isnan(class_changes(before_KN, after_KN, np.array([0, 1, 1, 1, 1]), 3).p_C).tolist() == [
        True, False, True,
    ]  # fmt: skip


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="of the same models"):
        class_changes(np.ones((2, 5), bool), np.ones((3, 5), bool), np.zeros(5, np.int64), 2)


def test_equal_classes_are_seldom_hit_and_a_class_that_loses_a_tenth_more_is_found() -> None:
    """Few boards, so wide bounds; `bench.inference.class_hits` has the rates. The paired t-test gave .28 for coins."""
    assert any_hit(lambda rng: flip(Coins(6, 445), rng), 200, 10) <= 0.1
    assert any_hit(lambda rng: draw(Cell(6, 445), rng), 150, 10) <= 0.1
    assert hit_rates(lambda rng: draw(Cell(6, 2000, extra_loss=0.1), rng), 60, 10)[0] >= 0.8
