"""Transfer: how well a linear probe of its own reads a dataset that the frozen encoder was never trained on.

It owns the probes' accuracies on other datasets. It refuses to load data and to say what pruning changed: cells beside
the dense one show that.

Shapes: M' training and N' test examples of the other dataset, D features, C' classes.
"""

from __future__ import annotations

import numpy as np

from benchmark.scoring.compute import ON_CPU, Compute
from benchmark.scoring.metric import Column, ModelMetric, ModelView, OtherView, Outcome
from benchmark.scoring.probes.linear_probe import fit_linear_probe
from benchmark.spec import Evaluation, LinearProbeSpec


def transfer_accuracy(other: OtherView, settings: LinearProbeSpec, compute: Compute = ON_CPU) -> float:
    """Fit the benchmark's linear probe on the other dataset's training features, and score its test features.

    The encoder stays frozen; only the probe sees the other dataset, with the same penalty and tolerance as at home.

    Args:
        other: final features and labels of the other dataset.
        settings: of the linear probe.
        compute: where it is fitted.

    Returns:
        Share of the N' test images that are classified correctly, in [0, 1].

    Raises:
        ValueError: features are not finite, or labels out of range.

    Source:
        Linear evaluation on other datasets as in Chen et al. 2020 (arXiv 2002.05709), section 4.2. Deviation: no search
        of the penalty per dataset, so that a dense and a pruned encoder are read with the same probe.

    Example:
        >>> train, test = np.array([[-2.0], [-1.0], [1.0], [2.0]], np.float32), np.array([[-3.0], [3.0]], np.float32)
        >>> other = OtherView(train, test, np.array([0, 0, 1, 1]), np.array([0, 0]), num_classes=2)
        >>> transfer_accuracy(other, LinearProbeSpec())
        0.5
    """
    probe = fit_linear_probe(
        other.train, other.train_labels, other.num_classes, settings.l2, settings.tolerance, compute
    )
    return float((probe.predict(other.test) == other.test_labels).mean())


def _measure(view: ModelView, evaluation: Evaluation, earlier: Outcome) -> Outcome:
    found = {name: transfer_accuracy(read(), evaluation.linear, view.compute) for name, read in view.transfer.items()}
    if not found:
        return Outcome({})
    each = {f"transfer/accuracy:{name}": accuracy for name, accuracy in found.items()}
    return Outcome({"transfer/accuracy": float(np.mean(list(found.values()))), **each})


METRIC = ModelMetric(
    name="transfer",
    version=1,
    settings=lambda evaluation: evaluation.linear,
    measure=_measure,
    reads_transfer=True,
    columns=(
        Column(
            name="transfer/accuracy",
            title="Transfer accuracy",
            better="higher",
            description="Linear-probe accuracy on datasets that the encoder was not trained on, averaged over these "
            "datasets, in [0, 1].",
        ),
        Column(
            name="transfer/accuracy:<dataset>",
            title="Transfer to a dataset",
            better="higher",
            description="Share of another dataset's test images that a linear probe, fitted on the frozen features of "
            "its training images, classifies correctly, in [0, 1].",
        ),
    ),
)
