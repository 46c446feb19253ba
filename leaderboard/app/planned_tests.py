"""The planned tests of a board and the orders of its neighbours, computed once; all visitors share them, unchanged."""

from __future__ import annotations

import streamlit as st

from leaderboard.app.controls import Scene
from leaderboard.board.board import Entry
from leaderboard.board.claims import Claim, Kind, claims
from leaderboard.board.inference.sensitivity import Survival
from leaderboard.board.stability import neighbouring_orders
from leaderboard.board.standings import competitors
from leaderboard.text.headline import verdict_sentence

Key = tuple[tuple[str, str, str], ...]


class PlannedTests:
    """The planned tests of a board, for one visit of a page: which evaluations the board holds is looked up once."""

    def __init__(self, scene: Scene) -> None:
        self._scene, self._key = scene, _key(scene)

    @property
    def claims(self) -> list[Claim]:
        """Every planned test of the board, most certain first."""
        return _claims(self._scene, self._key)

    @property
    def orders(self) -> list[Survival]:
        """Whether the order of every two neighbours survives other readings."""
        return _orders(self._scene, self._key)

    def verdict(self, kind: Kind, level: float) -> str:
        """Answer the question of one kind of test, over all tests of the board."""
        return _verdict(self._scene, self._key, kind, level)


def _key(scene: Scene) -> Key:
    """Name the evaluations that a board holds; another record, or another signature of it, is another key."""
    everybody = competitors(scene.snapshot.board, scene.arena)
    return tuple((entry.path, entry.created, entry.signed_at) for group in everybody.values() for entry in group)


@st.cache_resource(max_entries=8, show_spinner="Testing ...")
def _claims(_scene: Scene, key: Key) -> list[Claim]:
    del key
    return claims(_scene.snapshot.board, _counting(_scene))


@st.cache_resource(max_entries=32, show_spinner=False)
def _verdict(_scene: Scene, key: Key, kind: Kind, level: float) -> str:
    return verdict_sentence(kind, _claims(_scene, key), level)


@st.cache_resource(max_entries=8, show_spinner="Reading in other ways ...")
def _orders(_scene: Scene, key: Key) -> list[Survival]:
    del key
    return neighbouring_orders(_scene.snapshot.board, _counting(_scene))


def _counting(scene: Scene) -> list[Entry]:
    """Return the evaluations that count, of all tracks."""
    return [group[0] for group in competitors(scene.snapshot.board, scene.arena).values()]
