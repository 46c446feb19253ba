"""A small record in which every field differs from its default: nothing can be dropped from it unnoticed."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmark.recording.record import (
    CellRecord,
    Cost,
    Derivation,
    EvaluationRecord,
    Failure,
    ImagesPerUpdate,
    LayerSparsity,
    ReferenceLine,
    RunRecord,
    SubmissionFacts,
)
from benchmark.recording.signing_keys import SigningKey
from benchmark.scoring.metric import Column, Estimate

OUTCOMES, MAPS, AREAS = b"PAR1 as far as the archive is concerned", b"PAR1 with maps", b"PAR1 with areas"
KEY = SigningKey("isolated", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
UNISOLATED_KEY = SigningKey("unisolated", Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))
TASK = "digits/resnet8#1"


def run(schedule: str, sparsity: float, seed: int) -> RunRecord:
    return RunRecord(
        task=TASK, schedule=schedule, sparsity=sparsity, seed=seed, state_key=f"{seed:02d}" * 32, status="finished",
        metrics={"linear/accuracy": 0.975 - sparsity / 8, "sparsity/compression": None},
        layers=(LayerSparsity(name="stem.0.weight", num_weights=72, num_zero=round(72 * sparsity)),),
        loss_curve=((0, 2.25), (1, 0.1)),
    )  # fmt: skip


FAILED = RunRecord(
    task=TASK, schedule="late", sparsity=0.98, seed=1, state_key="f" * 64, status="failed",
    failure=Failure(reason="submission", message="the submission raised: ValueError: é", log="Traceback\n  ...\n"),
)  # fmt: skip


def record(*, complete: bool = False) -> EvaluationRecord:
    """One dense and one pruned model of two seeds, the last of which failed unless everything is to be complete."""
    runs = (run("dense", 0.0, 0), run("late", 0.98, 0), run("dense", 0.0, 1))
    cell = {"linear/accuracy": Estimate(value=0.975, low=0.95, high=1.0), "pie/ratio": Estimate(value=None)}
    return EvaluationRecord(
        evaluation_key="ab" * 32,
        spec={"name": "digits", "version": "1.0", "sparsities": ["0.5", "0.98"], "population": {"models": 2}},
        spec_identity="digits-1.0",
        tier="smoke",
        submission=SubmissionFacts(
            name="simclr", authors=("Ada Lovelace", "Zoë"), description="What it is.", paper="arXiv:2002.05709",
            supervision="labels", hyperparameters={"temperature": 0.5, "queue": 64, "nesterov": True, "head": "mlp"},
            digest="cd" * 32,
        ),
        environment={"device": "cpu", "versions": {"torch": "2.13.0"}, "threads": 1},
        provenance={"forget_me_not": "0.1.0", "num_cores": 2, "git_dirty": False},
        isolation="docker",
        datasets={TASK: {"name": "digits", "train_digest": "1" * 64, "test_digest": "2" * 64, "num_train": 1352}},
        created="2026-11-23T12:00:00Z",
        cost=Cost(train_s=12.5, scoring_s=3.25, num_updates=176, num_updates_naive=280, peak_memory_bytes=1 << 30),
        references=(ReferenceLine(task=TASK, name="raw-pixels", accuracy=Estimate(value=0.9625, low=0.9, high=0.99)),),
        columns=(
            Column(name="linear/accuracy", title="Accuracy", unit="%", better="higher", description="How often right."),
        ),
        runs=(*runs, run("late", 0.98, 1) if complete else FAILED),
        cells=(
            CellRecord(task=TASK, schedule="dense", sparsity=0.0, num_models=2, metrics=cell),
            CellRecord(task=TASK, schedule="late", sparsity=0.98, num_models=1, metrics=cell),
        ),
        summary={
            "robustness/score": Estimate(value=0.875, low=0.5, high=0.9375),
            "robustness/score:late": Estimate(value=0.75),
        },
        outcomes_sha256=hashlib.sha256(OUTCOMES).hexdigest(),
        maps_sha256=hashlib.sha256(MAPS).hexdigest(),
        areas_sha256=hashlib.sha256(AREAS).hexdigest(),
        states_isolation={"docker": 3, "none": 1},
        definitions={"keys": "2", "spec": "1.0", "linear": "3"},
        images_per_update=ImagesPerUpdate(encoder=256.0, copies=128.0),
        floor={TASK: Estimate(value=0.85, low=0.8, high=0.9), f"{TASK}/late/0.98": Estimate(value=0.54)},
        penalties={"0.01": {"robustness/score": 0.86}, "0.0001": {"robustness/score": None}},
        worst_seed={"robustness/score": 0.75, "robustness/dense": None},
        tuning={"trials": 16, "split": "validation", "space": {"temperature": [0.1, 0.5]}},
        derived=Derivation(
            original_sha256="ef" * 32, original_signature="{}", what=("pie/excess",), when="2026-11-28T12:00:00Z",
            note="key version 2",
        ),
    )  # fmt: skip
