"""The self-contained job of a trainer: what one seed's subtree needs, as JSON that any executor can ship."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from benchmark.plan.tree import Segment
from benchmark.spec import EncoderSpec

_MOST = 2**53
"""Largest number that a trainer, who may lie, can make anybody calculate with."""


class TrainingJob(BaseModel):
    """One seed of one task: everything a trainer must know, and nothing about runs, schedules or test data."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    job_version: Literal[1] = 1
    """Version of this layout."""
    root: str
    """Root key of the seed's tree."""
    seed: int
    """The model's seed."""
    encoder: EncoderSpec
    """Which encoder to train."""
    dataset: str
    """Name of the dataset, for methods that look at it."""
    flip: bool
    """Whether a mirrored image still shows its class."""
    num_classes: int | None
    """Number of classes where the manifest asks for labels, else None."""
    batch_size: int
    """Images per update."""
    total_steps: int
    """Updates of the budget, for learning-rate schedules."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """What the encoder computes in, where the machine can."""
    finetune_rate: float | None = None
    """Constant learning rate of updates after the budget, where the specification has any."""
    hyperparameters: dict[str, Any]
    """The manifest's, resolved for the dataset."""
    capturable: bool = False
    """Whether the manifest promises that updates can be captured as CUDA graphs."""
    device: Literal["cpu", "cuda"]
    """Where to train."""
    sharing: Annotated[int, Field(ge=1)] = 1
    """Trainers that share the device at the same time, this one included; a core of a CPU is shared by none."""
    segments: tuple[Segment, ...]
    """What to train; a parent is another segment of the list or a stored state handed over beside the job."""
    checkpoint_interval: int
    """Steps between the positions where a state inside a segment may be saved."""
    checkpoint_every_s: float
    """Seconds of training after which such a state is saved."""


class SegmentReport(BaseModel):
    """What a trainer says about a state it wrote: for people and cost models, never for scores."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, ser_json_inf_nan="strings")

    key: str
    """Name of the state."""
    step: Annotated[int, Field(ge=0, le=_MOST)]
    """Updates made."""
    start: Annotated[int, Field(ge=0, le=_MOST)]
    """Updates made before the segment; or before its rest, where it was continued from a checkpoint."""
    train_s: Annotated[float, Field(ge=0, le=_MOST)]
    """Seconds spent on these updates."""
    sharing: Annotated[int, Field(ge=1, le=_MOST)] = 1
    """Trainers that shared the device in these seconds."""
    peak_memory_bytes: Annotated[int, Field(ge=0, le=_MOST)]
    """Largest memory of the trainer so far: resident on a CPU, kept from others on a GPU."""
    losses: tuple[tuple[Annotated[int, Field(ge=0, le=_MOST)], float, Annotated[int, Field(ge=1, le=_MOST)]], ...]
    """(epoch, sum of losses, number of updates) of the segment or piece."""


class SegmentFailure(BaseModel):
    """What a trainer says about a segment that it could not train; the text is the submission's own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    error: str


class Progress(BaseModel):
    """How far a trainer is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    num_updates: Annotated[int, Field(ge=0, le=_MOST)]
    loss: float | None
