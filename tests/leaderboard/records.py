"""Synthetic evaluation records: right in every field, made from a few knobs, without training anything."""

from __future__ import annotations

import hashlib
import math
import random
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors.numpy import save_file

from benchmark.datasets.image_set import ImageSet
from benchmark.recording.archive import maps_path, outcomes_path, signature_path
from benchmark.recording.isolation import role_of
from benchmark.recording.record import (
    CellRecord,
    Cost,
    EvaluationRecord,
    Failure,
    LayerSparsity,
    ReferenceLine,
    RunRecord,
    SubmissionFacts,
)
from benchmark.recording.signature import sign
from benchmark.recording.signing_keys import PublicKey, SigningKey, signing_key
from benchmark.recording.trust import Signer
from benchmark.scoring.metric import Column, Estimate
from leaderboard.board.board import entry_of
from leaderboard.reading.areas import evidence_beside

SIGNER = Signer("a lab", PublicKey(f"ed25519:{'ab' * 32}"), frozenset({"unisolated"}))
SCHEDULES = ("early", "late", "one-shot", "one-shot-random")
SPARSITIES = (0.5, 0.8, 0.9, 0.95, 0.98)
TASK = "digits/resnet8"
PICTURES = ImageSet(
    np.random.default_rng(0).integers(0, 256, (120, 1, 8, 8), dtype=np.uint8), np.arange(120, dtype=np.int64) % 10
)
"""The test images that `add_outcomes` speaks of."""
HOSTILE_NAMES = (
    "<img src=x onerror=\"window.hacked=1\">",
    "[x](javascript:window.hacked=1)",
    "![p](https://example.invalid/p.png)",
    "=HYPERLINK(\"https://example.invalid\",\"x\")",
    "</script><script>window.hacked=1</script>",
    ":red[loud] **bold** $x^2$ :material/home:",
)  # fmt: skip

COLUMNS = (
    Column(name="robustness/score", title="Robustness score", better="higher",
           description="Area under chance-corrected linear-probe accuracy over log2 compression."),
    Column(name="robustness/score_high", title="Score at sparsity .9 and above", better="higher",
           description="The robustness score over sparsities from .9 on."),
    Column(name="robustness/dense", title="Dense accuracy", better="higher",
           description="Linear-probe accuracy before any pruning."),
    Column(name="robustness/retention", title="Retention", better="higher", description="Score divided by dense."),
    Column(name="sparsity/effective", title="Effective dense sparsity", better="neither",
           description="Share of the dense model's weights below 1e-3 of their layer's largest."),
    Column(name="linear/accuracy", title="Linear-probe accuracy", better="higher",
           description="Share of test images whose class a linear probe on the frozen features names."),
    Column(name="sparsity/achieved", title="Achieved sparsity", better="neither",
           description="Share of prunable weights that are exactly zero."),
    Column(name="pie/published", title="PIEs", better="lower",
           description="Share of test images whose modal prediction differs from the dense population's."),
    Column(name="pie/excess", title="Excess PIE", better="lower",
           description="Matched disagreement less the disagreement of two dense half populations."),
)  # fmt: skip


@dataclass(frozen=True)
class Knobs:
    """What a synthetic record is made from.

    Attributes:
        name: name of the submission.
        dense: accuracy of its dense models.
        loss: accuracy lost at the largest sparsity under the first schedule.
        wobble: standard deviation over models.
        failures: (schedule, sparsity, seed) -> failure.
    """

    name: str = "simclr"
    dense: float = 0.97
    loss: float = 0.05
    wobble: float = 0.004
    supervision: str = "none"
    models: int = 6
    schedules: tuple[str, ...] = SCHEDULES
    sparsities: tuple[float, ...] = SPARSITIES
    created: str = "2026-11-20T10:00:00Z"
    digest: str = "d" * 64
    spec_changes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    identity: str = "digits-1.0"
    tier: str = "smoke"
    failures: Mapping[tuple[str, float, int], Failure] = field(default_factory=dict[Any, Any])
    description: str = "A synthetic record."
    paper: str = "https://arxiv.org/abs/2002.05709"
    isolation: str = "none"


def evaluation(knobs: Knobs = Knobs()) -> EvaluationRecord:
    """Make the record of one evaluation; the same knobs give the same record."""
    noise = random.Random(f"{knobs.name}{knobs.created}")
    runs = tuple(_runs(knobs, noise))
    cells = tuple(_cells(knobs, runs))
    return EvaluationRecord(
        evaluation_key=f"{zlib.crc32(knobs.name.encode()):08x}{knobs.created[:10]}",
        spec=_spec(knobs),
        spec_identity=knobs.identity,
        tier=knobs.tier,
        submission=SubmissionFacts(
            name=knobs.name, authors=("Ada Lovelace", "Alan Turing"), description=knobs.description, paper=knobs.paper,
            supervision=knobs.supervision,  # pyright: ignore[reportArgumentType]
            hyperparameters={"temperature": 0.5, "learning_rate": 0.1}, digest=knobs.digest,
        ),
        environment={"torch": "2.13.0", "device": "cpu", "threads": 1},
        provenance={"hardware": "2 x virtual core", "git_commit": "abc1234", "dirty": False},
        isolation=knobs.isolation,  # pyright: ignore[reportArgumentType]
        datasets={TASK: {"name": "digits", "num_train": 1437, "num_test": 360, "classes": list("0123456789"),
                         "test_digest": PICTURES.digest}},
        created=knobs.created,
        cost=Cost(train_s=210.0, scoring_s=31.0, num_updates=9000, num_updates_naive=42000,
                  peak_memory_bytes=700 * 2**20),
        references=(
            ReferenceLine(task=TASK, name="raw-pixels", accuracy=Estimate(value=0.964, low=0.94, high=0.98)),
            ReferenceLine(task=TASK, name="untrained", accuracy=Estimate(value=0.85, low=0.82, high=0.88)),
        ),
        columns=COLUMNS,
        runs=runs,
        cells=cells,
        summary=_summary(knobs, cells),
        outcomes_sha256="0" * 64,
    )  # fmt: skip


def shelve(home: Path, *records: EvaluationRecord) -> list[Path]:
    """Write records, signed by this machine, where a store keeps them."""
    paths: list[Path] = []
    for position, record in enumerate(records):
        path = home / "records" / record.spec_identity / f"{position:04d}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_signed(path, record)
        paths.append(path)
    return paths


def write_signed(path: Path, record: EvaluationRecord, key: SigningKey | None = None) -> None:
    """Write a record and its signature, by default with this machine's own key (of the tests' configuration)."""
    content = record.model_dump_json().encode()
    path.write_bytes(content)
    key = key or signing_key(role_of(record.isolation))
    signature_path(path).write_bytes(sign(content, record.attachments, record.isolation, key))


def keep_pictures(home: Path) -> None:
    """Write the test images where an evaluation keeps them."""
    path = home / "data" / PICTURES.digest / "labelled.safetensors"
    path.parent.mkdir(parents=True)
    save_file({"images": PICTURES.images, "labels": PICTURES.labels}, path)


def _accuracy(knobs: Knobs, schedule: str, sparsity: float) -> float:
    if schedule == "dense":
        return knobs.dense
    steepness = 1 + 0.5 * knobs.schedules.index(schedule)
    depth = math.log2(1 / (1 - sparsity)) / math.log2(1 / (1 - knobs.sparsities[-1]))
    return max(0.1, knobs.dense - knobs.loss * steepness * depth**2)


def _runs(knobs: Knobs, noise: random.Random) -> list[RunRecord]:
    cells = [("dense", 0.0), *((schedule, sparsity) for schedule in knobs.schedules for sparsity in knobs.sparsities)]
    made: list[RunRecord] = []
    for schedule, sparsity in cells:
        for seed in range(knobs.models):
            failure = knobs.failures.get((schedule, sparsity, seed))
            accuracy = min(1.0, _accuracy(knobs, schedule, sparsity) + noise.gauss(0, knobs.wobble))
            made.append(
                RunRecord(
                    task=TASK, schedule=schedule, sparsity=sparsity, seed=seed,
                    state_key=f"{noise.getrandbits(256):064x}", status="failed" if failure else "finished",
                    failure=failure,
                    metrics={} if failure else {"linear/accuracy": accuracy, "sparsity/achieved": sparsity},
                    layers=tuple(_layers(sparsity)),
                    loss_curve=tuple((epoch, 2.3 * math.exp(-epoch / 8)) for epoch in range(1, 31)),
                )
            )  # fmt: skip
    return made


def _layers(sparsity: float) -> list[LayerSparsity]:
    sizes = {"stem.weight": 72, "stage1.conv1.weight": 576, "stage2.conv1.weight": 1152, "stage3.conv1.weight": 4608}
    return [LayerSparsity(name=name, num_weights=n, num_zero=round(sparsity * n)) for name, n in sizes.items()]


def _cells(knobs: Knobs, runs: tuple[RunRecord, ...]) -> list[CellRecord]:
    made: list[CellRecord] = []
    for schedule, sparsity in dict.fromkeys((run.schedule, run.sparsity) for run in runs):
        values = [
            run.metrics["linear/accuracy"] for run in runs
            if (run.schedule, run.sparsity) == (schedule, sparsity) and run.status == "finished"
        ]  # fmt: skip
        if not values:
            continue
        mean = sum(v for v in values if v is not None) / len(values)
        metrics = {"linear/accuracy": _estimate(mean, 2 * knobs.wobble), "sparsity/achieved": _estimate(sparsity, 0)}
        if schedule != "dense":
            metrics |= {"pie/published": _estimate((1 - mean) * 0.8, 0.01), "pie/excess": _estimate(1.02 - mean, 0.02)}
        made.append(
            CellRecord(task=TASK, schedule=schedule, sparsity=sparsity, num_models=len(values), metrics=metrics)
        )
    return made


def _summary(knobs: Knobs, cells: tuple[CellRecord, ...]) -> dict[str, Estimate]:
    ranked = [cell for cell in cells if cell.schedule not in ("dense", "one-shot-random")]
    pruned = [cell.metrics["linear/accuracy"].value or 0.0 for cell in ranked]
    score = sum(pruned) / len(pruned)
    return {
        "robustness/score": _estimate(score, 2 * knobs.wobble),
        "robustness/score_high": _estimate(score - 0.02, 3 * knobs.wobble),
        "robustness/dense": _estimate(knobs.dense, knobs.wobble),
        "robustness/retention": _estimate(score / knobs.dense, 2 * knobs.wobble),
        "sparsity/effective": Estimate(value=0.012),
        **{f"robustness/score:{schedule}": _estimate(score, 2 * knobs.wobble) for schedule in knobs.schedules[:3]},
    }


def _estimate(value: float, half: float) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half)


def _spec(knobs: Knobs) -> dict[str, Any]:
    name, _, version = knobs.identity.rpartition("-")
    kinds = {"early": ("gradual", "magnitude"), "late": ("gradual", "magnitude"), "one-shot": ("one_shot", "magnitude"),
             "one-shot-random": ("one_shot", "random")}  # fmt: skip
    return {
        "name": name, "version": version, "tier": knobs.tier, "description": "Synthetic.",
        "tasks": [{"dataset": {"name": "digits"}, "encoder": {"name": "resnet8", "width": 8}}],
        "sparsities": [str(sparsity) for sparsity in knobs.sparsities],
        "schedules": [
            {"name": s, "kind": kinds.get(s, ("one_shot", "magnitude"))[0],
             "criterion": kinds.get(s, ("one_shot", "magnitude"))[1]}
            for s in knobs.schedules
        ],
        "population": {"models": knobs.models},
        "evaluation": {"bootstrap": {"draws": 10000, "confidence": 0.95}},
        **knobs.spec_changes,
    }  # fmt: skip


def _with_score_of_outcomes(path: Path, record: EvaluationRecord) -> EvaluationRecord:
    """Give a record the robustness score of the outcomes beside it, its interval around it: boards refuse another."""
    evidence, said = evidence_beside(entry_of(str(path), record, SIGNER)), record.summary.get("robustness/score")
    if evidence is None or said is None or said.value is None:
        return record
    shift = evidence.score.value - said.value
    low, high = (None if bound is None else bound + shift for bound in (said.low, said.high))
    score = Estimate(value=evidence.score.value, low=low, high=high)
    return record.model_copy(update={"summary": {**record.summary, "robustness/score": score}})


def add_outcomes(path: Path, record: EvaluationRecord, num_examples: int = 120) -> EvaluationRecord:
    """Write per-example outcomes that fit a record's accuracies beside it, and name their digest in the record."""
    draws = np.random.default_rng(zlib.crc32(record.submission.name.encode()))
    label_N = np.arange(num_examples) % 10
    hardness_N = np.random.default_rng(0).random(num_examples)
    tables: list[pd.DataFrame] = []
    for run in record.runs:
        if run.status != "finished":
            continue
        right_N = hardness_N + draws.normal(0, 0.05, num_examples) < (run.metrics["linear/accuracy"] or 0.0)
        predicted_N = np.where(right_N, label_N, (label_N + 1) % 10)
        tables.append(
            pd.DataFrame(
                {"task": run.task, "schedule": run.schedule, "sparsity": run.sparsity, "seed": run.seed,
                 "example": np.arange(num_examples), "label": label_N, "linear/prediction": predicted_N}
            )
        )  # fmt: skip
    parquet = outcomes_path(path)
    pd.concat(tables).to_parquet(parquet)
    maps = _add_maps(path, record, label_N)
    digests = [hashlib.sha256(each.read_bytes()).hexdigest() for each in (parquet, maps)]
    complete = record.model_copy(update={"outcomes_sha256": digests[0], "maps_sha256": digests[1]})
    complete = _with_score_of_outcomes(path, complete)
    write_signed(path, complete)
    return complete


def _add_maps(path: Path, record: EvaluationRecord, label_N: np.ndarray) -> Path:
    """Write maps on which every class is a group, for every ranked schedule at the largest sparsity."""
    draws, count = np.random.default_rng(1), len(label_N)
    centre_N2 = np.stack([np.cos(label_N), np.sin(label_N)], axis=1)
    tables: list[pd.DataFrame] = []
    for schedule in [name for name in SCHEDULES if not name.endswith("random")]:
        dense_N2, sparse_N2 = (centre_N2 + draws.normal(0, spread, (count, 2)) for spread in (0.05, 0.2))
        tables.append(
            pd.DataFrame(
                {"task": TASK, "schedule": schedule, "sparsity": max(SPARSITIES), "seed": 0,
                 "example": np.arange(count), "label": label_N, "x_dense": dense_N2[:, 0], "y_dense": dense_N2[:, 1],
                 "x_sparse": sparse_N2[:, 0], "y_sparse": sparse_N2[:, 1]}
            )
        )  # fmt: skip
    pd.concat(tables).to_parquet(maps_path(path))
    return maps_path(path)
