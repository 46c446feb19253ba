"""A board as of one moment, put together from what was read. It refuses to read, and to know who looks at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmark.recording.trust import Trust
from leaderboard.board.board import Board, Condensed, assemble, own_before_shipped
from leaderboard.figures.palette import Look, looks
from leaderboard.reading.record_store import Rejected, homes


@dataclass(frozen=True)
class Opened:
    """A board as of one moment."""

    board: Board
    rejected: tuple[Rejected, ...]
    trust: Trust
    looks: dict[str, Look]


def put_together(found: Sequence[Condensed | Rejected], trust: Trust) -> Opened:
    """Make a board of all records of the stores, one's own before what ships with the code."""
    board = assemble(own_before_shipped([each for each in found if isinstance(each, Condensed)], homes()[1]))
    rejected = tuple(each for each in found if isinstance(each, Rejected))
    return Opened(board, rejected, trust, looks(board.names_by_age))
