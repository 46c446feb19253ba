"""The report in words: four claims, on every board; where boards disagree; what moves with a definition. Pure.

It owns the sentences and what stands beside what. It tests nothing: `findings.py` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from leaderboard.board.board import Board
from leaderboard.board.wording import percent
from leaderboard.figures.palette import Look
from leaderboard.report.across import disagreement
from leaderboard.report.blocks import Block, Heading, Text, said, table
from leaderboard.report.conclusions import definitions, simclr
from leaderboard.report.findings import CLAIMS, LARGELY, Findings
from leaderboard.report.numbers import said_of
from leaderboard.report.sections import SECTIONS

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
            "The same tests are made on every board, a plan of this report's own, and adjusted together (Holm, level "
            f"{level:.2g}). Seen: the effect is there, with the sign of the claim. Not seen: there is an effect of "
            "the other sign, or it is known to be too small to matter. Undecided: neither. Verdicts name the methods "
            "that they are about; (b) is one test of all methods together. Every number links to the records that it "
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
            blocks += [Heading(3, f"{each.label}: {each.said(claim)}"), *SECTIONS[claim](board, each, looks)]
    return [*blocks, *disagreement(findings), *simclr(findings), *definitions(board, findings)]


def _verdicts(findings: Sequence[Findings]) -> Block:
    headings = ["Claim", *(each.label for each in findings)]
    rows = [[f"({c}) {title}", *(each.said(c) for each in findings)] for c, title in CLAIMS.items()]
    return table(headings, rows)


def _boards(findings: Sequence[Findings]) -> Block:
    rows: list[list[str | Text]] = []
    for each in findings:
        spec, entry = each.methods[0].spec, each.methods[0].entry
        tasks: list[Mapping[str, Any]] = list(spec.get("tasks", ()))
        mine = tuple(method.entry.path for method in each.methods)
        rows.append([
            each.label, ", ".join(method.entry.name for method in each.methods),
            Text(said_of(tasks, "encoder", "name"), mine[:1]), said_of(tasks, "dataset", "size"),
            ", ".join(f"{each.methods[0].num_train[name]:,}" for name in entry.tasks),
            said_of(tasks, "training", "epochs"),
            percent(each.sparsity), str(entry.num_models),
        ])  # fmt: skip
    headings = ("Board", "Methods", "Network", "Pixels", "Training images", "Epochs", "Highest sparsity", "Models")
    return table(headings, rows)
