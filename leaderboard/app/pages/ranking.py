"""Page 1: who is most robust, and is the difference real."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from benchmark.scoring.metric_names import PROBE_ACCURACY, ROBUSTNESS_SCORE
from leaderboard.app.column_config import ranked_columns
from leaderboard.app.controls import URL, Scene, name_rejected, open_scene
from leaderboard.app.unfinished import show_unfinished
from leaderboard.board.measures import Numbers, collect, direction, middle_sparsity, resampled
from leaderboard.board.ranked_table import default_columns, ranked_frame
from leaderboard.board.stability import leaders
from leaderboard.board.standings import SELECTION, Row, mean_curves, rows, selection_scores
from leaderboard.board.wording import heading, inert, one_line, percent
from leaderboard.figures.charts import MAX_BARS, Bar, interval_plot
from leaderboard.reading import record_store
from leaderboard.text.board_frames import failed_run_frame
from leaderboard.text.downloads import as_bibtex, as_csv, as_json


def choose_part(scene: Scene, numbers: Numbers) -> bool:
    """Let people rank a part of the grid; returns whether one is chosen and adds its score to `numbers`."""
    entries = list(scene.entries.values())
    schedules = list(dict.fromkeys(name for entry in entries for name in entry.schedules))
    sparsities = sorted({sparsity for entry in entries for sparsity in entry.sparsities})
    if not schedules or not sparsities:
        return False
    left, right = st.columns(2)
    chosen = left.multiselect("Schedules", schedules, default=schedules, key="schedules", bind=URL,
                              placeholder="Choose at least one")  # fmt: skip
    low, high = right.select_slider("Sparsities", sparsities, value=(sparsities[0], sparsities[-1]), key="sparsities",
                                    format_func=percent, bind=URL)  # fmt: skip
    part = [sparsity for sparsity in sparsities if low <= sparsity <= high]
    if not chosen or (set(chosen) == set(schedules) and part == sparsities):
        return False
    numbers.scores[SELECTION.name] = selection_scores(scene.snapshot.board, entries, chosen, part)
    numbers.columns[SELECTION.name] = SELECTION
    return True


def choose(scene: Scene) -> tuple[Numbers, str, list[str], bool]:
    """Show the controls of the ranking: what to rank by, on which part of the grid, which columns to show."""
    sparsities = sorted({sparsity for entry in scene.entries.values() for sparsity in entry.sparsities}) or [0.0]
    with st.expander("Rank by something else, or on a part of the grid", icon=":material/tune:"):
        middle = middle_sparsity(list(scene.entries.values()))
        at = st.select_slider("Sparsity of the columns that belong to one sparsity", sparsities, value=middle,
                              format_func=percent, key="at", bind=URL) if len(sparsities) > 1 else middle  # fmt: skip
        numbers = collect(scene.snapshot.board, list(scene.entries.values()), at)
        partial = choose_part(scene, numbers)
        options = [SELECTION.name, *numbers.rankable] if partial else numbers.rankable
        options = list(dict.fromkeys(options))
        by = st.selectbox("Rank by", options, format_func=lambda name: heading(numbers.columns[name]), key="by",
                          bind=URL) or options[0]  # fmt: skip
        shown = st.multiselect(
            "Columns", list(numbers.columns), default=default_columns(list(numbers.columns), by), key="columns",
            format_func=lambda name: heading(numbers.columns[name]), placeholder="Choose columns",
        )  # fmt: skip
        intervals = st.toggle("Show the interval of every number", key="intervals", bind=URL)
    others = [name for name in shown if name != by]
    return numbers, SELECTION.name if partial and by == ROBUSTNESS_SCORE else by, others, intervals


def explain(numbers: Numbers, by: str, ranking: Sequence[Row]) -> None:
    """Name the sort key, the direction and what was resampled."""
    column = numbers.columns[by]
    st.caption(
        f"Ranked by **{inert(column.title)}**, {column.better} is better. Intervals are about "
        f"{resampled(by, ranking)}. Submissions that share a tie letter are not separated; everything that places and "
        "letters say is true together, at the confidence of the intervals. "
        "Incomplete evaluations are shown with their reason and not ranked."
    )


def show_table(scene: Scene, numbers: Numbers, ranking: Sequence[Row], by: str, shown: list[str], every: bool) -> None:
    """Show the ranked table; selecting a row offers to open that submission."""
    curves = mean_curves(scene.snapshot.board, [row.entry for row in ranking], PROBE_ACCURACY)
    table = ranked_frame(ranking, by, shown, curves, shipped=record_store.homes()[1], intervals=every)
    event = st.dataframe(
        table, column_config=ranked_columns(by, shown, numbers.columns, curves), hide_index=True, on_select="rerun",
        selection_mode="single-row", key="table", alt="Ranked submissions", height=min(38 + 35 * len(table), 620),
    )  # fmt: skip
    chosen = event["selection"]["rows"]
    if chosen and chosen[0] < len(ranking):
        # A link and not `switch_page`, which refuses to leave a page whose widgets are bound to the address.
        name = ranking[chosen[0]].entry.name
        st.session_state["submission"] = name
        with st.container(horizontal=True, vertical_alignment="center"):
            st.text(f"Selected: {one_line(name, 80)}")
            st.page_link("pages/submission.py", label="Open this submission", icon=":material/arrow_forward:")


# What people ask next, and the page that answers it: (file, question, icon).
QUESTIONS = (
    ("compare", "Is a difference real?", "compare_arrows"),
    ("claims", "Does early pruning hurt more?", "balance"),
    ("examples", "Which images are forgotten?", "image_search"),
    ("submission", "What did it cost, how do I reproduce it?", "description"),
)


def show_questions() -> None:
    """Lead to the pages that answer what a ranking leaves open."""
    with st.container(horizontal=True, gap="medium"):
        for page_file, question, icon in QUESTIONS:
            st.page_link(f"pages/{page_file}.py", label=question, icon=f":material/{icon}:")


def show_downloads(scene: Scene, numbers: Numbers, ranking: Sequence[Row]) -> None:
    """Offer the ranking as files, which are made when somebody asks for one."""
    stem = f"forget-me-not-{scene.arena.identity}"
    kinds: dict[str, tuple[Callable[[], str], str, str]] = {
        "CSV": (lambda: as_csv(ranking, list(numbers.columns)), "csv", "text/csv"),
        "JSON": (lambda: as_json(ranking, numbers.columns), "json", "application/json"),
        "BibTeX": (lambda: as_bibtex(ranking), "bib", "text/plain"),
    }
    with st.container(horizontal=True):
        for label, (make, suffix, kind) in kinds.items():
            st.download_button(label, make, f"{stem}.{suffix}", kind, icon=":material/download:")


def show_intervals(scene: Scene, numbers: Numbers, ranking: Sequence[Row], by: str) -> None:
    """Draw the number ranked by, with its interval, in the order of the table."""
    bars = [Bar(r.entry.name, score, r.standing.rank is not None) for r in ranking if (score := r.scores.get(by))]
    st.subheader("Intervals")
    if len(bars) > MAX_BARS:
        st.caption(f"The first {MAX_BARS} of {len(bars)}.")
    chart = interval_plot(bars, scene.looks, heading(numbers.columns[by]))
    st.altair_chart(chart, alt=f"Intervals of {len(bars)} submissions", key="bars")


def show_stability(scene: Scene, numbers: Numbers, ranking: Sequence[Row], by: str) -> None:
    """Show who leads under every other number, and how much the orders agree."""
    st.subheader("How stable is the top?")
    if scene.track == "each":
        st.caption("All tracks together.")
    found = leaders(ranking, {name: numbers.columns[name] for name in numbers.of_whole_submissions}, by)
    st.dataframe(
        found, hide_index=True, alt="Leaders by every number", key="stability",
        column_config={
            "by": st.column_config.TextColumn("Ranked by"),
            "leaders": st.column_config.TextColumn("Not separated from the best", width="large"),
            "agreement": st.column_config.NumberColumn(
                "Agreement", format="%.2f",
                help="Kendall's tau between this order and the one above: 1 the same, 0 unrelated, -1 reversed."),
        },
    )  # fmt: skip


def show_failures(ranking: Sequence[Row]) -> None:
    """Name failed runs with their reason; nothing is left out silently."""
    failed = failed_run_frame(row.entry for row in ranking)
    if len(failed):
        st.subheader("Failed runs")
        st.dataframe(failed.head(500), hide_index=True, alt="Failed runs", key="failures")


def page() -> None:
    """Lay out the page."""
    scene = open_scene("Forget-Me-Not", "Which representation stays most robust when its network is pruned?")
    numbers, by, shown, every = choose(scene)
    ranking = rows(scene.groups, numbers.scores, by, direction(numbers.columns[by]), each_track=scene.track == "each",
                   evidence=scene.snapshot.board.evidence)  # fmt: skip
    show_table(scene, numbers, ranking, by, shown, every)
    explain(numbers, by, ranking)
    show_questions()
    show_downloads(scene, numbers, ranking)
    show_unfinished()
    show_intervals(scene, numbers, ranking, by)
    show_stability(scene, numbers, ranking, by)
    show_failures(ranking)
    name_rejected(scene.snapshot)


page()
