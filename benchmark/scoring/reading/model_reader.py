"""Reads one model with every metric; each outcome is kept under its own key, so that a new metric repeats no other."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel
from safetensors.numpy import load_file

from benchmark.encoder import Encoder, build_encoder, prunable_names
from benchmark.files.sealed import read_sealed, write_sealed
from benchmark.plan.plan import DENSE
from benchmark.pruning.mask import Mask
from benchmark.scoring.compute import ON_CPU, Compute
from benchmark.scoring.invalid_output import InvalidOutput
from benchmark.scoring.metric import (
    FINAL_FEATURES,
    INPUT,
    Features,
    Labels,
    ModelMetric,
    ModelView,
    OtherView,
    Outcome,
)
from benchmark.scoring.metrics.sparsity_audit import layer_sparsities
from benchmark.scoring.probes import linear_probe
from benchmark.scoring.reading.device import facts_that_change_bits, release
from benchmark.scoring.reading.features import extract_features, extract_final_features, pixels_of
from benchmark.scoring.reading.mask_derivation import DERIVATION_VERSION, demand_derived_mask
from benchmark.scoring.reading.outcome_cache import read_outcome, write_outcome
from benchmark.scoring.reading.weights import load_pruned_weights
from benchmark.scoring.registry import MODEL_METRICS
from benchmark.scoring.scoring_job import ENCODER_FILE, MASK_FILE, OtherDataset, RunToScore, TaskToScore
from benchmark.spec import BenchmarkSpec
from benchmark.spec.canonical import digest

logger = logging.getLogger(__name__)

LAYERS_KEY = "layers"


@dataclass(frozen=True)
class Images:
    """uint8 images (N, channels, H, W) and int64 labels (N,)."""

    images: NDArray[np.uint8]
    labels: Labels

    @staticmethod
    def read(path: Path) -> Images:
        """Read a data file."""
        tensors = load_file(path)
        return Images(tensors["images"], tensors["labels"])

    @cached_property
    def pixels(self) -> Features:
        """The images as the first probe point shows them, the same for every model."""
        return pixels_of(self.images)


class TaskReader:
    """Reads the models of one task; features of dense models are kept, because every pruned one is compared to them."""

    def __init__(self, spec: BenchmarkSpec, task: TaskToScore, cache: Path, compute: Compute = ON_CPU) -> None:
        self.spec, self.task, self.cache, self.compute = spec, task, cache, compute
        self.dense_runs = {run.seed: run for run in task.runs if run.schedule == DENSE}
        self._dense_features: dict[int, Mapping[str, Features]] = {}
        self._others: dict[Path, Images] = {}

    @cached_property
    def train(self) -> Images:
        """The images that probes are fitted on."""
        return Images.read(self.task.train_file)

    @cached_property
    def test(self) -> Images:
        """The images that are scored."""
        return Images.read(self.task.test_file)

    def encoder(self, seed: int) -> Encoder:
        """Build the task's encoder with its initial weights."""
        return build_encoder(self.spec.tasks[self.task.index].encoder, self.test.images.shape[1], seed)

    def read(self, run: RunToScore, metrics: Sequence[ModelMetric] | None = None) -> Outcome:
        """Return what metrics give for a run, from the cache where it is there.

        Args:
            run: what to read.
            metrics: by default all of them; the linear probe comes first.

        Raises:
            InvalidOutput: the run's files are not what was asked for.
        """
        outcome = Outcome({})
        view: ModelView | None = None
        for metric in MODEL_METRICS if metrics is None else metrics:
            path = self.cache / f"{self._key(run, metric)}.npz"
            found = read_outcome(path)
            if found is None:
                view = view or self._view(run)
                found = metric.measure(view, self.spec.evaluation, outcome)
                write_outcome(path, found)
            outcome = Outcome({**outcome.values, **found.values}, {**outcome.examples, **found.examples})
        if view is not None:
            release(self.compute)
        return outcome

    def knows(self, run: RunToScore) -> bool:
        """Whether every outcome of a run is in the cache."""
        return all((self.cache / f"{self._key(run, metric)}.npz").exists() for metric in MODEL_METRICS)

    def final_features(self, run: RunToScore, example_n: NDArray[np.int64]) -> Features:
        """Return the final features of some test images, float32 (n, D).

        Raises:
            InvalidOutput: the run's files are not what was asked for, or its features are not finite.
        """
        features = extract_features(self._load(run), self.test.images[example_n], self.compute)
        _demand_finite(features)
        return features[FINAL_FEATURES]

    def layers(self, run: RunToScore) -> tuple[tuple[str, int, int], ...]:
        """Return (name, weights, zeros) per prunable layer, cached like a metric."""
        path = self.cache / f"{digest({'state': run.state_key, 'metric': LAYERS_KEY})}.json"
        known = read_sealed(path)
        if known is not None:
            return tuple((name, size, zeros) for name, size, zeros in json.loads(known))
        encoder = self._load(run)
        found = layer_sparsities(_weights(encoder), prunable_names(encoder))
        write_sealed(path, json.dumps(found).encode())
        return found

    @cached_property
    def computed(self) -> dict[str, str | int]:
        """What changes bits from one place of computation to another: part of the key of every number."""
        return facts_that_change_bits(self.compute)

    def _key(self, run: RunToScore, metric: ModelMetric) -> str:
        settings = metric.settings(self.spec.evaluation)
        partners = (self.dense_runs.get(seed) for seed in (run.seed, self._next_seed(run.seed)))
        dense = [partner and partner.state_key for partner in partners]
        others = [[other.name, other.train_digest, other.test_digest] for other in self.task.transfer]
        return digest(
            {
                **self.computed,
                **({"transfer": others} if metric.reads_transfer else {}),
                "state": run.state_key,
                "derivation": DERIVATION_VERSION,
                "dense": dense if metric.reads_dense else None,
                "probe": [linear_probe.METRIC.version, self.spec.evaluation.linear.model_dump(mode="json")],
                "metric": metric.name,
                "version": metric.version,
                "settings": settings.model_dump(mode="json") if isinstance(settings, BaseModel) else settings,
                "train": self.task.train_digest,
                "test": self.task.test_digest,
            }
        )

    def _load(self, run: RunToScore) -> Encoder:
        encoder = self.encoder(run.seed)
        self._load_into(encoder, run)
        return encoder

    def _load_into(self, encoder: Encoder, run: RunToScore) -> Mask:
        return load_pruned_weights(encoder, run.directory / ENCODER_FILE, run.directory / MASK_FILE, run.num_pruned)

    def _view(self, run: RunToScore) -> ModelView:
        encoder = self.encoder(run.seed)
        mask = self._load_into(encoder, run)
        demand_derived_mask(run, mask, lambda: self.encoder(run.seed))
        weights = _weights(encoder)  # before the encoder leaves for another device
        return ModelView(
            train=self._finite_features(encoder, self.train),
            test=self._finite_features(encoder, self.test),
            train_labels=self.train.labels,
            test_labels=self.test.labels,
            num_classes=self.task.num_classes,
            weights=weights,
            prunable=prunable_names(encoder),
            test_images=self.test.images,
            encode_test=lambda images: extract_final_features(encoder, images, self.compute),
            dense_test=lambda: self._dense(run.seed),
            other_dense_test=lambda: self._dense_of_another(run.seed),
            transfer={other.name: partial(self._read_other, encoder, other) for other in self.task.transfer},
            compute=self.compute,
        )

    def _finite_features(self, encoder: Encoder, data: Images) -> dict[str, Features]:
        features = extract_features(encoder, data.images, self.compute, data.pixels)
        _demand_finite(features)
        return features

    def _read_other(self, encoder: Encoder, other: OtherDataset) -> OtherView:
        """Encode a dataset that the encoder was not trained on.

        Raises:
            InvalidOutput: its features are not finite.
        """
        train, test = self._other_images(other.train_file), self._other_images(other.test_file)
        train_MD, test_ND = (extract_final_features(encoder, each.images, self.compute) for each in (train, test))
        _demand_finite({f"the last probe point ({other.name}, training)": train_MD, f"it ({other.name})": test_ND})
        return OtherView(train_MD, test_ND, train.labels, test.labels, other.num_classes)

    def _other_images(self, path: Path) -> Images:
        if path not in self._others:
            self._others[path] = Images.read(path)
        return self._others[path]

    def _next_seed(self, seed: int) -> int:
        """Name the next seed that has a dense model, round and round."""
        seeds = sorted(self.dense_runs) or [seed]
        return next((each for each in seeds if each > seed), seeds[0])

    def _dense_of_another(self, seed: int) -> Mapping[str, Features]:
        other = self._next_seed(seed)
        return {} if other == seed else self._dense(other)

    def _dense(self, seed: int) -> Mapping[str, Features]:
        """Return the features of the dense model of a seed; an empty mapping where that model has failed."""
        if seed not in self._dense_features:
            try:
                encoder = self._load(self.dense_runs[seed])
            except (KeyError, InvalidOutput) as error:
                logger.debug("seed %d has no dense model to compare with; these numbers are undefined: %r", seed, error)
                self._dense_features[seed] = {}
            else:
                self._dense_features[seed] = extract_features(
                    encoder, self.test.images, self.compute, self.test.pixels
                )
        return self._dense_features[seed]


def _weights(encoder: Encoder) -> dict[str, NDArray[Any]]:
    return {name: tensor.numpy() for name, tensor in encoder.state_dict().items()}


def _demand_finite(features: Mapping[str, Features]) -> None:
    for name, values in features.items():
        if name != INPUT and not np.isfinite(values).all():  # pixels always are
            raise InvalidOutput(f"features at {name} overflow on real images; the training has diverged")
