"""One copy of what every record says of its columns: most records of a board say the same, in 100 KiB each."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from benchmark.scoring.metric import Column
from leaderboard.board.board import Condensed

_MAX_KINDS = 64
"""Different sets of columns that are shared; records of one version of the metrics have one."""


def with_shared_columns(kept: Condensed) -> Condensed:
    """Return what a board keeps of a record with the columns of an earlier one, where they are equal."""
    return replace(kept, entry=replace(kept.entry, columns=_shared(kept.entry.columns)))


@lru_cache(maxsize=_MAX_KINDS)
def _shared(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    return columns
