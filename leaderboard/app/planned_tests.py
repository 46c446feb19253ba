"""The planned tests of a board and the orders of its neighbours, computed once; all visitors share them, unchanged.

A server tests its first boards before anybody asks (`prepare_tests`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from leaderboard.app.controls import Scene
from leaderboard.board.board import Board, Entry
from leaderboard.board.claims import Claim, Kind, claims, separation
from leaderboard.board.inference.sensitivity import Survival
from leaderboard.board.inference.separation import Separation
from leaderboard.board.stability import neighbouring_orders
from leaderboard.board.standings import arenas, competitors
from leaderboard.text.headline import verdict_sentence

NUM_TESTED = 3
"""How many boards a server tests before anybody asks, the first ones; it keeps the tests of at most `_MAX_BOARDS`."""
_MAX_BOARDS = 8


@dataclass(frozen=True)
class _Tests:
    """The tests of a board: all of them, and those of every kind, most certain first; and whom they separate."""

    found: Sequence[Claim]
    by_kind: dict[Kind, list[Claim]]
    separated: Separation


class PlannedTests:
    """The planned tests of a board, for one visit of a page: which evaluations the board holds is looked up once.

    Attributes:
        key: names what the board holds.
    """

    def __init__(self, scene: Scene) -> None:
        self._board = scene.snapshot.board
        self._counting, self.key = scene.counting, _name_of(scene.everybody)
        with st.spinner("Testing ..."):
            self._tests = _tests(self._board, self._counting, self.key)

    @property
    def claims(self) -> Sequence[Claim]:
        """Every planned test of the board, most certain first."""
        return self._tests.found

    @property
    def separated(self) -> Separation:
        """Whom they separate by robustness score."""
        return self._tests.separated

    def of_kind(self, kind: Kind) -> Sequence[Claim]:
        """Return the tests of one kind, most certain first."""
        return self._tests.by_kind.get(kind, [])

    @property
    def orders(self) -> list[Survival]:
        """Whether the order of every two neighbours survives other readings."""
        with st.spinner("Reading in other ways ..."):
            return _orders(self._board, self._counting, self.key)

    def verdict(self, kind: Kind, level: float) -> str:
        """Answer the question of one kind of test, over all tests of the board."""
        return _verdict(self._board, self._counting, self.key, kind, level)


def prepare_tests(board: Board) -> None:
    """Run what `PlannedTests` shows of the first boards, so that no visitor waits for it."""
    for arena in list(arenas(board).values())[:NUM_TESTED]:
        groups = competitors(board, arena)
        counting, key = [group[0] for group in groups.values()], _name_of(groups)
        for kind, found in _tests(board, counting, key).by_kind.items():
            if found:
                _verdict(board, counting, key, kind, 1 - counting[0].confidence)
        _orders(board, counting, key)


def _name_of(groups: Mapping[str, Sequence[Entry]]) -> str:
    """Name what a board holds, of all tracks: another record, or another signature of it, is another name."""
    held = [(entry.path, entry.created, entry.signed_at) for group in groups.values() for entry in group]
    return hashlib.sha256(repr(held).encode()).hexdigest()


@st.cache_resource(max_entries=_MAX_BOARDS, show_spinner=False)
def _tests(_board: Board, _counting: list[Entry], key: str) -> _Tests:
    del key
    found, by_kind = claims(_board, _counting), dict[Kind, list[Claim]]()
    for claim in found:
        by_kind.setdefault(claim.kind, []).append(claim)
    return _Tests(found, by_kind, separation(found, 1 - min(entry.confidence for entry in _counting)))


@st.cache_resource(max_entries=4 * _MAX_BOARDS, show_spinner=False)
def _verdict(_board: Board, _counting: list[Entry], key: str, kind: Kind, level: float) -> str:
    return verdict_sentence(kind, _tests(_board, _counting, key).by_kind.get(kind, []), level)


@st.cache_resource(max_entries=_MAX_BOARDS, show_spinner=False)
def _orders(_board: Board, _counting: list[Entry], key: str) -> list[Survival]:
    del key
    return neighbouring_orders(_board, _counting)
