"""What the boards say together: where they disagree, what SimCLR adds, and what moves with a definition. Pure.

It owns these sentences and tables; the single claims are in `words.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from benchmark.scoring.statistics.models_and_images import TwoWayMean
from leaderboard.board.board import Board
from leaderboard.board.wording import one_line, percent
from leaderboard.report.blocks import Block, Heading, Text, said, table
from leaderboard.report.findings import CLAIMS, CONTRASTIVE, REFERENCE, Findings
from leaderboard.report.numbers import decimal, effect, mean_cell, number


def disagreement(findings: Sequence[Findings]) -> Iterator[Block]:
    """Say on which claims boards disagree, what differs between them, and how claim a goes with sparsity."""
    yield Heading(2, "Where boards disagree")
    split = [claim for claim in CLAIMS if len({each.verdict(claim) for each in findings}) > 1]
    if not split:
        yield said("No board contradicts another one.")
    for claim in split:
        by_board = ", ".join(f"{each.label} {each.verdict(claim)}" for each in findings)
        yield said(f"({claim}) {by_board}.")
    if split:
        yield said("Boards differ in network, resolution, budget and highest sparsity at once (the second table "
                   "above), so that none of these is the cause by itself.")  # fmt: skip
    rows: list[list[str | Text]] = [
        [each.label, one_line(name, 60), percent(sparsity), Text(number(gap), records)]
        for each in findings for name, sparsity, gap, records in _gaps(each)
    ]  # fmt: skip
    if rows:
        yield said("The trend with sparsity: knowledge that cross-entropy keeps minus that of the contrastive one, "
                   "mean of schedules. The intervals take both as unrelated, which makes them too wide.")  # fmt: skip
        yield table(("Board", "Method", "Sparsity", "Cross-entropy keeps more by"), rows)


def _gaps(found: Findings) -> Iterator[tuple[str, float, TwoWayMean, tuple[str, ...]]]:
    paths = {method.entry.name: method.entry.path for method in found.methods}
    for (name, schedule, sparsity), kept in found.kept.items():
        baseline = found.kept.get((REFERENCE, "", sparsity))
        if name in CONTRASTIVE and not schedule and baseline:
            error, freedom = math.hypot(kept.error, baseline.error), min(kept.freedom, baseline.freedom)
            gap = TwoWayMean(baseline.value - kept.value, error, freedom)
            yield name, sparsity, gap, (paths[REFERENCE], paths[name])


def simclr(findings: Sequence[Findings]) -> Iterator[Block]:
    """Set the tests of SupCon and SimCLR side by side."""
    yield Heading(2, "What SimCLR adds that SupCon cannot say")
    yield said("SupCon contrasts views and sees labels; SimCLR contrasts views and sees none. Where SupCon loses more "
               "than cross-entropy and SimCLR does not, contrast alone is not the cause. Where both lose more, labels "
               "are not the cause.")  # fmt: skip
    for each in findings:
        tests = {judged.test.method: judged for judged in each.of_claim("a")}
        parts: list[str | Text] = [f"{each.label}, cross-entropy keeps more than "]
        for name in ("supcon", "simclr"):
            judged = tests.get(name)
            parts += [f"{name} by ", effect(judged)[0], f" ({judged.verdict})"] if judged else [f"{name}: not measured"]
            parts.append("; than " if name == "supcon" else ".")
        yield said(*parts)


DEFINITIONS = {
    "pie/published": "PIE, published", "pie/matched": "PIE, matched", "pie/excess": "PIE, excess",
    "depth/pred_shift": "Depth shift, own prediction", "depth/true_shift": "Depth shift, true label",
}  # fmt: skip
"""Numbers that are defined in several ways, with their headings."""


def definitions(board: Board, findings: Sequence[Findings]) -> Iterator[Block]:
    """Say which findings move with a definition, as far as records hold several."""
    yield Heading(2, "What moves with a definition")
    used = {str(each.get("allocation", "global")) for found in findings for each in found.methods[0].spec["schedules"]}
    if len(used) == 1:
        yield said(f"Global or layerwise pruning: every schedule of every board here is {used.pop()}; the other one "
                   "is not measured.")  # fmt: skip
    yield said("Matched or plain PIE, and whose depth: the PIE rate as published, matched by seed, and in excess of "
               "what two dense halves disagree on; the shift of prediction depth to the model's own final prediction, "
               "and to the true label. Means of schedules at the highest sparsity.")  # fmt: skip
    rows: list[list[str | Text]] = []
    for found in findings:
        for method in found.methods:
            values = [mean_cell(board, method.entry, found.sparsity, name) for name in DEFINITIONS]
            own = (method.entry.path,)
            rows.append([found.label, one_line(method.entry.name, 60), *(Text(decimal(each), own) for each in values)])
    yield table(("Board", "Method", *DEFINITIONS.values()), rows)
    for found in findings:
        orders = "; ".join(f"{title}: {_order(board, found, name)}" for name, title in DEFINITIONS.items())
        yield said(f"{found.label}, least to most: {orders}.")


def _order(board: Board, found: Findings, name: str) -> str:
    values = {each.entry.name: mean_cell(board, each.entry, found.sparsity, name) for each in found.methods}
    known = [each for each in values if not math.isnan(values[each])]
    return " < ".join(sorted(known, key=lambda each: values[each])) or "not measured"
