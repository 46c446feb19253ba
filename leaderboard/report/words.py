"""The report in words: four claims, on every board; where boards disagree; what moves with a definition. Pure.

It owns the sentences and what stands beside what. It tests nothing: `findings.py` does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmark.scoring.metric_names import EXCESS_PIE, PROBE_ACCURACY, ROBUSTNESS_RETENTION
from benchmark.scoring.statistics.models_and_images import TwoWayMean
from leaderboard.board.board import Board
from leaderboard.board.inference.sensitivity import survival
from leaderboard.board.stability import readings_of
from leaderboard.board.wording import one_line, p_value, percent
from leaderboard.figures.charts import Line
from leaderboard.figures.lines import levels, lines_of_submission
from leaderboard.figures.palette import COLOURS, Look
from leaderboard.report.across import definitions, disagreement, simclr
from leaderboard.report.blocks import Block, Figure, Heading, Text, said, table
from leaderboard.report.findings import CLAIMS, CONTRASTIVE, EARLY, LARGELY, REFERENCE, Findings
from leaderboard.report.numbers import cell, decimal, effect, mean_cell, mean_of, number, points_lost, summary
from leaderboard.report.verdicts import Judged

HOW = {
    "a": "Tested on knowledge kept at the highest sparsity, averaged over schedules: (accuracy - floor) / (dense "
    "accuracy - floor), where the floor is the accuracy of untrained encoders through the same probe. The effect is "
    "that of cross-entropy minus that of the contrastive method, over models and test images. Too small to matter: "
    ".05.",
    "b": "A model forgets an image that its dense parent gets right and it gets wrong. Of the images that one of two "
    f"models forgot, a share is forgotten by both. The effect is `unique` - {LARGELY}, where `unique` = 1 - (share of "
    "two models of different cells) / (share of two models of one cell, of other seeds). That second share is the "
    "floor of this claim: what another seed alone changes is not unique to a method or schedule. Too small to "
    "matter: .05.",
    "c": "Tested on the area under chance-corrected accuracy over log2 compression, for every pair of schedules of a "
    "method; models with the same seed share their dense trunk and are paired. Seen where one pair differs. Too small "
    "to matter: .01.",
    "d": "The same tests: seen for a method where early pruning has a smaller area than every other schedule; not "
    "seen where another schedule is as bad or worse.",
}


def report(board: Board, findings: Sequence[Findings], looks: Mapping[str, Look], level: float) -> list[Block]:
    """Write the report.

    Args:
        board: all evaluations.
        findings: of every board with a method to test, most telling board first.
        looks: how submissions are drawn.
        level: the error that all tests of a board make together.
    """
    if not findings:
        return [said("No board has a complete evaluation of a method that trains, with its outcomes beside it.")]
    blocks: list[Block] = [
        said(
            "The same tests are made on every board and adjusted together (Holm, level "
            f"{level:.2g}). Seen: the effect is there, with the sign of the claim. Not seen: there is an effect of "
            "the other sign, or it is known to be too small to matter. Undecided: neither. A board says seen where a "
            "method does and none says not seen, and the other way round. Every number links to the records that it "
            "comes from. Intervals are at 95 %, about models and test images, each for itself; accuracies of "
            "untrained encoders are taken as known. What the figures and tables of (b) count as forgotten, and "
            "knowledge kept, come from the outcomes beside the records. The tests, their margins and the statistic of "
            "(b) were chosen by us when figures at the study's scale were known: for these records they are no "
            "prediction, for records to come they are."
        ),
        Heading(2, "Verdicts"), _verdicts(findings), _boards(findings),
    ]  # fmt: skip
    for claim, title in CLAIMS.items():
        blocks += [Heading(2, f"({claim}) {title}"), said(HOW[claim])]
        for each in findings:
            blocks += [Heading(3, f"{each.label}: {each.verdict(claim)}"), *_SECTIONS[claim](board, each, looks)]
    return [*blocks, *disagreement(findings), *simclr(findings), *definitions(board, findings)]


def _verdicts(findings: Sequence[Findings]) -> Block:
    headings = ["Claim", *(each.label for each in findings)]
    rows = [[f"({c}) {title}", *(each.verdict(c) for each in findings)] for c, title in CLAIMS.items()]
    return table(headings, rows)


def _boards(findings: Sequence[Findings]) -> Block:
    rows: list[list[str | Text]] = []
    for each in findings:
        spec, entry = each.methods[0].spec, each.methods[0].entry
        tasks: list[Mapping[str, Any]] = list(spec.get("tasks", ()))
        mine = tuple(method.entry.path for method in each.methods)
        rows.append([
            each.label, ", ".join(method.entry.name for method in each.methods),
            Text(_said_of(tasks, "encoder", "name"), mine[:1]), _said_of(tasks, "dataset", "size"),
            ", ".join(f"{each.methods[0].num_train[name]:,}" for name in entry.tasks),
            _said_of(tasks, "training", "epochs"),
            percent(each.sparsity), str(entry.num_models),
        ])  # fmt: skip
    headings = ("Board", "Methods", "Network", "Pixels", "Training images", "Epochs", "Highest sparsity", "Models")
    return table(headings, rows)


def _said_of(tasks: Sequence[Mapping[str, Any]], part: str, name: str) -> str:
    """Write what a specification says of its tasks; a dash where it does not, as of the size of published images."""
    return one_line(", ".join(str(task.get(part, {}).get(name, "-")) for task in tasks), 60)


def _claim_a(board: Board, found: Findings, looks: Mapping[str, Look]) -> Iterator[Block]:
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
    yield from _readings(board, found)
    names = [method.entry.name for method in found.methods]
    lines = [_line(name, found.kept, looks) for name in names if name == REFERENCE or name in CONTRASTIVE]
    title = "Knowledge kept against sparsity, mean of schedules"
    yield Figure("kept", title, tuple(line for line in lines if line.points))


def _readings(board: Board, found: Findings) -> Iterator[Block]:
    """Say in how many readings the order of cross-entropy and each contrastive method holds."""
    by_name = {method.entry.name: method.entry for method in found.methods}
    if REFERENCE not in by_name:
        return
    read = readings_of(board, list(by_name.values()))
    one = by_name[REFERENCE]
    for name in (each for each in by_name if each in CONTRASTIVE):
        order = survival((REFERENCE, read[one.path]), (name, read[by_name[name].path]))
        yield said("Sensitivity, by the robustness score and other readings of it, which is about what a "
                   "representation still knows, not about what it lost: ",
                   Text(order.sentence, (one.path, by_name[name].path)), ".")  # fmt: skip


def _claim_b(board: Board, found: Findings, looks: Mapping[str, Look]) -> Iterator[Block]:
    del board, looks
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
    shares = {
        "two seeds of one cell": [(s, each.within, None, None) for s, each in found.shared.items()],
        "different cells": [(s, each.between, None, None) for s, each in found.shared.items()],
    }
    lines = [Line(name, COLOURS[place], "circle", points) for place, (name, points) in enumerate(shares.items())]
    yield Figure("shared", "Share of mistakes in common against sparsity", tuple(lines))


def _claim_c(board: Board, found: Findings, looks: Mapping[str, Look]) -> Iterator[Block]:
    del board, looks
    rows: list[list[str | Text]] = []
    for judged in found.of_claim("c"):
        verdict = "differ" if judged.holds else "alike" if judged.negligible else "undecided"
        floor = _of_learned(judged, found)
        rows.append([one_line(judged.test.method, 60), judged.test.schedules, *effect(judged)[:2], verdict,
                     Text(floor, judged.test.records)])  # fmt: skip
    yield table(("Method", "Schedules", "First - second", "p (Holm)", "", "Share of what training added"), rows)


def _claim_d(board: Board, found: Findings, looks: Mapping[str, Look]) -> Iterator[Block]:
    del looks
    rows: list[list[str | Text]] = []
    worst: dict[str, list[str]] = {}
    for method in found.methods:
        for sparsity in method.entry.sparsities:
            accuracies = [cell(board, method.entry, name, sparsity, PROBE_ACCURACY) for name in method.entry.schedules]
            kept = [found.kept.get((method.entry.name, name, sparsity)) for name in method.entry.schedules]
            lowest = method.entry.schedules[accuracies.index(min(accuracies))]
            worst.setdefault(method.entry.name, []).append(lowest)
            shown = [
                f"{value:.3f} ({number(known, bounds=False)})" for value, known in zip(accuracies, kept, strict=True)
            ]
            rows.append([one_line(method.entry.name, 60), percent(sparsity),
                         *(Text(each, (method.entry.path,)) for each in shown), lowest])  # fmt: skip
    schedules = found.methods[0].entry.schedules
    yield table(("Method", "Sparsity", *(f"{name}: accuracy (knowledge kept)" for name in schedules), "Lowest"), rows)
    by_name = {method.entry.name: method.entry for method in found.methods}
    for name, lowest in worst.items():
        judged = found.of_claim("d", name)
        tests = "; ".join(
            f"{each.test.schedules} {each.test.effect.value:+.3f}, p {p_value(each.p_holm)}"
            for each in judged
        )
        yield said(f"{one_line(name, 60)}: early is lowest at {lowest.count(EARLY)} of {len(lowest)} sparsities; over "
                   "the whole range, as area: ", Text(tests, (by_name[name].path,)), ".")  # fmt: skip
    for method in found.methods:
        for task in method.entry.tasks:
            lines = lines_of_submission(board, method.entry, task, PROBE_ACCURACY, controls=False)
            title = f"{one_line(method.entry.name, 60)}: accuracy against sparsity"
            yield Figure(f"schedules-{method.entry.name}", title, tuple(lines), tuple(levels([method.entry], task)))


_SECTIONS = {"a": _claim_a, "b": _claim_b, "c": _claim_c, "d": _claim_d}


def _of_learned(judged: Judged, found: Findings) -> str:
    """Write a difference in area as a share of what training added, chance-corrected."""
    method = next(each for each in found.methods if each.entry.path == judged.test.records[0])
    learned = method.learned()
    return "not measured" if learned is None else f"{100 * judged.test.effect.value / learned:+.1f} %"


def _line(name: str, kept: Mapping[tuple[str, str, float], TwoWayMean], looks: Mapping[str, Look]) -> Line:
    """Draw the knowledge that a method keeps, mean of its schedules."""
    points = [
        (sparsity, each.value, each.interval(0.95).low, each.interval(0.95).high)
        for (who, schedule, sparsity), each in kept.items()
        if (who, schedule) == (name, "")
    ]
    return Line(name, looks[name].colour, looks[name].marker, points)
