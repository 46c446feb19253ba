"""The four claims on one board: numbers, how far other readings agree, figures. Pure.

It owns what stands in a section and its sentences. It tests nothing: `findings.py` does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from benchmark.scoring.metric_names import EXCESS_PIE, PROBE_ACCURACY, ROBUSTNESS_RETENTION
from benchmark.scoring.statistics.models_and_images import TwoWayMean
from leaderboard.board.board import Board
from leaderboard.board.inference.sensitivity import survival
from leaderboard.board.stability import readings_of
from leaderboard.board.wording import one_line, p_value, percent
from leaderboard.figures.charts import Line, Span
from leaderboard.figures.lines import levels, lines_of_submission
from leaderboard.figures.palette import COLOURS, MARKERS, Look
from leaderboard.report.blocks import Block, Figure, Intervals, Text, said, table
from leaderboard.report.findings import AREA_MARGIN, CONTRASTIVE, EARLY, LARGELY, REFERENCE, Findings
from leaderboard.report.numbers import cell, decimal, effect, mean_cell, mean_of, number, points_lost, summary
from leaderboard.report.sensitivity import (
    early_panel,
    of_methods,
    of_mistakes,
    of_schedules,
    pair_panel,
    panel,
)
from leaderboard.report.verdicts import Judged, by_method

Looks = Mapping[str, Look]


def claim_a(board: Board, found: Findings, looks: Looks) -> Iterator[Block]:
    """Say what contrastive methods and cross-entropy keep of what they learned."""
    tests = {each.test.method: each for each in found.of_claim("a")}
    rows: list[list[str | Text]] = []
    for method in found.methods:
        name, own = method.entry.name, (method.entry.path,)
        at = [found.kept.get((name, schedule, found.sparsity)) for schedule in (*method.entry.schedules, "")]
        judged = tests.get(name)
        others = [summary(board, method.entry, ROBUSTNESS_RETENTION), points_lost(board, method.entry, found.sparsity),
                  mean_cell(board, method.entry, found.sparsity, EXCESS_PIE)]  # fmt: skip
        rows.append([
            one_line(name, 60), Text(mean_of(method.floor.values()), own),
            *(Text(number(each), own) for each in at),
            *(effect(judged) if judged else ("", "", "")), *(Text(decimal(value), own) for value in others),
        ])  # fmt: skip
    schedules = found.methods[0].entry.schedules
    kept = [f"Kept at {percent(found.sparsity)}, {name}" for name in schedules]
    yield table(
        ("Method", "Floor", *kept, "Mean", "Cross-entropy keeps more by", "p (Holm)", "Verdict", "Retention",
         "Points lost", "Excess PIE"), rows,
    )  # fmt: skip
    yield from _other_readings_of_a(board, found)
    names = [method.entry.name for method in found.methods]
    lines = [_line(name, found.kept, looks) for name in names if name == REFERENCE or name in CONTRASTIVE]
    title = "Knowledge kept against sparsity, mean of schedules"
    yield Figure("kept", title, tuple(line for line in lines if line.points))


def _other_readings_of_a(board: Board, found: Findings) -> Iterator[Block]:
    rows: list[list[str | Text]] = []
    read = readings_of(board, [method.entry for method in found.methods])
    for one, two, seen in of_methods(board, found):
        first, second = one.entry, two.entry
        order = survival((first.name, read[first.path]), (second.name, read[second.path]))
        both = first.path, second.path
        rows.append([one_line(second.name, 60), Text(seen.sentence, both), Text(order.sentence, both)])
    if rows:
        yield said("Sensitivity: in how many readings cross-entropy loses less, the tested one among them. The last "
                   "column asks something else: who is ahead by the robustness score and other readings of it, which "
                   "is about what a representation still knows, not about what it lost.")  # fmt: skip
        yield table(("Against", "Cross-entropy loses less in", "Ahead by score"), rows)


def claim_b(board: Board, found: Findings, looks: Looks) -> Iterator[Block]:
    """Say how many mistakes methods and schedules share."""
    del looks
    if not found.shared:
        yield said("Not measured: it needs predictions of three models per cell and 50 images, and mistakes in common.")
        return
    records = tuple(method.entry.path for method in found.methods)
    rows = [
        [percent(sparsity), Text(decimal(each.between), records), Text(decimal(each.within), records),
         Text(decimal(1 - each.between), records), Text(number(each.unique), records)]
        for sparsity, each in found.shared.items()
    ]  # fmt: skip
    yield table(("Sparsity", "Shared by two models of different cells", "Shared by two seeds of one cell (the floor)",
                 "Not shared, as the study counts", "Unique beyond seeds"), rows)  # fmt: skip
    num_above = sum(1 - each.between > LARGELY for each in found.shared.values())
    for judged in found.of_claim("b"):
        size, p, verdict = effect(judged)
        yield said(f"At {percent(found.sparsity)}, unique minus {LARGELY}: ", size, " (p (Holm) ", p, f"): {verdict}. "
                   f"As the study counts, without the floor, more than {LARGELY} is not shared at {num_above} of "
                   f"{len(found.shared)} sparsities.")  # fmt: skip
        read = panel(of_mistakes(board, found))
        yield said(f"Sensitivity: more than {LARGELY} is unique in ", Text(read.sentence, records), ".")
    shares = {
        "two seeds of one cell": [(s, each.within, None, None) for s, each in found.shared.items()],
        "different cells": [(s, each.between, None, None) for s, each in found.shared.items()],
    }
    lines = [Line(name, COLOURS[place], "circle", points) for place, (name, points) in enumerate(shares.items())]
    yield Figure("shared", "Share of mistakes in common against sparsity", tuple(lines))


def claim_c(board: Board, found: Findings, looks: Looks) -> Iterator[Block]:
    """Say how far schedules differ, for every pair of every method."""
    del looks
    read = of_schedules(board, found)
    rows: list[list[str | Text]] = []
    for judged in found.of_claim("c"):
        verdict = "differ" if judged.holds else "alike" if judged.negligible else "undecided"
        test, other = judged.test, ""
        if test.pair is not None:
            other = pair_panel(read[test.method], *test.pair).sentence
        rows.append([one_line(test.method, 60), test.schedules, *effect(judged)[:2], verdict,
                     Text(_of_learned(judged, found), test.records), Text(other, test.records)])  # fmt: skip
    yield table(("Method", "Schedules", "First - second", "p (Holm)", "", "Share of what training added",
                 "Sensitivity: the same one is ahead in"), rows)  # fmt: skip
    verdicts = found.verdicts("c")
    if (named := by_method(verdicts, len(verdicts))) != found.said("c"):
        yield said(f"By method: {named}.")
    pairs = list(dict.fromkeys(each.test.schedules for each in found.of_claim("c")))
    spans = [
        Span(one_line(each.test.method, 60), each.test.schedules, COLOURS[3 + place], MARKERS[place % len(MARKERS)],
             each.test.effect.value, *each.test.effect.interval(0.95))
        for each in found.of_claim("c") for place in [pairs.index(each.test.schedules) % (len(COLOURS) - 3)]
    ]  # fmt: skip
    yield Intervals("pairs", "Difference of two schedules in area, first minus second, with its interval at 95 %. "
                    "Shaded: too small to matter", tuple(spans), AREA_MARGIN)  # fmt: skip


def claim_d(board: Board, found: Findings, looks: Looks) -> Iterator[Block]:
    """Say where early pruning is the worst."""
    del looks
    rows: list[list[str | Text]] = []
    worst: dict[str, list[str]] = {}
    for method in found.methods:
        for sparsity in method.entry.sparsities:
            accuracies = [cell(board, method.entry, name, sparsity, PROBE_ACCURACY) for name in method.entry.schedules]
            kept = [found.kept.get((method.entry.name, name, sparsity)) for name in method.entry.schedules]
            names = zip(method.entry.schedules, accuracies, strict=True)
            lowest = ", ".join(name for name, accuracy in names if accuracy == min(accuracies))
            worst.setdefault(method.entry.name, []).append(lowest)
            shown = [
                f"{value:.3f} ({number(known, bounds=False)})" for value, known in zip(accuracies, kept, strict=True)
            ]
            rows.append([one_line(method.entry.name, 60), percent(sparsity),
                         *(Text(each, (method.entry.path,)) for each in shown), lowest])  # fmt: skip
    schedules = found.methods[0].entry.schedules
    yield table(("Method", "Sparsity", *(f"{name}: accuracy (knowledge kept)" for name in schedules), "Lowest"), rows)
    yield from _areas_of_early(board, found, {name: lowest.count(EARLY) for name, lowest in worst.items()})
    for method in found.methods:
        for task in method.entry.tasks:
            lines = lines_of_submission(board, method.entry, task, PROBE_ACCURACY, controls=False)
            title = f"{one_line(method.entry.name, 60)}: accuracy against sparsity"
            yield Figure(f"schedules-{method.entry.name}", title, tuple(lines), tuple(levels([method.entry], task)))


def _areas_of_early(board: Board, found: Findings, num_lowest: Mapping[str, int]) -> Iterator[Block]:
    read, verdicts = of_schedules(board, found), found.verdicts("d")
    others = [name for name in found.methods[0].entry.schedules if name != EARLY]
    rows: list[list[str | Text]] = []
    for method in found.methods:
        name, own = method.entry.name, (method.entry.path,)
        judged = {each.test.pair[0]: each for each in found.of_claim("d", name) if each.test.pair}
        tests = [Text(_area_and_p(judged[other]), own) if other in judged else "not tested" for other in others]
        lowest = f"{num_lowest[name]} of {len(method.entry.sparsities)}"
        rows.append([one_line(name, 60), *tests, verdicts.get(name, "not tested"), Text(lowest, own),
                     Text(early_panel(read[name]).sentence, own)])  # fmt: skip
    if rows and others:
        yield said("Over the whole range, as area (p adjusted by Holm); at how many sparsities early alone is lowest; "
                   "and in how many readings it is behind every other schedule.")  # fmt: skip
        yield table(("Method", *(f"{name} - {EARLY}" for name in others), "Verdict", "Lowest at",
                     "Sensitivity: early is behind in"), rows)  # fmt: skip


def _area_and_p(judged: Judged) -> str:
    return f"{judged.test.effect.value:+.3f} (p {p_value(judged.p_holm)})"


SECTIONS = {"a": claim_a, "b": claim_b, "c": claim_c, "d": claim_d}


def _of_learned(judged: Judged, found: Findings) -> str:
    """Write a difference in area as a share of what training added, chance-corrected."""
    method = next(each for each in found.methods if each.entry.path == judged.test.records[0])
    learned = method.learned()
    return "not measured" if learned is None else f"{100 * judged.test.effect.value / learned:+.1f} %"


def _line(name: str, kept: Mapping[tuple[str, str, float], TwoWayMean], looks: Looks) -> Line:
    """Draw the knowledge that a method keeps, mean of its schedules."""
    points = [
        (sparsity, each.value, each.interval(0.95).low, each.interval(0.95).high)
        for (who, schedule, sparsity), each in kept.items()
        if (who, schedule) == (name, "")
    ]
    return Line(name, looks[name].colour, looks[name].marker, points)
