"""The controls of the ranking: what is ranked by, on which part of the grid, which columns and which rows show.

Every choice is in the address. A part of the grid that is chosen is named outside the controls, with a button that
clears it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from benchmark.scoring.metric_names import ROBUSTNESS_SCORE
from leaderboard.app.address import kept, reset
from leaderboard.app.controls import Scene
from leaderboard.board.board import Board, Entry
from leaderboard.board.measures import Numbers, collect, middle_sparsity
from leaderboard.board.ranked_table import FACTS, default_columns
from leaderboard.board.standings import SELECTION, Row, selection_scores
from leaderboard.board.wording import heading, one_line, percent

ROWS_PER_PAGE = 50
SEARCHED = 12
"""From how many rows on there is a search."""
_SUBSET = ("schedules", "sparsities")


@dataclass(frozen=True)
class Chosen:
    """What the ranking shows: the number ranked by, other numbers and facts, and the part of the grid in words."""

    numbers: Numbers
    by: str
    metrics: tuple[str, ...]
    facts: tuple[str, ...]
    subset: str


def choose(scene: Scene) -> Chosen:
    """Show the controls, folded until somebody asks for them."""
    entries = scene.counting
    sparsities = sorted({sparsity for entry in entries for sparsity in entry.sparsities}) or [0.0]
    middle = middle_sparsity(entries)
    with st.expander("Columns, other numbers to rank by, part of the grid", icon=":material/tune:"):
        at = kept("at", sparsities, middle, percent)  # its slider stands below the columns that it changes
        numbers = collect(scene.snapshot.board, entries, st.session_state["at"])
        subset = _subset(scene.snapshot.board, entries, numbers)
        titles = {name: heading(column) for name, column in numbers.columns.items()} | FACTS
        options = list(dict.fromkeys([SELECTION.name, *numbers.rankable] if subset else numbers.rankable))
        by = st.selectbox("Rank by", options, format_func=titles.__getitem__,
                          **kept("by", options, options[0], titles.__getitem__)) or options[0]  # fmt: skip
        by = SELECTION.name if subset and by == ROBUSTNESS_SCORE else by
        names, usual = [*numbers.columns, *FACTS], default_columns(list(numbers.columns), by)
        shown = st.multiselect("Columns", names, format_func=titles.__getitem__, placeholder="Choose columns",
                               **kept("columns", names, usual, titles.__getitem__, many=True))  # fmt: skip
        st.select_slider("Sparsity of the columns that belong to one sparsity", sparsities, format_func=percent,
                         **at) if len(sparsities) > 1 else None  # fmt: skip
    metrics = tuple(name for name in shown if name != by and name not in FACTS)
    return Chosen(numbers, by, metrics, tuple(name for name in shown if name in FACTS), subset)


def _subset(board: Board, entries: Sequence[Entry], numbers: Numbers) -> str:
    """Let people rank a part of the grid; returns it in words, empty for all of it, and adds its score to `numbers`."""
    schedules = list(dict.fromkeys(name for entry in entries for name in entry.schedules))
    sparsities = sorted({sparsity for entry in entries for sparsity in entry.sparsities})
    if not schedules or not sparsities:
        return ""
    left, right = st.columns(2)
    chosen = left.multiselect("Schedules", schedules, placeholder="Choose at least one",
                              **kept("schedules", schedules, schedules, many=True))  # fmt: skip
    levels = right.multiselect("Sparsities", sparsities, placeholder="Choose at least one", format_func=percent,
                               **kept("sparsities", sparsities, sparsities, percent, many=True))  # fmt: skip
    part = sorted(levels)
    if not chosen or not part or (set(chosen) == set(schedules) and part == sparsities):
        return ""
    numbers.scores[SELECTION.name] = selection_scores(board, entries, chosen, part)
    numbers.columns[SELECTION.name] = SELECTION
    return f"{', '.join(one_line(name, 40) for name in chosen)}; {', '.join(map(percent, part))}"


def show_subset(chosen: Chosen) -> None:
    """Name the part of the grid that is ranked, with a button that goes back to all of it."""
    if chosen.subset:
        with st.container(horizontal=True, vertical_alignment="center", key="subset"):
            st.text(f"Only a part of the grid is ranked: {chosen.subset}.")
            st.button("Rank the whole grid", icon=":material/filter_alt_off:", key="clear", on_click=reset,
                      args=_SUBSET)


def found_rows(ranking: Sequence[Row]) -> list[Row]:
    """Return the rows that a search by name leaves."""
    if len(ranking) <= SEARCHED:
        return list(ranking)
    wanted = st.text_input("Search", width=300, placeholder="Name of a submission", icon=":material/search:",
                           **kept("search", None, ""))  # fmt: skip
    return [row for row in ranking if (wanted or "").casefold().strip() in row.entry.name.casefold()]


def page_of(count: int) -> int:
    """Let people turn pages of `count` rows below a table; returns the page, from 0."""
    pages = -(-count // ROWS_PER_PAGE)
    return st.pagination(pages, **kept("page", range(1, pages + 1), 1)) - 1 if pages > 1 else 0
