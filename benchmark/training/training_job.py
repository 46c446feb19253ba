"""What passes between a host and a trainer: the job, as JSON that any executor can ship, and the trainer's reports.

A job is self-contained. It names no runs, no schedules, no test data and no paths of the store.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from benchmark.plan.tree import Segment
from benchmark.spec import EncoderSpec

_MOST = 2**53
"""Upper bound of every number in a report: reports are written beside submission code and may be false."""


class TrainingJob(BaseModel):
    """Everything a trainer must know to train the segments of one seed of one task."""

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
    """Name of the dataset, which a method may read in its `Setting`."""
    flip: bool
    """Whether a mirrored image still shows its class."""
    num_classes: int | None
    """Number of classes where the manifest asks for labels, else None."""
    batch_size: int
    """Images per update."""
    total_steps: int
    """Updates of the budget, for learning-rate schedules."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Number format the encoder computes in; `bfloat16` only where the device multiplies it natively."""
    finetune_rate: float | None = None
    """Constant learning rate of the updates after the budget; None where the specification has no such updates."""
    hyperparameters: dict[str, Any]
    """The hyperparameters of the manifest, with the overrides for dataset and specification applied."""
    capturable: bool = False
    """Whether the manifest says that updates can be captured as CUDA graphs."""
    is_compiled: bool = False
    """Whether encoders are compiled, which changes bits; only where the environment names a compiler."""
    device: Literal["cpu", "cuda"]
    """Kind of device to train on."""
    sharing: Annotated[int, Field(ge=1)] = 1
    """Number of trainers that use the device at the same time, this one included; 1 on a CPU."""
    segments: tuple[Segment, ...]
    """What to train. A parent is another segment of this list, or a stored state that comes beside the job."""
    checkpoint_interval: int
    """Steps between the positions where a state inside a segment may be saved."""
    checkpoint_every_s: float
    """Seconds of training after which such a state is saved."""

    @classmethod
    def read(cls, path: Path) -> TrainingJob:
        """Read a job from its JSON file.

        Raises:
            ValidationError: the file holds no job of this layout.
        """
        return cls.model_validate_json(path.read_text(encoding="utf-8"))


class SegmentReport(BaseModel):
    """What a trainer says about a state it wrote. People and cost models read it, scores never depend on it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, ser_json_inf_nan="strings")

    key: str
    """Name of the state."""
    step: Annotated[int, Field(ge=0, le=_MOST)]
    """Updates made."""
    start: Annotated[int, Field(ge=0, le=_MOST)]
    """Updates made before the segment, or before the checkpoint from which it was continued."""
    train_s: Annotated[float, Field(ge=0, le=_MOST)]
    """Seconds of the updates from `start` to `step`; the time of models trained together is divided among them."""
    sharing: Annotated[int, Field(ge=1, le=_MOST)] = 1
    """Number of trainers that used the device during these seconds."""
    peak_memory_bytes: Annotated[int, Field(ge=0, le=_MOST)]
    """Largest memory of the trainer so far: resident memory on a CPU, memory reserved on a GPU."""
    losses: tuple[tuple[Annotated[int, Field(ge=0, le=_MOST)], float, Annotated[int, Field(ge=1, le=_MOST)]], ...]
    """(epoch, sum of losses, number of updates) since `start`."""
    images_encoder: Annotated[int, Field(ge=0, le=_MOST)] | None = None
    """Images that passed through the encoder since `start`; None in reports of versions that did not count them."""
    images_copies: Annotated[int, Field(ge=0, le=_MOST)] | None = None
    """Images that passed through copies of the encoder, such as teachers, since `start`; None likewise."""


class SegmentFailure(BaseModel):
    """Why a segment could not be trained."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    key: str
    """Name of the state in which the segment would have ended."""
    error: str
    """Traceback; its text may be the submission's own."""
    place: Annotated[str, Field(max_length=200)] | None = None
    """Innermost line of the submission in it, such as `method.py:12`."""
    update: Annotated[int, Field(ge=0, le=_MOST)] | None = None
    """Updates made before the one in which it was raised; None outside of updates."""
    diverged: bool = False
    """Whether training was stopped because a loss was NaN or infinite."""


class Progress(BaseModel):
    """How far a trainer is."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    num_updates: Annotated[int, Field(ge=0, le=_MOST)]
    """Updates made so far, every model counted."""
    loss: float | None
    """Loss of the latest update; None where it is not finite, or not known."""
