"""Whole grids: one evaluation from an empty home against as many runs of the naive peer, and the same command again."""

from __future__ import annotations

import json
import logging
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.cost_growth import plan_of
from bench.paired_timing import Line, alternate, ratio, seconds
from bench.update_speed import mini_sides
from benchmark.datasets.dataset import MissingDataError, load_dataset
from benchmark.machine import available_cores, peak_resident_bytes
from benchmark.recording.record import EvaluationRecord
from benchmark.spec import UserError
from benchmark.spec.documents.loading import load_spec
from benchmark.store.layout import Home

logger = logging.getLogger(__name__)

CELLS = [("dense", "0.5"), ("early", "0.98"), ("late", "0.9"), ("one-shot", "0.8")]
"""Cells of the digits grid that the peer trains; every cell costs it the same number of updates."""


def whole_grid(quick: bool) -> Iterator[Line]:
    """Evaluate SimCLR on digits in a fresh home, between two rounds of the peer's cells on as many processes."""
    cores = available_cores()
    cells = CELLS[:2] if quick else CELLS
    before = _peer_cells(cells, cores)
    with tempfile.TemporaryDirectory() as home:
        wall_s = seconds(lambda: evaluate("digits", home, "cpu"))
        record = _record(Path(home))
        again_s = [seconds(lambda: evaluate("digits", home, "cpu")) for _ in range(1 if quick else 3)]
        for cached in (Path(home) / "outcomes").iterdir():
            cached.unlink()
        rescore_s = seconds(lambda: _fmn(["rescore", "simclr", "--executor", "process", "--device", "cpu"], home))
    peer = before + ([] if quick else _peer_cells(cells, cores))
    yield _against(peer, record, wall_s, cores)
    naive, shared = record.cost.num_updates_naive, record.cost.num_updates
    yield Line("shared updates", f"{naive / shared:.2f}x", f"{naive:,} updates alone, {shared:,} in the plan's tree")
    basis = f"`fmn rescore`, all instruments, nothing cached, {len(record.runs)} models"
    yield Line("scoring, whole grid", f"{rescore_s:.0f} s", basis, "40 s")
    again = f"{statistics.median(again_s):.1f} s"
    yield Line("start-up", again, f"the same `fmn evaluate` again, everything stored, n = {len(again_s)}", "15 s")
    children = peak_resident_bytes(resource.RUSAGE_CHILDREN) / 1024**3
    yield Line(
        "peak memory", f"{record.cost.peak_memory_bytes / 1024**3:.2f} GiB",
        f"largest trainer; largest process of all, the scorer's included: {children:.2f} GiB", "1 GiB",
    )  # fmt: skip


@dataclass(frozen=True)
class PeerCell:
    """A cell of the grid as the peer trained and read it: seconds of the whole process, and of its parts."""

    process_s: float
    train_s: float
    read_s: float


def _against(peer: list[PeerCell], record: EvaluationRecord, wall_s: float, cores: int) -> Line:
    runs = len(record.runs)
    ratios = sorted(each.process_s * runs / cores / wall_s for each in peer)
    mean_s = statistics.mean(each.process_s for each in peer)
    train_s, read_s = statistics.mean(each.train_s for each in peer), statistics.mean(each.read_s for each in peer)
    return Line(
        "whole grid", f"{mean_s * runs / cores / wall_s:.1f}x [{ratios[0]:.1f}, {ratios[-1]:.1f}]",
        f"{runs} runs of SimCLR on digits, all instruments, in {wall_s:.0f} s; the peer's {runs} with linear probe, "
        f"kNN and depth alone, from {len(peer)} whole processes of {mean_s:.1f} s ({train_s:.1f} s of training, "
        f"{read_s:.1f} s of reading, the rest starts Python), {min(cores, len(peer))} at a time", "12x",
    )  # fmt: skip


def mini_grid(quick: bool) -> Iterator[Line]:
    """Extrapolate the training of cifar10-mini from updates of both sides: the peer would take hours."""
    spec = load_spec("cifar10-mini")
    plan = plan_of(spec, num_train=10_000, channels=3)
    sharing = plan.num_updates_naive / plan.num_updates
    peer, ours, what = mini_sides()
    peer_s, ours_s = alternate(peer.epoch, ours.epoch, 2 if quick else 5)
    shared_s = [taken / sharing for taken in ours_s]
    yield Line(
        "training grid, cifar10-mini", ratio(peer_s, shared_s),
        f"extrapolated from {what}; {plan.num_updates_naive:,} updates alone, {plan.num_updates:,} in the plan's tree",
        "8x",
    )  # fmt: skip


def _peer_cells(cells: list[tuple[str, str]], at_once: int) -> list[PeerCell]:
    def run(number: int, schedule: str, sparsity: str) -> PeerCell:
        command = [sys.executable, "-m", "bench.peer", "--seed", str(number), "--schedule", schedule]
        outputs: list[bytes] = []

        def whole() -> None:
            outputs.append(subprocess.run([*command, "--sparsity", sparsity], capture_output=True, check=True).stdout)

        process_s = seconds(whole)
        parts = json.loads(outputs[0])
        return PeerCell(process_s, parts["train_s"], parts["read_s"])

    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(run, range(len(cells)), *zip(*cells, strict=True)))


def whole_evaluation(name: str, specs: Sequence[str], submission: str, device: str, reach: str) -> Line:
    """Time a whole evaluation from an empty home, of the first specification whose images are here.

    Args:
        name: of the line.
        specs: names or paths of specifications.
        submission: what is evaluated.
        device: where it is trained and read.
        reach: what is aimed at.
    """
    for spec in specs:
        try:
            load_dataset(load_spec(spec).tasks[0].dataset, Home.from_environment().folders, download=False)
        except (MissingDataError, UserError) as error:
            logger.debug("%s is not measured here: %s", spec, error)
            continue
        with tempfile.TemporaryDirectory() as home:
            wall_s = seconds(partial(evaluate, spec, home, device, submission))
        command = f"`fmn evaluate {submission} --spec {Path(spec).name}`"
        basis = f"{command}, nothing stored, training and scoring; {os.cpu_count()} cores"
        return Line(name, f"{wall_s:.0f} s", basis, reach)
    return Line(name, "not measured", "its images are not here", reach)


def evaluate(spec: str, home: str, device: str, submission: str = "simclr") -> None:
    """Evaluate a submission in a home, as a command does."""
    _fmn(["evaluate", submission, "--spec", spec, "--executor", "process", "--device", device], home)


def _fmn(arguments: list[str], home: str) -> None:
    command, environment = [sys.executable, "-m", "benchmark", *arguments], {**os.environ, "FMN_HOME": home}
    environment.pop("MLFLOW_TRACKING_URI", None)  # a measurement is not to be logged on a server
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"fmn {' '.join(arguments)} failed:\n{done.stderr.decode()[-2000:]}")


def _record(home: Path) -> EvaluationRecord:
    (path,) = home.glob("records/*/*.json")
    return EvaluationRecord.model_validate_json(path.read_bytes())
