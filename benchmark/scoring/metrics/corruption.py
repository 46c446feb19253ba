"""Corruption robustness: what the linear probe, fitted on clean features, still knows about corrupted images.

It owns the accuracies under corruption and the excess error gap. It refuses to make corruptions
(`benchmark.scoring.metrics.corruption_kinds`) and to fit on corrupted images.

Shapes: K models, N test examples, S corruptions times severities, B images encoded at once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from benchmark.scoring.compute import Device
from benchmark.scoring.invalid_output import InvalidOutput
from benchmark.scoring.metric import (
    CellMetric,
    CellView,
    Column,
    Estimate,
    Labels,
    ModelMetric,
    ModelView,
    Outcome,
    Population,
)
from benchmark.scoring.metric_names import CORRUPTION_ACCURACY, CORRUPTION_CORRECT, PROBE_PREDICTION
from benchmark.scoring.metrics.corruption_kinds import corrupt, digest_images
from benchmark.scoring.probes.linear_probe import LinearProbe, probe_of
from benchmark.scoring.score_math import t_quantile
from benchmark.spec import Evaluation
from benchmark.spec.corruptions import NUM_SEVERITIES, Corruption

Doubles = NDArray[np.float64]
Pixels = NDArray[np.uint8]

ENCODED_IMAGES = 4096
"""Images given to the encoder at once; many small ones share a forward pass, large test sets are cut."""

KEPT_BYTES: Mapping[Device, int] = {"cpu": 256 * 2**20, "cuda": 768 * 2**20}
"""Corrupted images that a process keeps, so that all models of a task see them without their being made again. Beside a
GPU, which few processes share and which waits for them: CIFAR's 10,000 test images under five corruptions."""


class CorruptedImages:
    """Corrupted images by what they were made of, up to a number of bytes.

    Models are read one after the other, each with all corruptions of the same test images: dropping the least recently
    used *corruption* would drop every one just before it is needed. Hence test sets are dropped whole, the least
    recently used first, and what does not fit beside the current test set's is made anew each time.
    """

    def __init__(self, max_bytes: int, device: Device = "cpu") -> None:
        self.max_bytes = max_bytes
        self.device: Device = device
        self._kept: OrderedDict[str, dict[tuple[str, float, int], Pixels]] = OrderedDict()

    def get(self, images_NCHW: Pixels, digest: str, corruption: Corruption, severity: int) -> Pixels:
        """Return `corrupt(images, corruption, severity)`; `digest` is that of the images. It must not be written to."""
        known = self._kept.setdefault(digest, {})
        self._kept.move_to_end(digest)
        key = (corruption.name, corruption.severities[severity - 1], severity)
        if key not in known:
            made_NCHW = corrupt(images_NCHW, corruption, severity, self.device)
            while len(self._kept) > 1 and self.num_bytes + made_NCHW.nbytes > self.max_bytes:
                self._kept.popitem(last=False)
            if self.num_bytes + made_NCHW.nbytes > self.max_bytes:
                return made_NCHW
            known[key] = made_NCHW
        return known[key]

    @property
    def num_bytes(self) -> int:
        """Size of what is kept."""
        return sum(images.nbytes for known in self._kept.values() for images in known.values())


_IMAGES: Mapping[Device, CorruptedImages] = {
    "cpu": CorruptedImages(KEPT_BYTES["cpu"]), "cuda": CorruptedImages(KEPT_BYTES["cuda"], "cuda")
}  # fmt: skip


def corrupted_correctness(view: ModelView, probe: LinearProbe, corruptions: Sequence[Corruption]) -> NDArray[np.bool_]:
    """Return which test images the probe classifies correctly under every corruption and severity.

    Args:
        view: the model; its test images are corrupted and encoded in evaluation mode.
        probe: fitted on its clean training features.
        corruptions: at least one.

    Returns:
        (S, N), severities 1 to 5 of the first corruption, then of the second, ...

    Raises:
        InvalidOutput: the encoder overflows on a corrupted image.
    """
    digest = digest_images(view.test_images)
    wanted = [(corruption, severity) for corruption in corruptions for severity in range(1, NUM_SEVERITIES + 1)]
    corrupted = _IMAGES[view.compute.device]
    arrays = (corrupted.get(view.test_images, digest, *each) for each in wanted)
    predicted: list[Labels] = []
    for batch in _batches(arrays):
        features_BD = view.encode_test(batch)
        if not np.isfinite(features_BD).all():
            raise InvalidOutput("features overflow on corrupted images; the training has diverged")
        predicted.append(probe.predict(features_BD))
    return np.concatenate(predicted).reshape(len(wanted), -1) == view.test_labels


def _batches(arrays: Iterator[Pixels]) -> Iterator[Pixels]:
    """Cut and join arrays of images into batches of `ENCODED_IMAGES`, the last one smaller."""
    waiting: list[Pixels] = []
    for array in arrays:
        for start in range(0, len(array), ENCODED_IMAGES):
            piece = array[start : start + ENCODED_IMAGES]
            room = ENCODED_IMAGES - sum(map(len, waiting))
            waiting.append(piece[:room])
            if len(piece) >= room:
                yield np.concatenate(waiting)
                waiting = [piece[room:]]
    if any(map(len, waiting)):
        yield np.concatenate(waiting)


def _measure(view: ModelView, evaluation: Evaluation, earlier: Outcome) -> Outcome:
    """Read every corrupted test set with the probe that was fitted on clean features."""
    if not evaluation.corruptions:
        return Outcome({})
    correct_SN = corrupted_correctness(view, probe_of(view, evaluation.linear), evaluation.corruptions)
    values = {"corruption/mean_error": 100 * (1 - float(correct_SN.mean()))}
    for position, corruption in enumerate(evaluation.corruptions):
        mine_SN = correct_SN[position * NUM_SEVERITIES : (position + 1) * NUM_SEVERITIES]
        values[CORRUPTION_ACCURACY + corruption.name] = float(mine_SN.mean())
    return Outcome(values, {CORRUPTION_CORRECT: correct_SN.mean(axis=0).astype(np.float32)})


def _measure_cell(cell: CellView, evaluation: Evaluation) -> Mapping[str, Estimate]:
    """Compare error under corruption beyond clean error with the dense models'.

    The gap is the mean over models k and examples i of `g_ki = 100 (extra_ki - dense_extra_ki)`; `extra_ki` is 1 where
    the clean image is classified correctly, minus the share of corruptions under which it still is. Its interval is t
    with K - 1 degrees of freedom, from the variance over models plus that over examples, `s_K^2 / K + var_i / N`: what
    a bootstrap over both resamples. Empty without corruptions; no bounds with one model.
    """
    if CORRUPTION_CORRECT not in cell.sparse.examples or CORRUPTION_CORRECT not in cell.dense.examples:
        return {}
    sparse_KN, dense_KN = _extra_error(cell.sparse, cell.test_labels), _extra_error(cell.dense, cell.test_labels)
    if sparse_KN.shape != dense_KN.shape:
        raise ValueError(f"gap: expected pruned models beside dense parents, got {dense_KN.shape}, {sparse_KN.shape}")
    gap_KN = 100 * (sparse_KN - dense_KN)
    num_models, num_examples = gap_KN.shape
    value = float(gap_KN.mean())
    if num_models < 2:
        return {"corruption/excess_error_gap": Estimate(value=value)}
    over_models = float(gap_KN.mean(axis=1).var(ddof=1)) / num_models
    over_examples = float(gap_KN.mean(axis=0).var()) / num_examples
    margin = t_quantile(num_models - 1, evaluation.bootstrap.confidence) * sqrt(over_models + over_examples)
    return {"corruption/excess_error_gap": Estimate(value=value, low=value - margin, high=value + margin)}


def _extra_error(population: Population, labels_N: Labels) -> Doubles:
    """Return correctness on the clean image minus that under corruption, (K, N), in [-1, 1]."""
    clean_KN = population.examples[PROBE_PREDICTION] == labels_N
    return clean_KN.astype(np.float64) - population.examples[CORRUPTION_CORRECT]


METRIC = ModelMetric(
    name="corruption",
    version=1,
    settings=lambda evaluation: {
        "linear": evaluation.linear.model_dump(mode="json"),
        "corruptions": [corruption.model_dump(mode="json") for corruption in evaluation.corruptions],
    },
    measure=_measure,
    columns=(
        Column(
            name="corruption/mean_error",
            title="Corruption error",
            unit="%",
            better="lower",
            description="Share of corrupted test images that the linear probe, fitted on clean images, misclassifies, "
            "averaged over corruptions and severities; in percent, not normalised by a reference model.",
        ),
        Column(
            name="corruption/accuracy:<corruption>",
            title="Accuracy under a corruption",
            better="higher",
            description="Linear-probe accuracy on test images under one corruption, averaged over its five severities, "
            "in [0, 1].",
        ),
    ),
)

CELL_METRIC = CellMetric(
    name="corruption",
    measure=_measure_cell,
    columns=(
        Column(
            name="corruption/excess_error_gap",
            title="Excess error gap",
            unit="points",
            better="lower",
            description="Error under corruption beyond clean error, pruned minus dense models of the same seeds, in "
            "percentage points; above 0 where pruning costs more on corrupted images than on clean ones.",
        ),
    ),
)
