"""The ranked table as a plain frame, with the words that explain its columns and the columns that show at first. Pure.

It does not rank, and it does not know how a table is drawn.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from benchmark.printable import counted
from benchmark.scoring.metric_names import (
    ABOVE_FLOOR,
    EXCESS_PIE,
    ROBUSTNESS_DENSE,
    ROBUSTNESS_KNOWLEDGE_KEPT,
    ROBUSTNESS_RETENTION,
    ROBUSTNESS_SCORE_HIGH,
)
from leaderboard.board.inference.costs import SCORE_PER_COMPUTE, WORST_SEED
from leaderboard.board.standings import Row
from leaderboard.board.wording import TRACKS, beside, bounds, one_line, tied_beside

HELP = {
    "rank": "The places this submission may hold: 1 + the number of submissions separated from it on the better side, "
            "up to those not separated on the worse side. All places of a board by one number hold together, in every "
            "table, at the confidence of its intervals. Places by robustness score are what the claims say, and about "
            "what they are about; places by another number are about what its intervals are about.",
    "ties": "Two submissions share a letter exactly when this board does not separate them.",
    "curve": "Linear-probe accuracy by sparsity, mean over schedules and tasks; one scale for all rows.",
    "track": "Whether the method saw training labels.",
    "models": "Independently seeded models per cell.",
    "isolation": "Where its code ran; none: no sandbox.",
    "signed": "Who vouches that the record is as it was written. It says nothing about whether the numbers are right.",
}  # fmt: skip
"""What a column of the ranking means, by its name."""
PREFERRED = (ROBUSTNESS_DENSE, ROBUSTNESS_KNOWLEDGE_KEPT, EXCESS_PIE, "cost/device_time")
"""Numbers shown first where they exist, so that a table has eight columns; the others are one click away."""
FURTHER = (
    WORST_SEED, ROBUSTNESS_KNOWLEDGE_KEPT, ABOVE_FLOOR, ROBUSTNESS_DENSE, ROBUSTNESS_RETENTION, ROBUSTNESS_SCORE_HIGH,
    EXCESS_PIE, "depth/pred_shift", "q_score_2022/mean", "class_impact/hit", "corruption/mean_error",
    "sparsity/effective", "cost/device_time", "cost/peak_memory", SCORE_PER_COMPUTE,
)  # fmt: skip
"""Numbers of the larger table that a page without controls shows too."""
FACTS = {
    "track": "Track", "models": "Models", "isolation": "Isolation", "tier": "Tier", "signed": "Signed by",
    "date": "Date",
}  # fmt: skip
"""Columns of the frame that are no numbers, with their titles; none shows at first."""
MAX_UNKNOWN = 6
"""How many numbers are shown first where none is preferred."""


def ranked_frame(rows: Sequence[Row], by: str, metrics: Sequence[str], *, shipped: Path) -> pd.DataFrame:
    """Lay out the rows of a ranking; every number has a column with its bounds.

    Args:
        rows: best first.
        by: the number ranked by, shown first with its interval.
        metrics: other numbers, in order.
        shipped: folder of the records that ship with the code; theirs are marked.
    """
    table: dict[str, list[Any]] = {
        "rank": [row.standing.rank_text for row in rows],
        "submission": [one_line(row.entry.name, 80) for row in rows],
        by: [_value(row, by) for row in rows],
        f"{by} interval": [bounds(row.scores.get(by)) for row in rows],
        "track": [TRACKS.get(row.entry.supervision, row.entry.supervision) for row in rows],
        "ties": [row.standing.group_text for row in rows],
    }
    for metric in metrics:
        table[metric] = [_value(row, metric) for row in rows]
        ties = tied_beside(metric)
        table[f"{metric} interval"] = [beside(metric, row.scores.get(metric), _value(row, ties)) for row in rows]
    table |= {
        "models": [row.entry.num_models for row in rows],
        "isolation": [_isolation(row.entry.isolation, row.entry.path, f"{shipped}{os.sep}") for row in rows],
        "tier": [one_line(row.entry.tier, 40) for row in rows],
        "signed": [one_line(row.entry.signed_by, 60) for row in rows],
        "date": [row.entry.created[:10] for row in rows],
        "note": ["; ".join(filter(None, (row.standing.reason or _older(row), row.entry.seed_groups))) for row in rows],
    }
    return pd.DataFrame(table)


def default_columns(names: Sequence[str], by: str) -> list[str]:
    """Choose what is shown at first: the preferred numbers that exist, or any few where none of them does.

    Nothing stands in for the knowledge kept on boards whose records are from before it was computed: retention, which
    is like it, puts untrained encoders first.
    """
    preferred = [name for name in PREFERRED if name in names and name != by]
    return preferred or [name for name in names if name != by][:MAX_UNKNOWN]


def _value(row: Row, metric: str) -> float | None:
    score = row.scores.get(metric)
    return None if score is None else score.value


def _older(row: Row) -> str:
    count = row.num_evaluations - 1
    return counted(count, "other evaluation") if count else ""


def _isolation(isolation: str, path: str, shipped: str) -> str:
    return f"{isolation}, shipped" if path.startswith(shipped) else isolation
