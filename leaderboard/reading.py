"""Files beside a record, kept in memory for all visitors of a page once they were read."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from leaderboard.board import Entry
from leaderboard.maps import read_maps
from leaderboard.opening import full_record
from leaderboard.outcomes import CellKey, Predictions, read_outcomes


@st.cache_data(max_entries=16, show_spinner="Reading outcomes ...")
def _outcomes(path: str, created: str) -> dict[CellKey, Predictions] | None:
    record = full_record(path, created)
    return None if record is None else read_outcomes(Path(path), record.outcomes_sha256)


@st.cache_data(max_entries=16, show_spinner="Reading the map ...")
def _maps(path: str, created: str) -> pd.DataFrame | None:
    record = full_record(path, created)
    return None if record is None else read_maps(Path(path), record.maps_sha256)


def outcomes_of(entry: Entry) -> dict[CellKey, Predictions] | None:
    """Give the predictions of every cell of an evaluation; None where the file is absent or altered."""
    return _outcomes(entry.path, entry.created)


def maps_of(entry: Entry) -> pd.DataFrame | None:
    """Give the maps of an evaluation; None where there are none."""
    return _maps(entry.path, entry.created)
