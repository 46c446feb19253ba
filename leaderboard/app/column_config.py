"""How Streamlit shows the columns of the board's frames: headings, explanations and formats.

All foreign text sits in text columns, which draw it on a canvas, literally. It lays out no frame: those come from
`board` and `text`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from benchmark.scoring.metric import Column
from leaderboard.board.ranked_table import HELP
from leaderboard.board.standings import describe
from leaderboard.board.wording import decimals, heading, inert, one_line


def ranked_columns(
    by: str, metrics: Sequence[str], columns: Mapping[str, Column], curves: Mapping[str, Sequence[float]]
) -> dict[str, Any]:
    """Configure the columns of `ranked_frame`."""
    heights = [value for curve in curves.values() for value in curve] or [0.0, 1.0]
    config: dict[str, Any] = {
        "rank": st.column_config.TextColumn("Rank", pinned=True, width=58, help=HELP["rank"]),
        "ties": st.column_config.TextColumn("Ties", width=50, help=HELP["ties"]),
        "submission": st.column_config.TextColumn("Submission", pinned=True, width=125),
        "curve": st.column_config.LineChartColumn(
            "Dense to sparsest", width=130, y_min=min(heights), y_max=max(heights), help=HELP["curve"]
        ),
        "track": st.column_config.TextColumn("Track", width=105, help=HELP["track"]),
        "models": st.column_config.NumberColumn("Models", help=HELP["models"]),
        "isolation": st.column_config.TextColumn("Isolation", help=HELP["isolation"]),
        "tier": st.column_config.TextColumn("Tier"),
        "signed": st.column_config.TextColumn("Signed by", help=HELP["signed"]),
        "date": st.column_config.TextColumn("Date"),
        "note": st.column_config.TextColumn("Note", width="medium"),
    }
    for metric in (by, *metrics):
        column = columns[metric]
        config[metric] = st.column_config.NumberColumn(
            heading(column), format=f"%.{decimals(column)}f", help=inert(column.description)
        )
        config[f"{metric} interval"] = st.column_config.TextColumn(
            "Interval" if metric == by else f"{one_line(column.title, 60)}, interval", width=120
        )
    return config


def cell_columns(frame: pd.DataFrame, columns: Mapping[str, Column]) -> dict[str, Any]:
    """Configure the columns of a `cell_frame`: every number, and its bounds."""
    config: dict[str, Any] = {}
    for name in map(str, frame.columns):
        column = describe(name, columns)
        if column is not None and f"{name} interval" in frame:
            config[name] = st.column_config.NumberColumn(
                heading(column), format="%.4f", help=inert(column.description)
            )
            config[f"{name} interval"] = st.column_config.TextColumn("Interval", width=120)
    return config
