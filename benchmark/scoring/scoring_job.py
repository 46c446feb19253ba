"""What the scorer is asked and what it answers: JSON on both sides, so that it can live in another process or place."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, cast

from pydantic import BaseModel, ConfigDict, Field

from benchmark.plan.events import PruneEvent
from benchmark.scoring.compute import Compute, Device
from benchmark.scoring.metric import Column, Estimate
from benchmark.spec import BenchmarkSpec

RESULT_FILE, OUTCOMES_FILE, MAPS_FILE = "result.json", "outcomes.parquet", "maps.parquet"
AREAS_FILE = "areas.parquet"
ANSWER_FILES = (RESULT_FILE, OUTCOMES_FILE, MAPS_FILE, AREAS_FILE)
"""The four files that a scorer leaves which was asked for everything."""

COUNTED = "example"
"""The column of outcomes that counts up in every run: its differences are all alike."""

ENCODER_FILE, MASK_FILE = "encoder.safetensors", "mask.safetensors"
"""What a scorer reads of a state."""

DIGITS = 8
"""Significant digits of a record's numbers: more than float32 holds, in half the bytes of float64."""

MAX_CHUNK_MIB = 2**16
"""Most that a piece of work may take, in MiB: more than any device has."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class BranchPoint(_Part):
    """A stored state and the event that was applied to it: what the mask of a run can be derived from again."""

    directory: Path | None
    """Where the checked copies of the state's files are; None for the initial state of the seed."""
    num_pruned: tuple[int, ...]
    """How many of its weights the plan asked to be masked; () for dense."""
    event: PruneEvent
    """What was applied."""


class RunToScore(_Part):
    """One finished run."""

    schedule: str
    """Name of its schedule; `dense` for the unpruned run."""
    sparsity: Decimal
    """Its target sparsity."""
    seed: int
    """Its seed."""
    state_key: str
    """Name of the weights it ends in."""
    num_pruned: tuple[int, ...]
    """How many weights the plan asked to be masked: one total or one count per layer; () for dense."""
    directory: Path
    """Where the checked copies of its encoder and mask files are."""
    branch_points: tuple[BranchPoint, ...] = ()
    """In the order of training; only the last one's event can be the run's last."""


class OtherDataset(_Part):
    """A dataset that nothing was trained on, to which frozen encoders are transferred."""

    name: str
    """Name of the dataset."""
    num_classes: int
    """Its number of classes."""
    train_file: Path
    """safetensors with uint8 `images` and int64 `labels`: what its probe is fitted on."""
    test_file: Path
    """The same for the images that are scored."""
    train_digest: str
    """sha256 of the training tensors."""
    test_digest: str
    """sha256 of the scored tensors."""


class TaskToScore(_Part):
    """All finished runs of one task."""

    name: str
    """Name of the task."""
    index: int
    """Its position in the specification."""
    num_classes: int
    """C."""
    train_file: Path
    """safetensors with uint8 `images` and int64 `labels`: what the probes are fitted on."""
    test_file: Path
    """The same for the images that are scored."""
    train_digest: str
    """sha256 of the training tensors, part of every cache key."""
    test_digest: str
    """sha256 of the scored tensors."""
    runs: tuple[RunToScore, ...]
    """What to score."""
    transfer: tuple[OtherDataset, ...] = ()
    """Other datasets on which every model is read as well."""


class ScoringJob(_Part):
    """Everything to be scored for one submission."""

    job_version: Literal[1] = 1
    """Version of this layout."""
    spec: BenchmarkSpec
    """The specification, for its evaluation part and its grid."""
    tasks: tuple[TaskToScore, ...]
    """The tasks."""
    cache: Path
    """Where outcomes of single models are kept between scorings."""
    workers: int
    """Processes that read models at the same time."""
    device: Device = "cpu"
    """Where models are read."""
    chunk_mib: Annotated[int, Field(ge=1, le=MAX_CHUNK_MIB)] | None = None
    """Size of the pieces that work is cut into, in MiB; by default what suits the device."""
    probe_only: bool = False
    """Whether the accuracy of the linear probe is all that is asked for, of every run, in the order of the job."""

    @property
    def answer_files(self) -> tuple[str, ...]:
        """Names of the files that the scorer leaves."""
        return (RESULT_FILE,) if self.probe_only else ANSWER_FILES

    @property
    def compute(self) -> Compute:
        """Where, and in pieces of which size."""
        return Compute.on(self.device, self.chunk_mib)


class ScoredRun(_Part):
    """The numbers of one run, or why there are none."""

    task: str
    schedule: str
    sparsity: Decimal
    seed: int
    invalid: str | None = None
    metrics: dict[str, float | None] = {}
    layers: tuple[tuple[str, int, int], ...] = ()


class ScoredCell(_Part):
    """The numbers of one population."""

    task: str
    schedule: str
    sparsity: Decimal
    num_models: int
    metrics: dict[str, Estimate]


class ScoredReference(_Part):
    """A reference representation, read by the same probe."""

    task: str
    name: str
    accuracy: Estimate


class ScoringResult(_Part):
    """What the scorer answers; per-example outcomes lie beside it in a parquet file."""

    columns: tuple[Column, ...]
    runs: tuple[ScoredRun, ...]
    cells: tuple[ScoredCell, ...]
    references: tuple[ScoredReference, ...]
    floor: dict[str, Estimate]
    summary: dict[str, Estimate]
    versions: dict[str, str] = {}
    """Of all metrics, as `metric_versions` names them."""

    def rounded(self) -> ScoringResult:
        """Return the answer with `DIGITS` significant digits of every number, as records keep them.

        Intervals stay intervals, and what is possible stays possible: rounding keeps order.
        """
        return ScoringResult.model_validate(_rounded(self.model_dump()))


def _rounded(value: object) -> object:
    """Round all floats in dictionaries, lists and tuples; all else is left as it is."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in cast(dict[str, object], value).items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in cast(Sequence[object], value)]
    return value
