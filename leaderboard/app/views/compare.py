"""Page 5: two submissions on the same test examples: is the difference real, and do they forget the same images."""

from __future__ import annotations

import streamlit as st

from benchmark.scoring.metric_names import ROBUSTNESS_SCORE
from leaderboard.app.address import Named, kept
from leaderboard.app.attachments import outcomes_of, warn_of_altered_files
from leaderboard.app.controls import Scene, open_scene
from leaderboard.app.drawing import draw
from leaderboard.app.planned_tests import PlannedTests
from leaderboard.board.board import Board, Entry
from leaderboard.board.comparison import Comparison, compare
from leaderboard.board.inference.sensitivity import NOT_MEASURED
from leaderboard.board.stability import READING_HEADINGS, SENSITIVITY
from leaderboard.board.standings import rows, summary_scores
from leaderboard.figures.charts import curves, limits
from leaderboard.text.comparison_words import (
    ABOUT_OVERLAPS,
    NO_DIFFERENCE,
    NO_OVERLAPS,
    OVERLAP_HEADINGS,
    POINTWISE,
    RUN_MISSING,
    difference_lines,
    order_of,
    overlap_frame,
    verdict,
)


@st.cache_data(max_entries=64, show_spinner="Comparing ...")
def _compare(_board: Board, _planned: PlannedTests, first: str, second: str, key: str) -> Comparison:
    del key
    entries = _board.entries[first], _board.entries[second]
    return compare(_board, *entries, (outcomes_of(entries[0]), outcomes_of(entries[1])), _planned.claims)


def choose(scene: Scene) -> tuple[Entry, Entry] | None:
    """Let people pick two submissions, the two best ones first."""
    paths = [entry.path for entry in scene.entries.values()]
    scores = summary_scores(scene.snapshot.board, paths, ROBUSTNESS_SCORE)
    ranking = rows(scene.groups, scores, ROBUSTNESS_SCORE, "higher", each_track=False, letters=False)
    names = [row.entry.name for row in ranking]
    if len(names) < 2:
        st.info("Comparing takes two submissions under this specification.", icon=":material/compare_arrows:")
        return None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        named = Named("submission", scene.called)
        first = st.selectbox("First", names, width=250, **kept("first", names, names[0], named=named))
        other = next(name for name in names if name != first)
        second = st.selectbox("Second", names, width=250, **kept("second", names, other, named=named))
    if first == second:
        st.info("Choose two different submissions.", icon=":material/compare_arrows:")
        return None
    return scene.entries[first], scene.entries[second]


def show_verdict(first: Entry, second: Entry, comparison: Comparison) -> None:
    """Say in one sentence whether the scores differ, by how much, and what was resampled."""
    said = verdict(first, second, comparison)
    if said is None:
        st.text(RUN_MISSING)
        return
    with st.container(border=True):
        st.text(said.sentence)
        st.text(said.evidence, wrap=True)
        st.metric("Difference in robustness score (first - second)", said.difference, said.interval,
                  delta_color="off", delta_arrow="off")  # fmt: skip
    st.caption(said.about)
    for note in said.notes:
        st.text(note, wrap=True)


def show_sensitivity(scene: Scene, first: Entry, second: Entry) -> None:
    """Say whether the order of both survives other ways of reading the same models."""
    found = order_of(scene.snapshot.board, first, second)
    if found is None:
        return
    sentence, frame = found
    st.subheader("Does the order survive other readings?")
    st.text(sentence)
    ordinals = {
        name: st.column_config.NumberColumn(READING_HEADINGS[name], format="%.4f") for name in ("first", "second")
    }
    st.dataframe(
        frame, hide_index=True, key="readings", alt="Readings of both", placeholder=NOT_MEASURED,
        column_config={**READING_HEADINGS, **ordinals},
    )  # fmt: skip
    st.caption(SENSITIVITY)


def show_differences(comparison: Comparison, ranked: tuple[str, ...]) -> None:
    """Draw the difference in accuracy against sparsity, one line per schedule, with bands."""
    st.subheader("Where they differ")
    tasks = sorted({key[0] for key in comparison.cells})
    task = st.selectbox("Task", tasks, key="difference_task") if len(tasks) > 1 else (tasks or [""])[0]
    lines = difference_lines(comparison, task, ranked)
    low_high = limits(lines, [NO_DIFFERENCE])
    for start in range(0, len(lines), 3):
        for place, line in zip(st.columns(min(3, len(lines))), lines[start : start + 3], strict=False):
            with place:
                st.text(line.name)
                chart = curves([line], [NO_DIFFERENCE], "Accuracy, first - second", low_high, height=260)
                draw(chart, f"difference-{line.name}", f"Difference by sparsity, {line.name}")
    st.caption(POINTWISE)


def show_overlaps(comparison: Comparison) -> None:
    """Show whether both forget the same images."""
    st.subheader("Do they forget the same images?")
    if not comparison.overlaps:
        st.caption(NO_OVERLAPS)
        return
    frame = overlap_frame(comparison).rename(columns=OVERLAP_HEADINGS)
    st.dataframe(
        frame, hide_index=True, key="overlaps", alt="Common PIEs", placeholder="neither has any",
        column_config={
            "Jaccard": st.column_config.NumberColumn(format="%.3f", help="Common PIEs over PIEs of either, 0 to 1."),
            "By chance": st.column_config.NumberColumn(format="%.3f", help="If both sets were drawn independently."),
        },
    )  # fmt: skip
    st.caption(ABOUT_OVERLAPS)


def page() -> None:
    """Lay out the page."""
    scene = open_scene("Compare", "Two submissions on the same test images: is the difference real?")
    pair = choose(scene)
    if pair is None:
        return
    first, second = pair
    warn_of_altered_files(first, second)
    planned = PlannedTests(scene)
    comparison = _compare(scene.snapshot.board, planned, first.path, second.path, planned.key)
    show_verdict(first, second, comparison)
    show_sensitivity(scene, first, second)
    if comparison.cells:
        show_differences(comparison, first.schedules)
    show_overlaps(comparison)


page()
