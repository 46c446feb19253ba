"""The ranked table: one plain frame and how its columns are shown. It refuses to rank and to format by HTML.

All foreign text sits in text columns, which draw it on a canvas, literally.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from benchmark.scoring.metric import Column
from leaderboard.board.standings import Row
from leaderboard.board.wording import TRACKS, bounds, decimals, heading, inert, one_line
from leaderboard.reading.record_store import homes

RANK_HELP = (
    "The places this submission may hold: 1 + the number of submissions separated from it on the better side, "
    "up to those not separated on the worse side. Separated means that the intervals do not overlap."
)
TIE_HELP = "Submissions that share a letter are not separated by this board."
SIGNED_HELP = "Who vouches that the record is as it was written. It says nothing about whether the numbers are right."
PREFERRED = (
    "robustness/dense", "robustness/retention", "robustness/score_high", "pie/excess", "depth/pred_shift",
    "q_score_2022/mean", "class_impact/paired_bh", "corruption/mean_error", "sparsity/effective", "cost/device_time",
    "cost/peak_memory",
)  # fmt: skip
"""Columns shown first where they exist; the others are one click away."""


def frame(
    rows: Sequence[Row], by: str, metrics: Sequence[str], curves: Mapping[str, Sequence[float]], intervals: bool
) -> pd.DataFrame:
    """Lay out the rows of a ranking.

    Args:
        rows: best first.
        by: the number ranked by, shown first with its interval.
        metrics: other numbers, in order.
        curves: per path the accuracy by sparsity, drawn in the cell.
        intervals: whether every number gets a column with its bounds.
    """
    shipped = f"{homes()[1]}{os.sep}"
    table: dict[str, list[Any]] = {
        "rank": [row.standing.rank_text for row in rows],
        "submission": [one_line(row.entry.name, 80) for row in rows],
        by: [_value(row, by) for row in rows],
        f"{by} interval": [bounds(row.scores.get(by)) for row in rows],
        "track": [TRACKS.get(row.entry.supervision, row.entry.supervision) for row in rows],
        "ties": [row.standing.group_text for row in rows],
        "curve": [list(curves.get(row.entry.path, ())) for row in rows],
    }
    for metric in metrics:
        table[metric] = [_value(row, metric) for row in rows]
        if intervals:
            table[f"{metric} interval"] = [bounds(row.scores.get(metric)) for row in rows]
    table |= {
        "models": [row.entry.num_models for row in rows],
        "isolation": [_isolation(row.entry.isolation, row.entry.path, shipped) for row in rows],
        "tier": [one_line(row.entry.tier, 40) for row in rows],
        "signed": [one_line(row.entry.signed_by, 60) for row in rows],
        "date": [row.entry.created[:10] for row in rows],
        "note": [row.standing.reason or _older(row) for row in rows],
    }
    return pd.DataFrame(table)


def column_config(
    by: str, metrics: Sequence[str], columns: Mapping[str, Column], curves: Mapping[str, Sequence[float]]
) -> dict[str, Any]:
    """Say how every column is headed, explained and formatted."""
    heights = [value for curve in curves.values() for value in curve] or [0.0, 1.0]
    config: dict[str, Any] = {
        "rank": st.column_config.TextColumn("Rank", pinned=True, width=58, help=RANK_HELP),
        "ties": st.column_config.TextColumn("Ties", width=50, help=TIE_HELP),
        "submission": st.column_config.TextColumn("Submission", pinned=True, width=125),
        "curve": st.column_config.LineChartColumn(
            "Dense to sparsest", width=130, y_min=min(heights), y_max=max(heights),
            help="Linear-probe accuracy by sparsity, mean over schedules and tasks; one scale for all rows.",
        ),
        "track": st.column_config.TextColumn("Track", width=105, help="Whether the method saw training labels."),
        "models": st.column_config.NumberColumn("Models", help="Independently seeded models per cell."),
        "isolation": st.column_config.TextColumn("Isolation", help="Where its code ran; none: no sandbox."),
        "tier": st.column_config.TextColumn("Tier"),
        "signed": st.column_config.TextColumn("Signed by", help=SIGNED_HELP),
        "date": st.column_config.TextColumn("Date"),
        "note": st.column_config.TextColumn("Note", width="medium"),
    }  # fmt: skip
    for metric in (by, *metrics):
        column = columns[metric]
        config[metric] = st.column_config.NumberColumn(
            heading(column), format=f"%.{decimals(column)}f", help=inert(column.description)
        )
        config[f"{metric} interval"] = st.column_config.TextColumn(
            "Interval" if metric == by else f"{one_line(column.title, 60)}, interval", width=120
        )
    return config


def default_columns(names: Sequence[str], by: str) -> list[str]:
    """Choose what is shown at first: the preferred numbers that exist, or any few where none is known."""
    known = [name for name in PREFERRED if name in names and name != by]
    return known or [name for name in names if name != by][:6]


def _value(row: Row, metric: str) -> float | None:
    score = row.scores.get(metric)
    return None if score is None else score.value


def _older(row: Row) -> str:
    count = row.num_evaluations - 1
    return f"{count} other evaluation{'s' * (count > 1)}" if count else ""


def _isolation(isolation: str, path: str, shipped: str) -> str:
    return f"{isolation}, shipped" if path.startswith(shipped) else isolation
