"""Keeps one board in memory for all visitors and re-reads only the records that changed.

Checking costs two `stat` per record on every rerun; unchanged records are never opened or verified again, unless the
list of trusted keys changes. What an earlier server has parsed comes from the index once its signature was checked.
The board is shared and must not be modified, which is why it is a cached resource and not cached data (copied for
every visitor).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st

from benchmark.gc_pause import paused_gc
from benchmark.recording.record import EvaluationRecord
from benchmark.recording.trust import Trust, load_trust
from leaderboard.board.board import Condensed
from leaderboard.reading import record_store as shelf
from leaderboard.reading.board_cache import Index
from leaderboard.reading.opened import Opened, put_together

Known = dict[shelf.Stamp, Condensed | shelf.Rejected]


@dataclass
class _Reader:
    """The records read so far, by the stamp of their file."""

    known: Known = field(default_factory=Known)
    opened: Opened | None = None
    index: Index | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self, folders: tuple[Path, ...], trust: Trust) -> Opened:
        """Bring the board up to date."""
        stamps = shelf.stamps(folders)
        with self.lock:
            if self.opened is None or trust != self.opened.trust:
                self.known, self.opened = Known(), None
            if self.opened is None or set(stamps) != set(self.known):
                # Millions of fresh objects, none in a cycle: looking for cycles more than doubles the time.
                with paused_gc():
                    index = self.index = self.index or Index.of(folders)
                    self.known = {stamp: self.known.get(stamp) or _condense(stamp, trust, index) for stamp in stamps}
                    self.opened = put_together(tuple(self.known.values()), trust)
                index.save()
            return self.opened


@st.cache_resource(show_spinner=False)
def _reader(folders: tuple[str, ...]) -> _Reader:
    del folders  # one reader per set of folders
    return _Reader()


def open_board() -> Opened:
    """Give the current board of this server's stores to a visitor, who sees that something is being read."""
    with st.spinner("Reading records ...", show_time=True):
        return read_board()


def read_board() -> Opened:
    """Give the current board of this server's stores."""
    folders = shelf.homes()
    return _reader(tuple(map(str, folders))).open(folders, load_trust())


@st.cache_data(max_entries=16, show_spinner=False)
def full_record(path: str, created: str) -> EvaluationRecord | None:
    """Read one whole record; `created` makes a replaced record a new one. None where it is gone by now."""
    del created
    found = shelf.read(Path(path), load_trust())
    return None if isinstance(found, shelf.Rejected) else found.record


def _condense(stamp: shelf.Stamp, trust: Trust, index: Index) -> Condensed | shelf.Rejected:
    return shelf.take(Path(stamp.path), trust, lambda sealed: index.condensed(stamp.path, sealed))
