"""How Streamlit shows the columns of the board's frames: headings, explanations and formats.

All foreign text sits in text columns, which draw it on a canvas, literally. It lays out no frame: those come from
`board` and `text`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from benchmark.scoring.metric import Column
from leaderboard.board.standings import describe
from leaderboard.board.wording import heading, inert


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
