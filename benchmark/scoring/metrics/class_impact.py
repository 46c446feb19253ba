"""Class-level impact: which classes pruning costs more than it costs each model as a whole.

It owns the counts of classes that are hit, and the test as it was published beside them. The test itself is
`benchmark.scoring.statistics.class_changes`: models and images together, each model's own change as the reference.
It refuses to test a class without variance or without test examples.

Shapes: K models, N test examples, C classes, P of them present in the test set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmark.scoring.metric import CellMetric, CellView, Column, Estimate, Labels
from benchmark.scoring.metric_names import CLASSES_HIT, PROBE_PREDICTION
from benchmark.scoring.statistics.class_changes import FAMILY_LEVEL, ClassChanges, class_changes
from benchmark.spec import Evaluation

Doubles = NDArray[np.float64]


def class_impact(
    dense_prediction_KN: NDArray[Any], sparse_prediction_KN: NDArray[Any], labels_N: Labels, num_classes: int
) -> ClassChanges:
    """Test for every class whether it lost more than the models did; see `class_changes`.

    Args:
        dense_prediction_KN: integer (K, N), predictions of the dense population.
        sparse_prediction_KN: integer (K, N), of their descendants in the same order.
        labels_N: int64 (N,), true labels in [0, C).
        num_classes: C.

    Raises:
        ValueError: if the populations differ in shape.

    Source:
        Ours. The question is that of Hooker et al. 2019 (arXiv 1911.05248), whose test is `published_test`.
    """
    if dense_prediction_KN.shape != sparse_prediction_KN.shape:
        raise ValueError(
            f"class impact: expected pruned models beside their dense parents, got {dense_prediction_KN.shape} and "
            f"{sparse_prediction_KN.shape}"
        )
    return class_changes(dense_prediction_KN == labels_N, sparse_prediction_KN == labels_N, labels_N, num_classes)


def published_test(
    dense_prediction_KN: NDArray[Any], sparse_prediction_KN: NDArray[Any], labels_N: Labels, num_classes: int
) -> Doubles:
    """Return the p-values of the published test, float64 (C,), two-sided: whether a class moved as the mean model did.

    Per class c, samples over models k: `recall[c,k]^0 - acc_mean^0` against `recall[c,k]^s - acc_mean^s`, with acc_mean
    the mean accuracy of a population; Welch's t-test. It takes the images as given and finds classes in which nothing
    happens beyond them (`bench/inference/class_hits.py`), so nothing is marked by it.

    NaN where a class has no test example, where neither sample varies, and for one model.

    Source:
        Hooker et al. 2019 (arXiv 1911.05248), code. Deviation: without variance there is no test; the code gives 0.

    Example:
        >>> labels = np.array([0, 0, 1, 1])
        >>> dense, sparse = np.array([[0, 0, 1, 1], [0, 0, 1, 1]]), np.array([[0, 0, 1, 0], [0, 0, 1, 0]])
        >>> published_test(dense, sparse, labels, 3).tolist()
        [nan, nan, nan]
    """
    sizes_C, num_models = np.bincount(labels_N, minlength=num_classes), len(dense_prediction_KN)
    dense_KC, sparse_KC = (
        _correct(each_KN, labels_N, num_classes) for each_KN in (dense_prediction_KN, sparse_prediction_KN)
    )
    varies_C = (dense_KC != dense_KC[0]).any(axis=0) | (sparse_KC != sparse_KC[0]).any(axis=0)
    tested_P = np.flatnonzero((sizes_C > 0) & varies_C)
    p_C = np.full(num_classes, np.nan)
    if num_models < 2 or not len(tested_P):
        return p_C
    # From means and deviations, because scipy warns where one of the samples is constant.
    moments: list[Any] = []
    for correct_KC in (dense_KC, sparse_KC):
        mean_accuracy = correct_KC.sum() / (num_models * len(labels_N))
        recall_KP = correct_KC[:, tested_P] / sizes_C[tested_P]
        moments += [recall_KP.mean(axis=0) - mean_accuracy, recall_KP.std(axis=0, ddof=1), num_models]
    result: Any = stats.ttest_ind_from_stats(*moments, equal_var=False)
    p_C[tested_P] = result.pvalue
    return p_C


def _correct(prediction_KN: NDArray[Any], labels_N: Labels, num_classes: int) -> NDArray[np.int64]:
    """Count the correct examples per model and class, (K, C)."""
    num_models = len(prediction_KN)
    model_of, example_of = np.nonzero(prediction_KN == labels_N)
    counts = np.bincount(model_of * num_classes + labels_N[example_of], minlength=num_models * num_classes)
    return counts.reshape(num_models, num_classes)


def _measure(cell: CellView, evaluation: Evaluation) -> Mapping[str, Estimate]:
    """Count the classes that are hit; None where no class could be tested."""
    dense_KN, sparse_KN = (population.examples[PROBE_PREDICTION] for population in (cell.dense, cell.sparse))
    found = class_impact(dense_KN, sparse_KN, cell.test_labels, cell.num_classes)
    published_C = published_test(dense_KN, sparse_KN, cell.test_labels, cell.num_classes)
    drop_C = -found.difference_KC.mean(axis=0)
    is_present_C = ~np.isnan(drop_C)
    may_test = len(dense_KN) > 1
    counts = {
        CLASSES_HIT: int(found.hits.sum()),
        "class_impact/uncorrected": int(found.lost_more(found.p_C).sum()),
        "class_impact/published": int((published_C <= FAMILY_LEVEL).sum()),
    }
    estimates = {name: Estimate(value=count if may_test else None) for name, count in counts.items()}
    largest = float(drop_C[is_present_C].max()) if is_present_C.any() else None
    return {**estimates, "class_impact/largest_drop": Estimate(value=largest)}


def _column(name: str, title: str, description: str, unit: str = "classes") -> Column:
    return Column(name=name, title=title, unit=unit, better="lower", description=description)


METRIC = CellMetric(
    name="class_impact",
    version=2,
    measure=_measure,
    columns=(
        _column(
            CLASSES_HIT,
            "Classes hit",
            "Number of classes that lost more accuracy than each model did: test over models and images together, "
            "Holm's method over classes, .05. Classes without variance are not tested.",
        ),
        _column(
            "class_impact/uncorrected",
            "Classes hit, uncorrected",
            "Number of classes that lost more than each model did with p <= .05, not corrected for asking about every "
            "class.",
        ),
        _column(
            "class_impact/published",
            "Classes moved (published test)",
            "Number of classes with p <= .05 in Welch's t-test over models, more or less than the mean model, as "
            "published (Hooker et al. 2019): it calls classes moved in which nothing happens beyond these images.",
        ),
        _column(
            "class_impact/largest_drop",
            "Largest class drop",
            "How much further the recall of the class that lost most fell than accuracy did, averaged over models; "
            "never below 0.",
            unit="",
        ),
    ),
)
