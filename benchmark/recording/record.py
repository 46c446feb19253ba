"""The record of one evaluation: canonical JSON, the source of truth for MLflow and the leaderboard. Imports no torch.

It refuses to compute anything: numbers arrive from the scorer, facts about machines from the executor.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from benchmark.recording.isolation import Isolation
from benchmark.scoring.metric import Column, Estimate

SCHEMA_VERSION = 2
"""Of records that are written. Raised when the layout changes; a reader refuses newer layouts by name."""

READABLE_VERSIONS = (1, 2)
"""Of records that are read. Version 2 adds optional fields, so that version 1 stays readable."""

OUTCOMES_SUFFIX, MAPS_SUFFIX, AREAS_SUFFIX = ".parquet", ".maps.parquet", ".areas.parquet"
"""Of the files beside a record: what every model said of every test example, where maps place them, and the area under
the curve of every model and test example."""

Reason = Literal["submission", "diverged", "environment", "timeout", "out_of_memory", "invalid_output"]
"""Why a run has no score; `benchmark.executors.failure` holds the table that decides it."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Failure(_Part):
    """Why a run failed, as the supervisor saw it; `log` is untrusted text written by the submission."""

    reason: Reason
    message: str
    log: str = ""


class LayerSparsity(_Part):
    """How sparse one prunable weight ended up."""

    name: str
    num_weights: int
    num_zero: int


class RunRecord(_Part):
    """One run: a task under a schedule to a sparsity with one seed. Dense runs have schedule `dense`, sparsity 0."""

    task: str
    schedule: str
    sparsity: float
    seed: int
    state_key: str
    status: Literal["finished", "failed"]
    failure: Failure | None = None
    metrics: dict[str, float | None] = {}
    layers: tuple[LayerSparsity, ...] = ()
    loss_curve: tuple[tuple[int, float], ...] = ()
    """Mean training loss per epoch as (epoch, loss), from the start of training, shared trunk included."""


class CellRecord(_Part):
    """One cell: the population of runs that share task, schedule and sparsity. The dense cell has schedule `dense`."""

    task: str
    schedule: str
    sparsity: float
    num_models: int
    metrics: dict[str, Estimate] = {}


class SubmissionFacts(_Part):
    """What the manifest said, and the digest of the code that ran."""

    name: str
    authors: tuple[str, ...]
    description: str
    paper: str
    supervision: Literal["none", "labels"]
    hyperparameters: dict[str, Any]
    digest: str


class Cost(_Part):
    """What the evaluation cost, summed over all its segments (shared ones once)."""

    train_s: float
    """Seconds of training on one device."""
    scoring_s: float
    """Seconds of scoring."""
    num_updates: int
    """Optimizer updates actually made."""
    num_updates_naive: int
    """Updates that separate runs would have made."""
    peak_memory_bytes: int
    """Largest memory of any trainer: resident on a CPU, kept from others on a GPU."""


class ReferenceLine(_Part):
    """A representation nobody trained, read by the same probe: `raw-pixels` or `untrained`."""

    task: str
    name: str
    accuracy: Estimate


class ImagesPerUpdate(_Part):
    """Images that went through networks in one update, averaged over all updates."""

    encoder: float
    """Through the encoder that is trained: batch size times views for most methods."""
    copies: float
    """Through copies of it that the method keeps, such as a momentum teacher."""


class Derivation(_Part):
    """Where a record comes from whose numbers were computed again from the outcomes of another one."""

    original_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Digest of the bytes of the record that it was derived from."""
    original_signature: str
    """The signature file of that record, as text; empty where there was none."""
    what: tuple[str, ...]
    """Names of the numbers that were computed again."""
    when: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
    note: str
    """Why, and what is known of the original: for people."""


_SINCE_VERSION_2 = (
    "states_isolation", "definitions", "images_per_update", "floor", "penalties", "worst_seed", "tuning", "derived",
    "areas_sha256",
)  # fmt: skip


class EvaluationRecord(_Part):
    """Everything measured for one submission on one specification."""

    schema_version: Literal[1, 2] = SCHEMA_VERSION
    evaluation_key: str
    """Names the evaluation: specification, submission digest, seeds and environment; rescoring keeps it."""
    spec: dict[str, Any]
    """The whole specification, defaults written out."""
    spec_identity: str
    """`name-version` of the specification."""
    tier: str
    submission: SubmissionFacts
    environment: dict[str, Any]
    """Everything that can change bits: versions, device class, CPU capability, threads, formats."""
    provenance: dict[str, Any]
    """Facts that change no bits: hardware name, git commit and dirty flag, image ids, host executor."""
    isolation: Isolation
    """Of the least isolated state that anything here was read from; in version 1, of the command that scored."""
    datasets: dict[str, dict[str, Any]]
    """Per task: name, digests of the training and test tensors, counts, classes."""
    created: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
    cost: Cost
    references: tuple[ReferenceLine, ...]
    columns: tuple[Column, ...]
    runs: tuple[RunRecord, ...]
    cells: tuple[CellRecord, ...]
    summary: dict[str, Estimate]
    """Numbers of the whole submission (robustness score, retention, ...), averaged over tasks."""
    outcomes_sha256: str
    """Digest of the parquet file of per-example outcomes beside the record."""
    maps_sha256: str | None = None
    """Digest of the parquet file of maps beside the record; None in records from before there were maps."""
    areas_sha256: str | None = None
    """Digest of the parquet file of areas beside the record; None in records from before there were any."""
    states_isolation: dict[Isolation, int] | None = None
    """Number of trained states by how isolated the code was that made them. From here on: since version 2."""
    definitions: dict[str, str] | None = None
    """Versions that the numbers were made under: `keys` (training), `spec`, and every metric by name."""
    images_per_update: ImagesPerUpdate | None = None
    """What training cost in images, which equal numbers of updates do not show."""
    floor: dict[str, Estimate] | None = None
    """Accuracy of untrained encoders through the same probe, by `task`; pruned alike, by `task/schedule/sparsity`."""
    penalties: dict[str, dict[str, float | None]] | None = None
    """The score at other penalties of the linear probe: by penalty, then by name of the number."""
    worst_seed: dict[str, float | None] | None = None
    """By name of a summary number, its value for the seed where it is worst."""
    tuning: dict[str, Any] | None = None
    """How the hyperparameters were chosen: search space, number of trials, validation split."""
    derived: Derivation | None = None
    """Set where numbers were computed again from the outcomes of an older record, without the trained weights."""

    @model_validator(mode="after")
    def _demand_fields_of_its_version(self) -> Self:
        if self.schema_version == 1:
            newer = [name for name in _SINCE_VERSION_2 if getattr(self, name) is not None]
            if newer:
                raise ValueError(f"expected the fields of schema version 1, got {', '.join(newer)}")
        return self

    @property
    def attachments(self) -> dict[str, str]:
        """Suffix of the name of every file that belongs beside the record, with its sha256."""
        named = {
            OUTCOMES_SUFFIX: self.outcomes_sha256, MAPS_SUFFIX: self.maps_sha256, AREAS_SUFFIX: self.areas_sha256,
        }  # fmt: skip
        return {suffix: sha256 for suffix, sha256 in named.items() if sha256 is not None}

    @property
    def signed_at(self) -> str:
        """When it was signed, as its signer says: when it was made, or derived from another one."""
        return self.created if self.derived is None else self.derived.when

    @property
    def is_complete(self) -> bool:
        """Whether every run finished; an incomplete evaluation is shown with its reasons and never ranked."""
        return all(run.status == "finished" for run in self.runs)
