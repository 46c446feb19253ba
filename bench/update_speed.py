"""What a training update costs: against the naive peer, alone and among siblings, and against what a core can do."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

import torch

from bench.our_training import OurRun, WithoutAugmentation, random_images
from bench.paired_timing import Line, alternate, milliseconds, ratio, seconds
from bench.peer import Budget, NaiveRun
from benchmark.datasets.dataset import Dataset, load_dataset
from benchmark.encoder import flops_per_view
from benchmark.spec import BenchmarkSpec
from benchmark.spec.documents.loading import load_spec
from benchmark.store.layout import Home
from benchmark.training.environment import has_native_bfloat16

SIBLINGS = 10
"""Models of a seed that are alive at an update, on average over the digits grid: 19,110 updates in 6 x 300 steps."""


def digits() -> tuple[BenchmarkSpec, Dataset, Budget]:
    """Return the digits specification, its images and its budget."""
    spec = load_spec("digits")
    data = load_dataset(spec.tasks[0].dataset, Home.from_environment().folders)
    training = spec.tasks[0].training
    return spec, data, Budget(spec.tasks[0].encoder, training.batch_size, training.epochs)


def per_epoch(quick: bool) -> Iterator[Line]:
    """Time one epoch of one model on one thread: digits at 8 px, colour images at 16 px as in cifar10-mini."""
    _, data, budget = digits()
    repeats = 3 if quick else 7
    peer, ours = NaiveRun(data.train.images, budget, 0), OurRun(data.train.images, budget)
    taken = alternate(peer.epoch, ours.epoch, repeats)
    basis = f"SimCLR on digits, one thread: {milliseconds(taken[0])} against {milliseconds(taken[1])}, n = {repeats}"
    yield Line("training epoch, 8 px", ratio(*taken), basis, "7x")
    yield _among_siblings(data, budget, peer, repeats)
    bare = WithoutAugmentation(data.train.images, budget)
    ceiling = alternate(ours.epoch, bare.epoch, repeats)
    over = statistics.median(ours_s / bare_s for ours_s, bare_s in zip(*ceiling, strict=True))
    yield Line("augmentation", f"{100 * (over - 1):.0f} %", "time over an epoch of the same images unaugmented", "15 %")
    peer, ours, what = mini_sides()
    taken = alternate(peer.epoch, ours.epoch, max(2, repeats // 2))
    yield Line("training epoch, 16 px", ratio(*taken), f"{what}, n = {len(taken[0])}", "7x")


def _among_siblings(data: Dataset, budget: Budget, peer: NaiveRun, repeats: int) -> Line:
    family = OurRun(data.train.images, budget, siblings=SIBLINGS)
    peer_s, family_s = alternate(peer.epoch, family.epoch, max(2, repeats // 2))
    each_s = [taken / SIBLINGS for taken in family_s]
    basis = f"per model of {SIBLINGS} that share each augmented batch: {milliseconds(each_s)}, n = {len(each_s)}"
    return Line("training epoch, 8 px, among siblings", ratio(peer_s, each_s), basis, "7x")


def mini_sides() -> tuple[NaiveRun, OurRun, str]:
    """Return both sides of two updates as in cifar10-mini, and what they are in words."""
    mini = load_spec("cifar10-mini").tasks[0]
    images = random_images(2 * mini.training.batch_size, 3, 16)
    budget = Budget(mini.encoder, mini.training.batch_size, 1)
    fast = mini.training.precision == "bfloat16" and has_native_bfloat16(torch.device("cpu"))
    what = f"two updates of SimCLR as in cifar10-mini, one thread, {'bfloat16' if fast else 'float32'} against float32"
    return NaiveRun(images, budget, 0), OurRun(images, budget, in_bfloat16=fast), what


def throughput(quick: bool) -> Iterator[Line]:
    """Compare views per second with what this core multiplies and copies, measured in the same call."""
    _, data, budget = digits()
    ours = OurRun(data.train.images, budget)
    ours.epoch()
    views = 2 * budget.batch_size * ours.steps
    per_s = views / statistics.median(seconds(ours.epoch) for _ in range(3 if quick else 7))
    matrix = torch.rand(1024, 1024)
    matmul = 2 * 1024**3 / statistics.median(seconds(lambda: matrix @ matrix) for _ in range(20))
    block = torch.rand(16 * 2**20)
    target = torch.empty_like(block)
    copied = 2 * block.nbytes / statistics.median(seconds(lambda: target.copy_(block)) for _ in range(10))
    needed = flops_per_view(budget.encoder, (1, 8, 8))
    yield Line(
        "views/s", f"{per_s:,.0f}",
        f"SimCLR on digits, one thread; {needed / 1e6:.1f} MFLOP per view make {100 * per_s * needed / matmul:.0f} % "
        f"of the {matmul / 1e9:.0f} GFLOP/s of a 1024 matmul; copies run at {copied / 1e9:.1f} GB/s",
    )  # fmt: skip
