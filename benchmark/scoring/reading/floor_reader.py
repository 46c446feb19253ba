"""Reads untrained encoders, dense and pruned: the floor that knowledge kept is measured from.

The encoders are built here, with the initial weights that training starts from, so that no submission can touch them.
Their outcomes depend on the specification and the images alone and are cached under a name without any submission in
it: a second submission computes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from benchmark.encoder import Encoder, prunable_names
from benchmark.plan.events import compile_events
from benchmark.pruning.criteria import magnitude_scores, prune, random_scores
from benchmark.pruning.mask import Mask
from benchmark.scoring.floors import UNPRUNED, Correct, Floors, Pruning, prunings
from benchmark.scoring.metric import Outcome
from benchmark.scoring.metric_names import PROBE_PREDICTION
from benchmark.scoring.probes.linear_probe import METRIC, fit_linear_probe
from benchmark.scoring.reading.features import extract_final_features
from benchmark.scoring.reading.model_reader import TaskReader
from benchmark.scoring.reading.outcome_cache import read_outcome, write_outcome
from benchmark.spec import OneShot
from benchmark.spec.canonical import digest

FLOOR_VERSION = 1
"""Raised when the same specification gives other floors."""


def read_floors(reader: TaskReader) -> dict[Pruning, dict[int, Correct]]:
    """Read the untrained encoders of all seeds, pruned in every way that the grid asks for."""
    seeds = range(reader.spec.population.models)
    return {each: {seed: correct_of(reader, seed, each) for seed in seeds} for each in _distinct(reader)}


def read_floors_of(reader: TaskReader, seed: int) -> None:
    """Put the outcomes of one seed into the cache."""
    for pruning in _distinct(reader):
        correct_of(reader, seed, pruning)


def floors_by_cell(reader: TaskReader, found: Mapping[Pruning, Mapping[int, Correct]]) -> Floors:
    """Give every cell of the grid the floor that it shares with others."""
    return {cell: found[pruning] for cell, pruning in prunings(reader.spec).items()}


def correct_of(reader: TaskReader, seed: int, pruning: Pruning = UNPRUNED) -> Correct:
    """Return whether the untrained encoder of a seed classifies each test image correctly, bool (N,)."""
    path = reader.cache / f"{_key(reader, seed, pruning)}.npz"
    outcome = read_outcome(path)
    if outcome is None:
        outcome = _measure(reader, seed, pruning)
        write_outcome(path, outcome)
    return outcome.examples[PROBE_PREDICTION] == reader.test.labels


def _distinct(reader: TaskReader) -> list[Pruning]:
    return list(dict.fromkeys(prunings(reader.spec).values()))


def _measure(reader: TaskReader, seed: int, pruning: Pruning) -> Outcome:
    encoder = reader.encoder(seed)
    if pruning.sparsity:
        _prune(encoder, seed, pruning)
    train_MD, test_ND = (extract_final_features(encoder, e.images, reader.compute) for e in (reader.train, reader.test))
    settings = reader.spec.evaluation.linear
    probe = fit_linear_probe(
        train_MD, reader.train.labels, reader.task.num_classes, settings.l2, settings.tolerance, reader.compute
    )
    return Outcome({}, {PROBE_PREDICTION: probe.predict(test_ND)})


def _prune(encoder: Encoder, seed: int, pruning: Pruning) -> None:
    """Prune an untrained encoder at once, as a one-shot schedule at initialisation would."""
    weights = {name: encoder.get_parameter(name) for name in prunable_names(encoder)}
    sizes = tuple(weight.numel() for weight in weights.values())
    schedule = OneShot.model_validate(
        {"name": "floor", "kind": "one_shot", "at": 0, "allocation": pruning.allocation, "criterion": pruning.criterion}
    )
    mask = Mask.dense(weights)
    for event in compile_events(schedule, pruning.sparsity, 1, sizes):
        scores = random_scores(weights, seed, 0) if pruning.criterion == "random" else magnitude_scores(weights)
        mask = prune(mask, scores, event.num_pruned, event.allocation)
    mask.apply({name: weight.data for name, weight in weights.items()})


def _key(reader: TaskReader, seed: int, pruning: Pruning) -> str:
    return digest(
        {
            **reader.computed,
            "floor": FLOOR_VERSION,
            "encoder": reader.spec.tasks[reader.task.index].encoder.model_dump(mode="json"),
            "seed": seed,
            "pruning": [pruning.criterion, pruning.allocation, str(pruning.sparsity)],
            "probe": [METRIC.version, reader.spec.evaluation.linear.model_dump(mode="json")],
            "train": reader.task.train_digest,
            "test": reader.task.test_digest,
        }
    )
