"""The benchmark specification: which data, encoder, budget, sparsities, schedules, population and evaluation.

Pure data. It refuses to import torch and to decide anything that the document does not say.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from benchmark.spec.base import Document, Problem, PrunedSparsity
from benchmark.spec.corruptions import Corruption, repeated_corruptions
from benchmark.spec.datasets import AnyPublished, DatasetSpec, DigitsDataset, ImageFolder, TransferDataset
from benchmark.spec.encoders import EncoderSpec
from benchmark.spec.metric_settings import CalibrationSpec, DepthSpec, KnnSpec
from benchmark.spec.schedules import Gradual, Iterative, OneShot, Schedule


class FineTuning(Document):
    """Updates after the budget at a constant learning rate, for every run alike (as in Corti et al. 2022)."""

    epochs: Annotated[int, Field(ge=1, le=10_000)]
    """Passes over the training images after the budget, 1 to 10,000."""
    learning_rate: Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)]
    """Learning rate of every parameter group, in (0, 10]."""


class TrainingBudget(Document):
    """What every run may spend; only when and how it is pruned differs between runs."""

    epochs: Annotated[int, Field(ge=1, le=10_000)]
    """Passes over the training images, 1 to 10,000; the last partial batch of an epoch is dropped."""
    batch_size: Annotated[int, Field(ge=2, le=65_536)]
    """Images (not views) per update, 2 to 65,536."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """What the encoder computes in while it trains. `bfloat16` where the machine multiplies it natively, else float32;
    weights, heads, losses and the optimizer stay float32, and so does everything that is scored."""
    finetune: FineTuning | None = None
    """Updates that follow the budget, if any; schedules count in fractions of the budget alone."""


class Task(Document):
    """One dataset, one encoder, one training budget."""

    dataset: DatasetSpec
    """Which images to train and evaluate on."""
    encoder: EncoderSpec
    """Which benchmark-owned network to train."""
    training: TrainingBudget
    """How long every run trains."""


class PopulationSpec(Document):
    """How many models are trained per cell; the seeds are 0 to models - 1."""

    models: Annotated[int, Field(ge=2, le=1000, multiple_of=2)]
    """Number of independently seeded models per cell, even (PIE noise floors compare two halves), 2 to 1000."""


class LinearProbeSpec(Document):
    """The multinomial logistic regression that reads every representation."""

    l2: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] = 1e-3
    """Weight of the penalty ||W||^2 / 2 beside the mean cross-entropy in nats, in (0, 100]; the bias is free of it."""
    tolerance: Annotated[float, Field(gt=0, le=1e-2, allow_inf_nan=False)] = 1e-6
    """Largest absolute gradient entry at which the fit counts as converged, in (0, 0.01]."""


class PieSpec(Document):
    """How the noise floor of Pruning Identified Exemplars is estimated."""

    max_splits: Annotated[int, Field(ge=1, le=100_000)] = 200
    """Largest number of half-population splits; all are enumerated up to it, else this many are sampled."""


class BootstrapSpec(Document):
    """How intervals are resampled."""

    draws: Annotated[int, Field(ge=100, le=1_000_000)] = 10_000
    """Number of bootstrap draws over seeds and test examples, 100 to 1,000,000."""
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Nominal coverage of every interval, in (0.5, 1)."""


class Evaluation(Document):
    """How trained and pruned encoders are read; changing it never retrains anything."""

    linear: LinearProbeSpec = LinearProbeSpec()
    """The linear probe, whose predictions give accuracy and PIEs for every method."""
    pie: PieSpec = PieSpec()
    """The PIE noise floor."""
    bootstrap: BootstrapSpec = BootstrapSpec()
    """Intervals."""
    knn: KnnSpec = KnnSpec()
    """The weighted nearest-neighbour probe."""
    depth: DepthSpec = DepthSpec()
    """Prediction depth."""
    calibration: CalibrationSpec = CalibrationSpec()
    """Calibration of the linear probe."""
    corruptions: Annotated[tuple[Corruption, ...], Field(max_length=32)] = ()
    """How test images are corrupted, each corruption at five severities; none by default."""
    transfer: Annotated[tuple[TransferDataset, ...], Field(max_length=8)] = ()
    """Other datasets that a linear probe of their own reads from the frozen encoders; none by default."""

    @classmethod
    def contradictions(cls, values: Mapping[str, Any]) -> Iterator[Problem]:
        """Refuse to ask for the same corruption, or to transfer to the same dataset, twice."""
        yield from repeated_corruptions(values.get("corruptions") or ())
        names = Counter(each.name for each in values.get("transfer") or () if each is not None)
        for name, count in names.items():
            if count > 1:
                yield Problem("transfer", "every dataset once", f"{count} times {name}")


class BenchmarkSpec(Document):
    """A whole benchmark document; identity is name and version."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    """Name of the benchmark: lower-case letters, digits and hyphens, at most 64 characters."""
    version: Annotated[str, Field(pattern=r"^[0-9]{1,3}\.[0-9]{1,3}$")]
    """Version as `Major.Minor`; results compare within one such version."""
    tier: Literal["smoke", "qualification", "full"]
    """What a result is worth: `smoke` proves an installation, `qualification` pre-selects, `full` is evidence."""
    description: Annotated[str, Field(max_length=2000)] = ""
    """A few sentences for people, at most 2,000 characters; not part of the identity."""
    tasks: Annotated[tuple[Task, ...], Field(min_length=1, max_length=16)]
    """What is trained: 1 to 16 tasks; scores are averaged over them."""
    sparsities: Annotated[tuple[PrunedSparsity, ...], Field(min_length=2, max_length=32)]
    """Pruned sparsities in (0, 1), strictly increasing, 2 to 32 of them; 0 (dense) is always there."""
    schedules: Annotated[tuple[Schedule, ...], Field(min_length=1, max_length=32)]
    """When and how runs are pruned; at least one that is not a control."""
    population: PopulationSpec
    """How many models per cell."""
    evaluation: Evaluation = Evaluation()
    """How representations are read."""

    @classmethod
    def contradictions(cls, values: Mapping[str, Any]) -> Iterator[Problem]:
        """Check order and uniqueness across the lists of the document."""
        yield from _sparsities_increase(values.get("sparsities") or ())
        asked = values.get("schedules") or ()
        schedules = [schedule for schedule in asked if isinstance(schedule, OneShot | Gradual | Iterative)]
        for name, count in Counter(schedule.name for schedule in schedules).items():
            if count > 1:
                yield Problem("schedules", "a different name for every schedule", f"{count} schedules named {name!r}")
        if schedules and len(schedules) == len(asked) and all(schedule.is_control for schedule in schedules):
            yield Problem("schedules", "at least one schedule with criterion magnitude to rank", "only controls")
        yield from _grid_is_on_ladders(values.get("sparsities") or (), schedules)
        yield from _transfer_has_the_channels(values.get("tasks") or (), values.get("evaluation"))

    @property
    def identity(self) -> str:
        """Name and version as one word, the name of the experiment: `digits-1.0`."""
        return f"{self.name}-{self.version}"


def _sparsities_increase(sparsities: tuple[Any, ...]) -> Iterator[Problem]:
    parsed = [(position, value) for position, value in enumerate(sparsities) if value is not None]
    for (_, lower), (position, upper) in itertools.pairwise(parsed):
        if not lower < upper:
            yield Problem(f"sparsities[{position}]", f"more than the one before it ({lower})", str(upper))


def _grid_is_on_ladders(sparsities: tuple[Any, ...], schedules: list[Any]) -> Iterator[Problem]:
    for schedule in schedules:
        missing = [str(each) for each in sparsities if isinstance(schedule, Iterative) and each not in schedule.ladder]
        if missing and None not in sparsities:
            expected = "a ladder that visits every sparsity of the grid"
            yield Problem("schedules", expected, f"schedule {schedule.name!r} without {', '.join(missing)}")


def _transfer_has_the_channels(tasks: tuple[Any, ...], evaluation: Any) -> Iterator[Problem]:
    """An encoder of colour images cannot read grey ones, nor the other way round; it can read other sizes."""
    others: tuple[AnyPublished, ...] = evaluation.transfer if isinstance(evaluation, Evaluation) else ()
    for task in tasks:
        for other in others if isinstance(task, Task) else ():
            own, got = _channels(task.dataset), other.image_shape[0]
            if own != got:
                expected = f"datasets with {own} channels, as {task.dataset.name} has"
                yield Problem("evaluation.transfer", expected, f"{other.name}, which has {got}")


def _channels(dataset: Any) -> int:
    match dataset:
        case DigitsDataset():
            return 1
        case ImageFolder():
            return dataset.channels
        case _:
            return dataset.image_shape[0]
