"""Scoring one model with the metrics that both sides have: the same numbers, and how long each side takes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.paired_timing import Line, alternate, milliseconds, ratio
from bench.peer_scoring import ProbeResults, features_of, read_naively
from bench.update_speed import digits
from benchmark.datasets.dataset import Dataset
from benchmark.encoder import Encoder, build_encoder
from benchmark.scoring.metric import FINAL_FEATURES
from benchmark.scoring.metrics.prediction_depth import depth, probe_predictions
from benchmark.scoring.probes.knn import knn_predictions
from benchmark.scoring.probes.linear_probe import fit_linear_probe
from benchmark.scoring.reading.features import extract_features
from benchmark.spec import Evaluation


def one_model(quick: bool) -> Iterator[Line]:
    """Time both sides on an untrained encoder of digits: features, linear probe, neighbours and prediction depth."""
    spec, data, budget = digits()
    encoder = build_encoder(budget.encoder, data.train.images.shape[1], 0)
    peer_s, ours_s = alternate(
        lambda: naively(encoder, data, spec.evaluation), lambda: ours(encoder, data, spec.evaluation), 3 if quick else 7
    )
    yield Line(
        "scoring", ratio(peer_s, ours_s),
        f"features, linear probe, kNN and depth of one model on digits, one thread: {milliseconds(peer_s)} "
        f"(scikit-learn) against {milliseconds(ours_s)}, n = {len(ours_s)}",
    )  # fmt: skip


def naively(encoder: Encoder, data: Dataset, evaluation: Evaluation) -> ProbeResults:
    """Score a model as the peer does."""
    train, test = (features_of(encoder, each.images) for each in (data.train, data.test))
    return read_naively(train, test, data.train.labels, evaluation)


def ours(encoder: Encoder, data: Dataset, evaluation: Evaluation) -> ProbeResults:
    """Score a model as the benchmark does."""
    train, test = (extract_features(encoder, each.images) for each in (data.train, data.test))
    final_train, final_test, labels = train[FINAL_FEATURES], test[FINAL_FEATURES], data.train.labels
    linear, knn = evaluation.linear, evaluation.knn
    predicted = fit_linear_probe(final_train, labels, data.num_classes, linear.l2, linear.tolerance).predict(final_test)
    voted = knn_predictions(final_train, labels, final_test, data.num_classes, knn.k, knn.temperature)
    by_probe = probe_predictions(train, test, labels, predicted, data.num_classes, evaluation.depth.k)
    return ProbeResults(np.asarray(predicted), voted, depth(by_probe, predicted))
