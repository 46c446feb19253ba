"""The record of one evaluation: canonical JSON, the source of truth for MLflow and the leaderboard. Imports no torch.

It refuses to compute anything: numbers arrive from the scorer, facts about machines from the executor.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from benchmark.scoring.metric import Column, Estimate

SCHEMA_VERSION = 1
"""Raised when the layout of a record changes; a reader refuses newer layouts by name."""

OUTCOMES_SUFFIX, MAPS_SUFFIX = ".parquet", ".maps.parquet"
"""Of the files beside a record: what every model said of every test example, and where maps place them."""

Reason = Literal["submission", "environment", "timeout", "out_of_memory", "invalid_output"]
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


class EvaluationRecord(_Part):
    """Everything measured for one submission on one specification."""

    schema_version: Literal[1] = SCHEMA_VERSION
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
    isolation: Literal["none", "docker"]
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

    @property
    def attachments(self) -> dict[str, str]:
        """Suffix of the name of every file that belongs beside the record, with its sha256."""
        named = {OUTCOMES_SUFFIX: self.outcomes_sha256, MAPS_SUFFIX: self.maps_sha256}
        return {suffix: sha256 for suffix, sha256 in named.items() if sha256 is not None}

    @property
    def is_complete(self) -> bool:
        """Whether every run finished; an incomplete evaluation is shown with its reasons and never ranked."""
        return all(run.status == "finished" for run in self.runs)
