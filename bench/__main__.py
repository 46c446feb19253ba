"""`make bench`: what sharing and batching give, against a naive peer in the same run, and how cost grows.

    python -m bench [--quick] [--write docs/performance.md]

Every line begins with its name. Ratios are medians of alternating timings with their range; they hold for the machine
they were measured on, which is named. A busy machine is refused unless `--busy` says that it does not matter.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from rich.console import Console
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench.paired import Line, alternate, milliseconds, ratio, seconds
from bench.peer import Budget, NaiveRun
from bench.sides import Ours, WithoutAugmentation, flops_per_view, random_images, small
from benchmark.data.datasets import Dataset, load_dataset
from benchmark.encoder import build_encoder, layer_sizes
from benchmark.execution.home import Home
from benchmark.plan import Plan, TaskFacts, make_plan
from benchmark.recording.record import EvaluationRecord
from benchmark.scoring.features import extract_features
from benchmark.scoring.instrument import FINAL_FEATURES
from benchmark.scoring.linear_probe import fit_linear_probe
from benchmark.spec import BenchmarkSpec
from benchmark.spec.loading import load_spec
from benchmark.spec.validation import parse_document
from benchmark.training.environment import cpu_model, has_native_bfloat16

CELLS = [("dense", "0.5"), ("early", "0.98"), ("late", "0.9"), ("one-shot", "0.8")]
"""Cells of the digits grid that the peer trains; every cell costs it the same number of updates."""


MORE_SPARSITIES = ("0.6", "0.7", "0.85", "0.93", "0.97")


def digits() -> tuple[BenchmarkSpec, Dataset, Budget]:
    """Give the digits specification, its images and its budget."""
    spec = load_spec("digits")
    data = load_dataset(spec.tasks[0].dataset, Home.from_environment().folders)
    training = spec.tasks[0].training
    return spec, data, Budget(small(8), training.batch_size, training.epochs)


def whole_grid(quick: bool) -> Iterator[Line]:
    """Evaluate SimCLR on digits in a fresh home, between two rounds of the peer's cells on as many processes."""
    cores = len(os.sched_getaffinity(0))
    cells = CELLS[:2] if quick else CELLS
    before = _peer_cells(cells, cores)
    with tempfile.TemporaryDirectory() as home:
        command = ["evaluate", "simclr", "--executor", "process", "--device", "cpu"]
        wall_s = seconds(lambda: _fmn(command, home))
        record = _record(Path(home))
        again_s = [seconds(lambda: _fmn(command, home)) for _ in range(1 if quick else 3)]
        for cached in (Path(home) / "outcomes").iterdir():
            cached.unlink()
        rescore_s = seconds(lambda: _fmn(["rescore", *command[1:]], home))
    after = [] if quick else _peer_cells(cells, cores)
    taken = [each["train_s"] + each["probe_s"] for each in before + after]
    runs = len(record.runs)
    ratios = sorted(each * runs / cores / wall_s for each in taken)
    middle = statistics.mean(taken) * runs / cores / wall_s
    yield Line(
        "whole grid", f"{middle:.1f}x [{ratios[0]:.1f}, {ratios[-1]:.1f}]",
        f"{runs} runs of SimCLR on digits with all instruments in {wall_s:.0f} s; the peer's {runs} runs, without any "
        f"instrument but a probe, extrapolated from {len(taken)} whole ones of {statistics.mean(taken):.1f} s, "
        f"{cores} at a time", "12x",
    )  # fmt: skip
    naive, shared = record.cost.num_updates_naive, record.cost.num_updates
    yield Line("shared updates", f"{naive / shared:.2f}x", f"{naive:,} updates alone, {shared:,} in the plan's tree")
    yield Line("scoring", f"{rescore_s:.0f} s", "`fmn rescore`, all instruments, nothing cached, 126 models", "40 s")
    again = f"{statistics.median(again_s):.1f} s"
    yield Line("start-up", again, "the same `fmn evaluate` again, everything stored", "15 s")
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024**2
    yield Line(
        "peak memory", f"{record.cost.peak_memory_bytes / 1024**3:.2f} GiB",
        f"largest trainer; largest process of all, the scorer's included: {children:.2f} GiB", "1 GiB",
    )  # fmt: skip


def _peer_cells(cells: list[tuple[str, str]], at_once: int) -> list[dict[str, Any]]:
    def run(number: int, schedule: str, sparsity: str) -> dict[str, Any]:
        command = [sys.executable, "-m", "bench.peer", "--seed", str(number), "--schedule", schedule]
        done = subprocess.run([*command, "--sparsity", sparsity], capture_output=True, check=True)
        return json.loads(done.stdout)

    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(run, range(len(cells)), *zip(*cells, strict=True)))


def _fmn(arguments: list[str], home: str) -> None:
    command, environment = [sys.executable, "-m", "benchmark", *arguments], {**os.environ, "FMN_HOME": home}
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"fmn {' '.join(arguments)} failed:\n{done.stderr.decode()[-2000:]}")


def _record(home: Path) -> EvaluationRecord:
    (path,) = home.glob("records/*/*.json")
    return EvaluationRecord.model_validate_json(path.read_bytes())


def per_epoch(quick: bool) -> Iterator[Line]:
    """Time one epoch of one model on one thread: digits at 8 px, colour images at 16 px as in cifar10-mini."""
    _, data, budget = digits()
    repeats = 3 if quick else 7
    peer, ours = NaiveRun(data.train.images, budget, 0), Ours(data.train.images, budget)
    taken = alternate(peer.epoch, ours.epoch, repeats)
    basis = f"SimCLR on digits, one thread: {milliseconds(taken[0])} against {milliseconds(taken[1])}, n = {repeats}"
    yield Line("training epoch, 8 px", ratio(*taken), basis, "7x")
    bare = WithoutAugmentation(data.train.images, budget)
    ceiling = alternate(ours.epoch, bare.epoch, repeats)
    over = statistics.median(ours_s / bare_s for ours_s, bare_s in zip(*ceiling, strict=True))
    yield Line("augmentation", f"{100 * (over - 1):.0f} %", "time over an epoch of the same images unaugmented", "15 %")
    mini = load_spec("cifar10-mini").tasks[0]
    images = random_images(2 * mini.training.batch_size, 3, 16)
    larger = Budget(mini.encoder, mini.training.batch_size, 1)
    fast = mini.training.precision == "bfloat16" and has_native_bfloat16(torch.device("cpu"))
    peer, ours = NaiveRun(images, larger, 0), Ours(images, larger, in_bfloat16=fast)
    taken = alternate(peer.epoch, ours.epoch, max(2, repeats // 2))
    basis = f"two updates of SimCLR as in cifar10-mini, one thread, {'bfloat16' if fast else 'float32'} against float32"
    yield Line("training epoch, 16 px", ratio(*taken), f"{basis}, n = {len(taken[0])}", "7x")


def throughput(quick: bool) -> Iterator[Line]:
    """Compare views per second with what this core multiplies and copies, measured in the same call."""
    _, data, budget = digits()
    ours = Ours(data.train.images, budget)
    ours.epoch()
    views = 2 * budget.batch_size * ours.steps
    per_s = views / statistics.median(seconds(ours.epoch) for _ in range(3 if quick else 7))
    matrix = torch.rand(1024, 1024)
    matmul = 2 * 1024**3 / statistics.median(seconds(lambda: matrix @ matrix) for _ in range(20))
    block = torch.rand(16 * 2**20)
    copied = 2 * block.nbytes / statistics.median(seconds(block.clone) for _ in range(10))
    needed = flops_per_view(build_encoder(budget.encoder, 1, 0), 1, 8)
    yield Line(
        "views/s", f"{per_s:,.0f}",
        f"SimCLR on digits, one thread; {needed / 1e6:.1f} MFLOP per view make {100 * per_s * needed / matmul:.0f} % "
        f"of the {matmul / 1e9:.0f} GFLOP/s of a 1024 matmul; copies run at {copied / 1e9:.1f} GB/s",
    )  # fmt: skip


def probes(quick: bool) -> Iterator[Line]:
    """Fit the linear probe on the features of an untrained encoder, beside scikit-learn on the same problem."""
    spec, data, _ = digits()
    encoder = build_encoder(small(8), 1, 0).eval()
    train = extract_features(encoder, data.train.images)[FINAL_FEATURES]
    settings, classes = spec.evaluation.linear, data.num_classes

    def peer() -> object:
        inverse = 1 / (float(settings.l2) * len(train))
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=inverse, max_iter=10_000))
        return probe.fit(train, data.train.labels)

    def ours() -> object:
        return fit_linear_probe(train, data.train.labels, classes, float(settings.l2), float(settings.tolerance))

    taken = alternate(peer, ours, 3 if quick else 7)
    basis = f"{milliseconds(taken[0])} (scikit-learn) against {milliseconds(taken[1])}"
    yield Line("linear probe", ratio(*taken), basis)


def growth(quick: bool) -> Iterator[Line]:
    """Say how cost grows: updates of plans, exactly, and the time of an update with the size of images."""
    spec = load_spec("digits")
    base = plan_of(spec)
    changes: dict[str, Callable[[dict[str, Any]], object]] = {
        "twice the models": lambda d: d["population"].update(models=2 * d["population"]["models"]),
        "twice the sparsities": lambda d: d.update(sparsities=sorted([*d["sparsities"], *MORE_SPARSITIES])),
        "one more early schedule": lambda d: d["schedules"].append(
            {"name": "more", "kind": "gradual", "begin": "0.1", "end": "0.3", "updates": 20}
        ),
        "one more late schedule": lambda d: d["schedules"].append({"name": "more", "kind": "one_shot", "at": "0.9"}),
    }
    for name, change in changes.items():
        document = spec.model_dump(mode="json")
        change(document)
        grown = plan_of(parse_document(BenchmarkSpec, document))
        yield Line(
            f"growth, {name}", f"{grown.num_updates / base.num_updates:.2f}x",
            f"updates of the digits plan; {grown.num_updates_naive / base.num_updates_naive:.2f}x if runs are alone",
        )  # fmt: skip
    taken: dict[int, float] = {}
    for size in (8, 16, 32):
        run = Ours(random_images(128, 3, size), Budget(small(8), 128, 1))
        run.epoch()
        taken[size] = statistics.median(seconds(run.epoch) for _ in range(2 if quick else 5))
    sizes = ", ".join(f"{size} px {taken_s * 1e3:.0f} ms" for size, taken_s in taken.items())
    basis = f"32 against 8 px, per update of 256 views: {sizes}"
    yield Line("growth, image size", f"{taken[32] / taken[8]:.1f}x", basis)


def plan_of(spec: BenchmarkSpec) -> Plan:
    """Plan a specification of one task on digits."""
    task = spec.tasks[0]
    facts = TaskFacts("bench", 1352, layer_sizes(task.encoder, 1))
    name = f"{task.dataset.name}/{task.encoder.name}"
    return make_plan(spec, {name: facts}, {name: "bench"}, "bench")


SECTIONS = (per_epoch, throughput, probes, growth, whole_grid)


def machine() -> str:
    """Name the hardware and the versions that numbers were measured on."""
    libraries = ("torch", "kornia", "torchvision", "scikit-learn", "numpy")
    versions = ", ".join(f"{name} {version(name)}" for name in libraries)
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores of {cpu_model()}, {platform.system()}, Python {platform.python_version()}, {versions}"


def page(lines: list[Line]) -> str:
    """Write the measured part of docs/performance.md."""
    rows = [f"| {each.name} | {each.value} | {each.reach} | {each.basis} |" for each in lines]
    return "\n".join(["| line | measured | reach | basis |", "|---|---|---|---|", *rows, ""])


BEGIN, END = "<!-- measured: make bench -->\n", "<!-- end -->\n"


def write_into(path: Path, lines: list[Line]) -> None:
    """Replace the measured part of a page and keep the words around it."""
    text = path.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise SystemExit(f"{path}: expected the lines {BEGIN.strip()!r} and {END.strip()!r}, found none")
    head, rest = text.split(BEGIN, 1)
    tail = rest.split(END, 1)[1]
    path.write_text(f"{head}{BEGIN}Measured on {machine()}.\n\n{page(lines)}{END}{tail}", encoding="utf-8")


def main(
    quick: Annotated[bool, typer.Option(help="Fewer repeats: minutes less, wider ranges.")] = False,
    busy: Annotated[bool, typer.Option(help="Measure even though other programs are at work.")] = False,
    write: Annotated[Path | None, typer.Option(help="Page whose measured part is replaced.")] = None,
) -> None:
    """Measure, and print one line per finding."""
    load = os.getloadavg()[0]
    if load > 0.5 and not busy:
        raise SystemExit(f"expected a quiet machine, found a load of {load:.1f}; wait, or say --busy")
    torch.set_num_threads(1)
    np.seterr(all="raise", under="ignore")
    console, lines = Console(soft_wrap=True, highlight=False, markup=False), list[Line]()
    console.print(machine())
    for section in SECTIONS:
        for line in section(quick):
            lines.append(line)
            console.print(str(line))
    if write is not None:
        write_into(write, lines)


if __name__ == "__main__":
    typer.run(main)
