"""Files beside a record, read once and kept in memory for all visitors."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd
import streamlit as st

from benchmark.datasets.image_set import ImageSet
from leaderboard.app.open_board import full_record
from leaderboard.board.board import Entry
from leaderboard.board.exemplars import READINGS
from leaderboard.board.predictions import CellKey, Predictions
from leaderboard.board.wording import inert, one_line
from leaderboard.reading import record_store
from leaderboard.reading.alteration import altered_files
from leaderboard.reading.maps import read_maps
from leaderboard.reading.outcomes import read_columns, read_outcomes
from leaderboard.reading.pictures import read_pictures

logger = logging.getLogger(__name__)


@st.cache_data(max_entries=16, show_spinner="Reading outcomes ...")
def _outcomes(path: str, created: str) -> dict[CellKey, Predictions] | None:
    record = full_record(path, created)
    return None if record is None else read_outcomes(Path(path), record.outcomes_sha256)


@st.cache_data(max_entries=16, show_spinner="Reading the map ...")
def _maps(path: str, created: str) -> pd.DataFrame | None:
    record = full_record(path, created)
    return None if record is None else read_maps(Path(path), record.maps_sha256)


@st.cache_data(max_entries=4, show_spinner="Reading depths and scores ...")
def _readings(path: str, created: str) -> pd.DataFrame | None:
    record = full_record(path, created)
    return None if record is None else read_columns(Path(path), record.outcomes_sha256, list(READINGS))


@st.cache_data(max_entries=64, show_spinner=False)
def _altered(path: str, created: str) -> tuple[str, ...]:
    record = full_record(path, created)
    return () if record is None else altered_files(Path(path), record)


@st.cache_resource(max_entries=4, show_spinner="Reading images ...")
def _pictures(folders: tuple[str, ...], digest: str) -> ImageSet:
    found = read_pictures([Path(folder) for folder in folders], digest)
    if found is None:
        raise LookupError  # an archive may arrive while the board is open: its absence is not kept in memory
    return found


def pictures_of(digest: str) -> ImageSet | None:
    """Return the test images of that digest, not to be changed; None where no store has them."""
    try:
        return _pictures(tuple(map(str, record_store.homes())), digest)
    except LookupError:
        logger.debug("no store has the images with digest %.64s; pages show everything else", digest)
        return None


def readings_of(entry: Entry) -> pd.DataFrame | None:
    """Return depth and scores of every run and example; None where the file is absent or altered."""
    return _readings(entry.path, entry.created)


def outcomes_of(entry: Entry) -> dict[CellKey, Predictions] | None:
    """Return the predictions of every cell of an evaluation; None where the file is absent or altered."""
    return _outcomes(entry.path, entry.created)


def maps_of(entry: Entry) -> pd.DataFrame | None:
    """Return the maps of an evaluation; None where there are none."""
    return _maps(entry.path, entry.created)


def warn_of_altered_files(*entries: Entry) -> None:
    """Name every file beside the records of these evaluations that was changed after signing and is not used."""
    for entry in entries:
        for name in _altered(entry.path, entry.created):
            st.warning(
                f"The file {inert(one_line(name, 100))} beside the record was changed after signing. It is not used.",
                icon=":material/report:",
            )
