"""What the boards say together: where they disagree, and how claim a goes with sparsity on each of them. Pure.

It owns these sentences, the table and the figures of the trend; the single claims are in `sections.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmark.scoring.statistics.models_and_images import TwoWayMean
from leaderboard.board.wording import one_line, percent
from leaderboard.figures.charts import Level, Line
from leaderboard.figures.palette import COLOURS, MARKERS
from leaderboard.report.blocks import Block, Figure, Heading, Text, said, table
from leaderboard.report.findings import CLAIMS, CONTRASTIVE, REFERENCE, Findings
from leaderboard.report.numbers import number, said_of


def disagreement(findings: Sequence[Findings]) -> Iterator[Block]:
    """Say on which claims boards disagree, what differs between them, and how claim a goes with sparsity."""
    yield Heading(2, "Where boards disagree")
    split = [claim for claim in CLAIMS if len({each.verdict(claim) for each in findings}) > 1]
    if not split:
        yield said("No board contradicts another one.")
    for claim in split:
        yield said(f"({claim}) " + ". ".join(f"{each.label}: {each.said(claim)}" for each in findings) + ".")
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
        yield from _trend(findings)
        yield table(("Board", "Method", "Sparsity", "Cross-entropy keeps more by"), rows)


def _trend(findings: Sequence[Findings]) -> Iterator[Figure]:
    """Draw the trend of every contrastive method that several boards have, a line per board."""
    names = {name: None for each in findings for name, *_ in _gaps(each)}
    for name in names:
        lines: list[Line] = []
        for place, each in enumerate(findings):
            gaps = [(s, gap.value, gap.interval(0.95)) for other, s, gap, _ in _gaps(each) if other == name]
            points = [(s, value, bounds.low, bounds.high) for s, value, bounds in gaps]
            if points:
                look = place % len(COLOURS), place % len(MARKERS)
                lines.append(Line(_facts(each), COLOURS[look[0]], MARKERS[look[1]], points))
        if len(lines) > 1:
            title = f"{one_line(name, 60)}: by how much more cross-entropy keeps, against sparsity, on every board"
            yield Figure(f"trend-{name}", title, tuple(lines), (Level("", 0.0),))


def _facts(found: Findings) -> str:
    """Name a board with what differs between boards: network, resolution and budget."""
    tasks: list[Mapping[str, Any]] = list(found.methods[0].spec.get("tasks", ()))
    pixels, epochs = said_of(tasks, "dataset", "size"), said_of(tasks, "training", "epochs")
    size = f"{pixels} px, " if pixels.strip("-, ") else ""
    network, name = said_of(tasks, "encoder", "name"), found.label.partition(" ")[0]
    return f"{name}: {network}, {size}{found.num_train:,} images, {epochs} epochs"


def _gaps(found: Findings) -> Iterator[tuple[str, float, TwoWayMean, tuple[str, ...]]]:
    paths = {method.entry.name: method.entry.path for method in found.methods}
    for (name, schedule, sparsity), kept in found.kept.items():
        baseline = found.kept.get((REFERENCE, "", sparsity))
        if name in CONTRASTIVE and not schedule and baseline:
            error, freedom = math.hypot(kept.error, baseline.error), min(kept.freedom, baseline.freedom)
            gap = TwoWayMean(baseline.value - kept.value, error, freedom)
            yield name, sparsity, gap, (paths[REFERENCE], paths[name])
