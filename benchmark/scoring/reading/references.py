"""The two reference lines of every plot, read by the same probe: raw pixels, and untrained encoders."""

from __future__ import annotations

import numpy as np
from scipy.stats import binomtest

from benchmark.files.sealed import read_sealed, write_sealed
from benchmark.scoring.metric import Estimate, Features
from benchmark.scoring.probes.linear_probe import fit_linear_probe
from benchmark.scoring.reading.floor_reader import correct_of
from benchmark.scoring.reading.model_reader import TaskReader
from benchmark.scoring.scoring_job import ScoredReference
from benchmark.spec.canonical import digest


def reference_lines(reader: TaskReader) -> tuple[ScoredReference, ScoredReference]:
    """Return what the probe makes of raw pixels and of the initial encoders of every seed.

    Cached, because no submission changes them.

    The interval of raw pixels is Wilson's for one accuracy over the test examples; that of untrained encoders is a t
    interval over seeds.
    """
    path = reader.cache / f"{_key(reader)}.json"
    known = read_sealed(path)
    if known is not None:
        pixels, untrained = known.splitlines()
        return ScoredReference.model_validate_json(pixels), ScoredReference.model_validate_json(untrained)
    lines = (_raw_pixels(reader), _untrained(reader))
    write_sealed(path, "\n".join(line.model_dump_json() for line in lines).encode())
    return lines


def _key(reader: TaskReader) -> str:
    return digest(
        {
            **reader.computed,
            "references": 2,
            "task": reader.task.name,
            "encoder": reader.spec.tasks[reader.task.index].encoder.model_dump(mode="json"),
            "seeds": reader.spec.population.models,
            "linear": reader.spec.evaluation.linear.model_dump(mode="json"),
            "confidence": reader.spec.evaluation.bootstrap.confidence,
            "train": reader.task.train_digest,
            "test": reader.task.test_digest,
        }
    )


def _raw_pixels(reader: TaskReader) -> ScoredReference:
    accuracy = _probe_accuracy(reader, reader.train.pixels, reader.test.pixels)
    count = len(reader.test.labels)
    bounds = binomtest(round(accuracy * count), count).proportion_ci(
        reader.spec.evaluation.bootstrap.confidence, method="wilson"
    )
    estimate = Estimate(value=accuracy, low=float(bounds.low), high=float(bounds.high))
    return ScoredReference(task=reader.task.name, name="raw-pixels", accuracy=estimate)


def _untrained(reader: TaskReader) -> ScoredReference:
    accuracies: list[float] = []
    for seed in range(reader.spec.population.models):
        accuracies.append(float(correct_of(reader, seed).mean()))
    estimate = Estimate.over_models(np.array(accuracies), reader.spec.evaluation.bootstrap.confidence)
    return ScoredReference(task=reader.task.name, name="untrained", accuracy=estimate)


def _probe_accuracy(reader: TaskReader, train_MD: Features, test_ND: Features) -> float:
    settings = reader.spec.evaluation.linear
    probe = fit_linear_probe(
        train_MD, reader.train.labels, reader.task.num_classes, settings.l2, settings.tolerance, reader.compute
    )
    return float((probe.predict(test_ND) == reader.test.labels).mean())
