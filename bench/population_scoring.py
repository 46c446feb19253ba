"""Times the scorer on a population of WRN-16-2, from files to numbers: how long 30 models take on a device."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import save_file

from bench.paired_timing import Line, seconds
from benchmark.encoder import Encoder, build_encoder, prunable_names
from benchmark.machine import available_cores
from benchmark.pruning.criteria import magnitude_scores, prune
from benchmark.pruning.mask import Mask
from benchmark.scoring.scoring_job import ENCODER_FILE, MASK_FILE, RunToScore, ScoringJob, TaskToScore
from benchmark.spec import BenchmarkSpec
from benchmark.spec.documents.loading import load_spec

NUM_SEEDS, SCHEDULE = 6, "one-shot-global"
Device = Literal["cpu", "cuda"]
NUM_TRAIN, NUM_TEST, NUM_CLASSES, SIDE = 50_000, 10_000, 10, 32


@dataclass(frozen=True)
class PopulationTime:
    """How long the scorer took for a population.

    Attributes:
        wall_s: seconds of its whole process.
        num_runs: models.
        words: what was scored.
    """

    wall_s: float
    num_runs: int
    words: str


def time_population(device: Device, num_seeds: int, num_train: int, num_test: int) -> PopulationTime:
    """Time the scorer's whole process on the models of some seeds, five each, nothing cached."""
    with tempfile.TemporaryDirectory() as folder:
        job = population_job(Path(folder), device, list(range(num_seeds)), num_train, num_test)
        (Path(folder) / "job.json").write_text(job.model_dump_json(), encoding="utf-8")
        wall_s = seconds(lambda: _score(Path(folder)))
    runs = len(job.tasks[0].runs)
    return PopulationTime(
        wall_s, runs,
        f"{runs} untrained WRN-16-2, dense and pruned, {num_train:,} and {num_test:,} images of {SIDE} px, all "
        f"instruments with four corruptions, no transfer, {job.workers} cores",
    )  # fmt: skip


def scored_population(device: Device, *, quick: bool) -> PopulationTime:
    """Time the scorer on 30 models (`quick`: 10 models, a tenth of the images)."""
    shrink, num_seeds = (10, 2) if quick else (1, NUM_SEEDS)
    return time_population(device, num_seeds, NUM_TRAIN // shrink, NUM_TEST // shrink)


def population_line(scored: PopulationTime, device: Device, *, quick: bool) -> Line:
    """Say how long a population took."""
    name = f"{'GPU, ' if device == 'cuda' else ''}scoring a population"
    return Line(name, f"{scored.wall_s:.0f} s", scored.words, "120 s" if device == "cuda" and not quick else "")


def _spec(num_seeds: int) -> BenchmarkSpec:
    """Return the founding study's specification for so many seeds, with the corruptions of the full board."""
    spec = load_spec("corti2022")
    corruptions = load_spec("cifar10").evaluation.corruptions
    changes = {
        "evaluation": spec.evaluation.model_copy(update={"corruptions": corruptions}),
        "population": spec.population.model_copy(update={"models": num_seeds}),
    }
    return spec.model_copy(update=changes)


def population_job(
    folder: Path, device: Device, seeds: list[int], num_train: int, num_test: int
) -> ScoringJob:
    """Write images and models of some seeds into a folder, and the job of scoring them."""
    spec = _spec(len(seeds))
    images, labels = _pictures(num_train + num_test)
    files = {"train": slice(num_train), "test": slice(num_train, None)}
    for name, part in files.items():
        save_arrays({"images": images[part], "labels": labels[part]}, folder / f"{name}.safetensors")
    task = TaskToScore(
        name="cifar10/wrn-16-2", index=0, num_classes=NUM_CLASSES, train_file=folder / "train.safetensors",
        test_file=folder / "test.safetensors", train_digest="bench train", test_digest="bench test",
        runs=tuple(_runs(spec, folder, seeds, torch.from_numpy(images[:512]).float().div_(255))),
    )  # fmt: skip
    (folder / "outcomes").mkdir()
    workers = available_cores()
    return ScoringJob(spec=spec, tasks=(task,), cache=folder / "outcomes", workers=workers, device=device)


def _pictures(count: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Draw noisy pictures of ten coarse patterns, so that probes have something to find."""
    random = np.random.default_rng(0)
    labels = np.arange(count) % NUM_CLASSES
    pattern = np.kron(random.uniform(80, 176, (NUM_CLASSES, 3, 4, 4)), np.ones((SIDE // 4, SIDE // 4)))
    images = np.empty((count, 3, SIDE, SIDE), np.uint8)
    for start in range(0, count, 5000):
        part = labels[start : start + 5000]
        noise = random.normal(0, 60, (len(part), 3, SIDE, SIDE)).astype(np.float32)
        images[start : start + 5000] = np.clip(pattern[part] + noise, 0, 255)
    return images, labels


def _runs(spec: BenchmarkSpec, folder: Path, seeds: list[int], batch: torch.Tensor) -> Iterator[RunToScore]:
    for seed in seeds:
        encoder = build_encoder(spec.tasks[0].encoder, 3, seed).train()
        with torch.no_grad():
            encoder(batch)  # leaves the statistics that norms need
        weights = {name: encoder.get_parameter(name) for name in prunable_names(encoder)}
        total = sum(weight.numel() for weight in weights.values())
        for sparsity in (Decimal(0), *spec.sparsities[2:]):
            mask, counts = Mask.dense(weights), ()
            if sparsity:
                counts = (int(sparsity * total),)
                mask = prune(mask, magnitude_scores(weights), counts, "global")
            directory = folder / f"{seed}-{sparsity}"
            _write(encoder, mask, directory)
            yield RunToScore(
                schedule=SCHEDULE if sparsity else "dense", sparsity=sparsity, seed=seed, state_key=directory.name,
                num_pruned=counts, directory=directory,
            )  # fmt: skip


def _write(encoder: Encoder, mask: Mask, directory: Path) -> None:
    directory.mkdir()
    save_file(encoder.state_dict(), directory / ENCODER_FILE)
    save_file(dict(mask.kept), directory / MASK_FILE)


def _score(folder: Path) -> None:
    command = [sys.executable, "-m", "benchmark.scoring.scorer", "--job", "job.json", "--out", "."]
    path = os.pathsep.join([str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    subprocess.run(command, cwd=folder, env=environment, check=True)
