"""Speed on a GPU: views per second beside what the device can do, small networks in populations, cost of exactness."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bench.our_training import OurRun, random_images, small
from bench.paired_timing import Line, alternate, ratio, seconds
from bench.peer import Budget
from bench.population_scoring import population_line, scored_population
from bench.study.parts import study_lines
from bench.study.scale import study_scale
from bench.update_speed import SIBLINGS
from bench.whole_grids import whole_evaluation
from benchmark.encoder import flops_per_view
from benchmark.spec.documents.loading import load_spec
from benchmark.training.environment import configure

BATCH = 512
FEW_SIBLINGS = 5
"""Models of a large network that are trained side by side in the bench."""


def on_gpu(quick: bool, against: Path | None = None) -> Iterator[Line]:
    """Time SimCLR: ResNet-18 at 32 px, small networks, a whole grid where its images are, and the founding study.

    Args:
        quick: whether less is timed.
        against: folder with another version of this repository, whose updates are timed in turn with ours.
    """
    if not torch.cuda.is_available():
        yield Line("GPU", "not measured", "no GPU is visible here")
        return
    configure(torch.device("cuda"))  # deterministic, as trainers are
    repeats = 3 if quick else 7
    matmul_per_s = _matmul_per_s()
    yield _ceilings(matmul_per_s)
    yield from _large_network(repeats, matmul_per_s)
    yield from _small_network("8 px", random_images(1280, 1, 8), Budget(small(8), 128, 1), repeats)
    yield from _small_network("16 px, bfloat16", random_images(1280, 3, 16), Budget(small(16), 128, 1), repeats)
    torch.cuda.empty_cache()
    scored = cache(partial(scored_population, "cuda", quick=quick))
    yield population_line(scored(), "cuda", quick=quick)
    yield whole_evaluation("GPU, whole cifar10-mini", ("cifar10-mini", "cifar10-mini-jpeg"), "simclr", "cuda", "180 s")
    yield from study_lines(study_scale(quick=quick), against, scored)


def _ceilings(matmul_per_s: float) -> Line:
    block = torch.rand(2**28, device="cuda")
    target = torch.empty_like(block)
    copied_per_s = 2 * block.nbytes / _device_s(lambda: target.copy_(block))
    basis = f"8192 matmul in bfloat16 on {torch.cuda.get_device_name()}; copies run at {copied_per_s / 1e12:.1f} TB/s"
    return Line("GPU, ceiling", f"{matmul_per_s / 1e12:.0f} TFLOP/s", basis)


def _large_network(repeats: int, matmul_per_s: float) -> Iterator[Line]:
    encoder = load_spec("cifar10").tasks[0].encoder
    side = partial(OurRun, random_images(10 * BATCH, 3, 32), Budget(encoder, BATCH, 1), in_bfloat16=True, device="cuda")
    plain = side()
    plain_per_s = _views_per_s(plain, repeats)
    any_order_s, exact_s = alternate(_in_any_order(plain.epoch), plain.epoch, repeats)
    over = statistics.median(exact / taken for taken, exact in zip(any_order_s, exact_s, strict=True))
    yield Line("GPU, deterministic mode", f"{100 * (over - 1):.0f} %", f"time over epochs in any order, n = {repeats}")
    del plain
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    one_per_s = _views_per_s(side(captured=True, compiled=True), repeats)
    share = one_per_s * flops_per_view(encoder, (3, 32, 32)) / matmul_per_s
    kept = torch.cuda.max_memory_reserved() / 2**30
    yield Line(
        "GPU, views/s", f"{one_per_s:,.0f}",
        f"SimCLR on ResNet-18, 32 px, bfloat16, deterministic, captured and compiled, one model; {100 * share:.0f} % "
        f"of the ceiling; {plain_per_s:,.0f} neither captured nor compiled; {kept:.1f} GiB kept; n = {repeats}",
        "70,000",
    )  # fmt: skip
    family = side(captured=True, compiled=True, siblings=FEW_SIBLINGS)
    per_s = FEW_SIBLINGS * _views_per_s(family, max(2, repeats // 2))
    yield Line("GPU, views/s, siblings", f"{per_s:,.0f}", f"the same, {FEW_SIBLINGS} models on each batch", "100,000")


def _small_network(name: str, images: NDArray[np.uint8], budget: Budget, repeats: int) -> Iterator[Line]:
    side = partial(OurRun, images, budget, in_bfloat16="bfloat16" in name, device="cuda")
    plain, alone, family = side(), side(captured=True), side(captured=True, siblings=SIBLINGS)
    plain_s, captured_s = alternate(plain.epoch, alone.epoch, repeats)
    yield Line(
        f"GPU, captured, {name}", ratio(plain_s, captured_s),
        f"one model against its plain updates: {_per_update(captured_s, alone)} with its views, n = {repeats}",
    )  # fmt: skip
    alone_s, family_s = alternate(alone.epoch, family.epoch, repeats)
    each_s = [taken / SIBLINGS for taken in family_s]
    basis = f"models per second, {SIBLINGS} on each batch against one alone, captured: {_per_update(each_s, family)}"
    yield Line(f"GPU, population, {name}", ratio(alone_s, each_s), f"{basis} and model, n = {repeats}", "5x")


def _per_update(epochs_s: list[float], side: OurRun) -> str:
    return f"{statistics.median(epochs_s) / side.steps * 1e3:.2f} ms per update"


def _views_per_s(side: OurRun, repeats: int) -> float:
    side.epoch()
    taken = [seconds(side.epoch) for _ in range(repeats)]
    return 2 * BATCH * side.steps / statistics.median(taken)


def _in_any_order(act: Callable[[], object]) -> Callable[[], None]:
    def acting() -> None:
        torch.use_deterministic_algorithms(mode=False)
        act()
        torch.use_deterministic_algorithms(mode=True)

    return acting


def _matmul_per_s() -> float:
    matrix = torch.rand(8192, 8192, device="cuda", dtype=torch.bfloat16)
    return 2 * 8192**3 / _device_s(lambda: torch.mm(matrix, matrix))


def _device_s(act: Callable[[], object]) -> float:
    def waiting() -> None:
        act()
        torch.cuda.synchronize()

    waiting()
    return statistics.median(seconds(waiting) for _ in range(20))
