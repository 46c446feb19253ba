"""One board in memory for all visitors, and whole records for the pages that show one.

The board is shared and must not be modified, which is why it is a cached resource and not cached data (copied for
every visitor). How it is read and kept up to date is the matter of `leaderboard.reading.board_loader`.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from benchmark.recording.record import EvaluationRecord
from benchmark.recording.trust import load_trust
from leaderboard.reading.board_loader import BoardLoader, BoardSnapshot
from leaderboard.reading.record_store import Rejected, homes, read


@st.cache_resource(show_spinner=False)
def _loader(folders: tuple[str, ...]) -> BoardLoader:
    del folders  # one loader per set of folders
    return BoardLoader()


def open_board() -> BoardSnapshot:
    """Return the current board of this server's stores to a visitor, who sees that something is being read."""
    with st.spinner("Reading records ...", show_time=True):
        return load_board()


def load_board() -> BoardSnapshot:
    """Return the current board of this server's stores."""
    folders = homes()
    return _loader(tuple(map(str, folders))).load(folders, load_trust())


@st.cache_data(max_entries=16, show_spinner=False)
def full_record(path: str, created: str) -> EvaluationRecord | None:
    """Read one whole record; None where it is gone by now. `created` makes a replaced record a new one."""
    del created
    found = read(Path(path), load_trust())
    return None if isinstance(found, Rejected) else found.record
