"""Whether what a board says holds at the rate it says, by simulation: `python -m bench.inference`.

    python -m bench.inference [--boards 2000] [--only images] [--write docs/inference.md]

Generates boards whose truth is known, runs the product's own inference on them, and prints nominal against measured,
with the Monte Carlo error. `--write` replaces the measured part of the page. It takes about half an hour on two cores,
most of it for excess PIE and the intervals of records at 10,000 images; `--boards 200` takes minutes.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from bench.inference.boards import PAIRS_OF_SCHEDULES, Boards, Spread, Truth, draw
from bench.inference.images import (
    MODELS_SPREAD,
    Counts,
    class_hits,
    difference_covered,
    record_hits,
    recorded_covered,
)
from bench.inference.places import any_by_intervals
from bench.inference.power import advice_bounds, advised, found_with_advice
from bench.inference.rates import Rate
from bench.interval_coverage import Setting, excess_pie, holds
from benchmark.scoring.metric_names import ROBUSTNESS_DENSE, ROBUSTNESS_KNOWLEDGE_KEPT, ROBUSTNESS_SCORE
from benchmark.scoring.score_math import FEWEST_MODELS
from benchmark.scoring.statistics.simultaneous_ranks import holm
from benchmark.spec.documents.loading import load_spec
from leaderboard.board.inference.plan import adjusted

LEVEL = 0.05
DIGITS, MINI, OFFICIAL = Spread(0.006, 0.05, 0.08), Spread(0.006, 0.15, 0.18), Spread(0.005, 0.15, 0.18)
"""Spreads of robustness scores in the shipped records, and (from records at its scale) on the official board."""
SHAPES = (("digits", 6, 445, DIGITS), ("mini", 6, 2000, MINI), ("official", 10, 10_000, OFFICIAL))
CELLS = {"digits": 20, "mini": 9, "official": 24}
"""Pruned cells of a record: of `digits`, `cifar10-mini-jpeg` and `cifar10`."""
RECORDED = {
    ROBUSTNESS_SCORE: "a score", ROBUSTNESS_DENSE: "dense accuracy", ROBUSTNESS_KNOWLEDGE_KEPT: "knowledge kept",
}  # fmt: skip
WIDE_SPREAD = 3 * MODELS_SPREAD
BEGIN, END = "<!-- measured: python -m bench.inference -->\n", "<!-- end -->\n"


def on_boards(boards: int) -> Iterator[Rate]:
    """Count false claims, false separations and gaps that are found."""
    for name, K, N, spread in SHAPES:
        sizes = (2, 4, 20, 100) if name == "official" else (2, 4, 20) if name == "digits" else (2, 20, 100)
        for n in sizes:
            reached = n <= (100 if K >= 10 else 20)
            yield from _rates("equal methods", Truth(n, K, N, spread), boards, reached=reached)
        truth = Truth(20, K, N, spread)
        yield from _rates("equal, no method x image effect", replace(truth, spread=replace(spread, images=0.0)), boards)
        yield from _rates("equal, uneven spreads", replace(truth, uneven=True), boards)
        yield from _rates("equal, a tenth of seeds collapse", replace(truth, collapsing=0.1), boards)
        half = (3.0,) * 10 + (0.0,) * 10
        yield from _rates("ten methods 3 standard errors ahead of ten", replace(truth, ahead_n=half), boards)
        yield from _rates("one method 4 standard errors ahead of three", Truth(4, K, N, spread, (4.0, 0, 0, 0)), boards)
    yield from _rates("equal methods", Truth(4, FEWEST_MODELS, 445, DIGITS), boards, reached=False)


def _rates(words: str, truth: Truth, boards: int, *, reached: bool = True) -> Iterator[Rate]:
    """Simulate one kind of board."""
    rng = np.random.default_rng([truth.methods, truth.models, truth.images, len(words)])
    counted: dict[str, list[float]] = {}
    for drawn in draw(truth, boards, rng):
        for what, share_b in _counted(truth, drawn).items():
            counted.setdefault(what, []).extend(share_b.tolist())
    for what, shares in counted.items():
        found = "found" in what
        is_held = "covers" in what
        reach = "" if what.startswith("before") else ">= 0.8" if found else ">= 0.94" if is_held else "<= 0.06"
        held = reached and not (truth.collapsing and is_held) and not (found and truth.methods != 4)
        label = f"K = {truth.models}, N = {truth.images:,}, {truth.methods} methods"
        yield Rate(words, label, what, reach if held else "", float(np.mean(shares)), boards)


def _counted(truth: Truth, drawn: Boards) -> dict[str, NDArray[Any]]:
    """Count, board by board."""
    pairs, true_n = drawn.pairs, truth.true_n
    gap_M = true_n[pairs.first_M] - true_n[pairs.second_M]
    between_bM, within_bW = adjusted(pairs.p_M, drawn.within_p)
    wrong_bM = (between_bM <= LEVEL) & (np.sign(pairs.value_M) != np.sign(gap_M))
    found: dict[str, NDArray[Any]] = {
        "any false claim": wrong_bM.any(axis=1) | (within_bW <= LEVEL).any(axis=1),
        "any false separation": wrong_bM.any(axis=1),
    }
    if truth.ahead_n:
        right_bM = (between_bM <= LEVEL) & (np.sign(pairs.value_M) == np.sign(gap_M))
        found["a gap is found"] = right_bM[:, gap_M != 0].mean(axis=1)
        return found
    found["before: any claim between methods by Welch and Holm"] = _welch_holm(truth, drawn)
    of_schedules_bW = drawn.within_p[:, : PAIRS_OF_SCHEDULES * truth.methods]
    found["any false finding about schedules in the report"] = holm(of_schedules_bW).min(axis=1) <= LEVEL
    found["any false separation by another number"] = any_by_intervals(drawn, truth, LEVEL)
    if truth.methods <= 4 or truth.uneven or truth.collapsing:
        margin_bn = _quantile(drawn.freedom_bn) * drawn.error_bn
        found["interval of a score covers"] = (np.abs(drawn.value_bn - true_n) <= margin_bn).mean(axis=1)
        margin_bM = _quantile(pairs.freedom_M) * pairs.error_M
        found["interval of a difference covers"] = (np.abs(pairs.value_M - gap_M) <= margin_bM).mean(axis=1)
    return found


def _quantile(freedom: NDArray[Any]) -> NDArray[Any]:
    return stdtrit(freedom, 1 - LEVEL / 2)


def _welch_holm(truth: Truth, drawn: Boards) -> NDArray[Any]:
    """Count boards with any claim between methods when the images are taken as fixed, as claims were before."""
    first, second = drawn.pairs.first_M, drawn.pairs.second_M
    models_bn = drawn.models_bn
    variance = models_bn[:, first] + models_bn[:, second]
    freedom = variance**2 * (truth.models - 1) / (models_bn[:, first] ** 2 + models_bn[:, second] ** 2)
    p = 2 * stdtr(freedom, -np.abs(drawn.pairs.value_M) / np.sqrt(variance))
    return holm(p).min(axis=1) <= LEVEL


def on_images(boards: int) -> Iterator[Rate]:
    """Count intervals that contain the truth, image by image; .94 and .95 are told apart by three times the boards."""
    boards *= 3
    for _, K, N, _ in SHAPES:
        rng = np.random.default_rng([K, N, 1])
        share = float(np.mean([difference_covered(Counts(K, N), rng) for _ in range(boards)]))
        label = f"K = {K}, N = {N:,}"
        yield Rate("right or wrong, image by image", label, "interval of a difference covers", ">= 0.94", share, boards)


def on_records(boards: int) -> Iterator[Rate]:
    """Count intervals as records hold them that contain the truth."""
    kinds = [("right or wrong, image by image", Counts(K, N), 0.0, (K, N, 4)) for _, K, N, _ in SHAPES]
    kinds += [("models three times as uneven", Counts(6, N, WIDE_SPREAD), 0.0, (6, N, 6)) for N in (445, 2000)]
    kinds += [("a tenth of seeds collapse, image by image", Counts(6, 445), 0.1, (6, 445, 5))]
    for words, counts, collapsing, seed in kinds:
        rng = np.random.default_rng(seed)
        found = [recorded_covered(counts, rng, collapsing) for _ in range(boards)]
        is_asked = not collapsing and counts.spread == MODELS_SPREAD
        yield from _recorded(words, (counts.models, counts.images), found, is_asked=is_asked)


def _recorded(
    words: str, counts: tuple[int, int], found: list[dict[str, bool]], *, is_asked: bool = True
) -> Iterator[Rate]:
    for name, title in RECORDED.items():
        reach = ">= 0.94" if is_asked and name != ROBUSTNESS_SCORE else ""  # boards show another interval of it
        share = float(np.mean([each[name] for each in found]))
        label = f"K = {counts[0]}, N = {counts[1]:,}"
        yield Rate(words, label, f"a record's interval of {title} covers", reach, share, len(found))


def on_exemplars(boards: int) -> Iterator[Rate]:
    """Count intervals of excess PIE that contain the truth: the mean of as many estimates."""
    spec = load_spec("digits")
    for _, K, N, _ in SHAPES:
        found = [excess_pie(Setting(K, N, 0.05), spec, number) for number in range(boards)]
        truth = float(np.mean([each.value for each in found if each.value is not None]))
        held = [holds(each, truth) for each in found]
        yield Rate("classes, example by example", f"K = {K}, N = {N:,}", "interval of excess PIE covers", ">= 0.94",
                   float(np.mean(held)), boards)  # fmt: skip


def on_classes(boards: int) -> Iterator[Rate]:
    """Count classes that are called hit, rightly and wrongly."""
    spec = load_spec("digits")
    losses = {
        "nothing changes": (0.98, 0.98, 0.98), "all classes fall from .99 to .98": (0.99, 0.98, 0.98),
        "all classes fall from .90 to .80": (0.9, 0.8, 0.8),
    }  # fmt: skip
    for name, K, N, _ in SHAPES:
        rng, cells = np.random.default_rng([K, N, 2]), CELLS[name]
        for words, loss in losses.items():
            hits = [class_hits(Counts(K, N), *loss, spec, rng) for _ in range(boards)]
            share = float(np.mean(np.array(hits) > 0))
            yield Rate(words, f"K = {K}, N = {N:,}", "any false class hit in a cell", "<= 0.06", share, boards)
        hits = [class_hits(Counts(K, N), 0.9, 0.85, 0.75, spec, rng) for _ in range(boards)]
        reach = ">= 0.8" if N >= 2000 else ""
        yield Rate("one class loses .10 more", f"K = {K}, N = {N:,}", "a class is found in its cell", reach,
                   float(np.mean(np.array(hits) > 0)), boards)  # fmt: skip
        label = f"K = {K}, N = {N:,}, {cells} cells"
        together, alone, _ = np.mean([record_hits(Counts(K, N), cells, 0.0, rng) for _ in range(boards)], axis=0)
        yield Rate("all classes fall alike in every cell", label, "any false class hit in a record", "<= 0.06",
                   float(together), boards)  # fmt: skip
        yield Rate("all classes fall alike in every cell", label, "each cell alone: any false class hit in a record",
                   "", float(alone), boards)  # fmt: skip
        found = float(np.mean([record_hits(Counts(K, N), cells, 0.1, rng)[2] for _ in range(boards)]))
        yield Rate("one class of one cell loses .10 more", label, "a class is found in its record", reach, found,
                   boards)  # fmt: skip


def on_advice(boards: int) -> Iterator[Rate]:
    """Count what advice finds, and how often there is advice without a gap."""
    for _, K, N, spread in SHAPES:
        rng = np.random.default_rng([K, N, 3])
        share, needed = found_with_advice(Truth(2, K, N, spread), boards, rng)
        words = f"the number advised from true values ({needed} models)"
        yield Rate(words, f"N = {N:,}", "the gap is found", ">= 0.75 0.85", share, boards)
        share = advised(Truth(2, K, N, spread), boards, rng)
        yield Rate("two equal methods", f"K = {K}, N = {N:,}", "there is advice", "<= 0.06", share, boards)
        given, inside = advice_bounds(Truth(2, K, N, spread), boards, rng)
        words = "a gap that the number above finds"
        yield Rate(words, f"K = {K}, N = {N:,}", "there is advice", "", given, boards)
        yield Rate(words, f"K = {K}, N = {N:,}", "its bounds contain that number, where there is advice", "", inside,
                   round(given * boards))  # fmt: skip


SECTIONS = {
    "boards": on_boards, "advice": on_advice, "images": on_images, "classes": on_classes, "exemplars": on_exemplars,
    "records": on_records,
}  # fmt: skip


def section_rows(name: str, boards: int) -> list[str]:
    """Simulate one part of the table."""
    gc.freeze()  # a library collects garbage in every call; what is imported need not be looked at again
    return [str(rate) for rate in SECTIONS[name](boards)]


def main(
    boards: Annotated[int, typer.Option(help="Boards per row.")] = 2000,
    only: Annotated[str, typer.Option(help=f"One part alone: {', '.join(SECTIONS)}.")] = "",
    jobs: Annotated[int, typer.Option(help="Processes at once.")] = 2,
    write: Annotated[
        Path | None,
        typer.Option(help="Page whose measured part is replaced.", exists=True, dir_okay=False, writable=True),
    ] = None,
) -> None:
    """Print a Markdown table of nominal against measured."""
    if only and only not in SECTIONS:
        raise SystemExit(f"--only: expected one of {', '.join(SECTIONS)}, got {only!r}")
    if only and write is not None:
        raise SystemExit("--write replaces the whole table; leave out --only")
    started = time.monotonic()
    head = [
        "| what is true | counts | what is counted | reach | measured | met | boards |",
        "|---|---|---|---|---|---|---|",
    ]
    print("\n".join(head), flush=True)
    rows: list[str] = []
    names = [name for name in SECTIONS if only in ("", name)]
    with ProcessPoolExecutor(jobs) as pool:
        parts = [pool.submit(section_rows, name, boards) for name in reversed(names)]  # the longest begin first
        for part in reversed(parts):
            made = part.result()
            rows += made
            print("\n".join(made), flush=True)
    print(f"\n{time.monotonic() - started:.0f} s")
    if write is not None:
        _replace(write, "\n".join([*head, *rows]))


def _replace(path: Path, table: str) -> None:
    """Replace the measured part of a page and keep the words around it."""
    before, found, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise SystemExit(f"{path}: expected the lines {BEGIN.strip()!r} and {END.strip()!r}, found none")
    path.write_text(f"{before}{BEGIN}{table}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
