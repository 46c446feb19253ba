"""A board from the records of some stores: read once, or kept up to date by reading only what changed.

Pure of any server: who keeps a `BoardLoader`, and for whom, is decided by `app` and `export`. It ranks nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmark.gc_pause import paused_gc
from benchmark.recording.trust import Trust
from benchmark.recording.verify import Sealed, unseal
from leaderboard.board.board import Board, Condensed, assemble, condense
from leaderboard.reading.areas import with_evidence
from leaderboard.reading.board_cache import BoardCache
from leaderboard.reading.duplicates import copies, own_before_shipped
from leaderboard.reading.record_store import Rejected, Stamp, homes, read_as, stamps
from leaderboard.reading.shared_columns import with_shared_columns


@dataclass(frozen=True)
class BoardSnapshot:
    """A board as of one moment, with the records that it does not show and the keys that were trusted."""

    board: Board
    rejected: tuple[Rejected, ...]
    trust: Trust


def read_board(folders: Sequence[Path], trust: Trust) -> BoardSnapshot:
    """Read all records of some stores once, without a cache."""

    def condensed(path: str) -> Condensed | Rejected:
        return read_as(Path(path), trust, lambda sealed: _condense(path, sealed))

    return _snapshot([condensed(stamp.path) for stamp in stamps(folders)], trust)


class BoardLoader:
    """Keeps the board of some stores up to date, for many threads.

    Checking costs two `stat` per record; unchanged records are never opened or verified again, unless the list of
    trusted keys changes. What an earlier process has parsed comes from the `BoardCache` once its signature was checked.
    """

    def __init__(self) -> None:
        self._known: dict[Stamp, Condensed | Rejected] = {}
        self._snapshot: BoardSnapshot | None = None
        self._cache: BoardCache | None = None
        self._lock = threading.Lock()

    def load(self, folders: Sequence[Path], trust: Trust) -> BoardSnapshot:
        """Return the current board, which is shared and must not be modified.

        Args:
            folders: stores of records, the same ones at every call.
            trust: the keys that are trusted now.
        """
        found = stamps(folders)
        with self._lock:
            if self._snapshot is None or trust != self._snapshot.trust:
                self._known, self._snapshot = {}, None
            if self._snapshot is None or set(found) != set(self._known):
                # Millions of fresh objects, none in a cycle: looking for cycles more than doubles the time.
                with paused_gc():
                    cache = self._cache = self._cache or BoardCache.of(folders)
                    self._known = {
                        stamp: self._known.get(stamp) or read_as(Path(stamp.path), trust, _by(cache, stamp.path))
                        for stamp in found
                    }
                    self._snapshot = _snapshot(tuple(self._known.values()), trust)
                cache.save()
            return self._snapshot


def _by(cache: BoardCache, path: str) -> Callable[[Sealed], Condensed]:
    return lambda sealed: cache.condensed(path, sealed)


def _condense(path: str, sealed: Sealed) -> Condensed:
    found = with_evidence(with_shared_columns(condense(path, unseal(sealed).record, sealed.signer)))
    return replace(found, record_sha256=sealed.statement.record_sha256)


def _snapshot(found: Sequence[Condensed | Rejected], trust: Trust) -> BoardSnapshot:
    """Make a board of all records of the stores: one's own before what ships with the code, each of them once."""
    good = own_before_shipped([each for each in found if isinstance(each, Condensed)], homes()[1])
    repeated = copies(good)
    board = assemble(each for each in good if each.entry.path not in repeated)
    rejected = [each for each in found if isinstance(each, Rejected)]
    rejected += [Rejected(path, f"a copy of {original}") for path, original in repeated.items()]
    return BoardSnapshot(board, tuple(rejected), trust)
