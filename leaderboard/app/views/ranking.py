"""Page 1: who is most robust, and is the difference real."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import urlencode

import streamlit as st

from benchmark.printable import counted
from benchmark.scoring.metric_names import ROBUSTNESS_SCORE
from leaderboard.app import address
from leaderboard.app.controls import Scene, name_rejected, open_scene, picked
from leaderboard.app.planned_tests import PlannedTests
from leaderboard.app.ranked_tables import show_html, show_ranked_tables
from leaderboard.app.ranking_controls import ROWS_PER_PAGE, Chosen, choose, found_rows, page_of, show_subset
from leaderboard.app.unfinished import show_unfinished
from leaderboard.board.board import Entry
from leaderboard.board.claims import Claim
from leaderboard.board.inference.separation import Separation
from leaderboard.board.measures import Numbers, direction, resampled
from leaderboard.board.stability import leaders
from leaderboard.board.standings import Row, arena_of, arenas, rows
from leaderboard.board.wording import heading, inert, one_line, track_title
from leaderboard.markup.fragments import intervals_html, tables_html
from leaderboard.markup.interval_plot import interval_plot, leaders_table
from leaderboard.markup.ranking_table import RankingLayout, accuracy_curves, ranking_table, scale_of
from leaderboard.markup.svg import as_file
from leaderboard.reading.link_names import newest_own
from leaderboard.reading.record_store import homes
from leaderboard.text.board_frames import failed_run_frame
from leaderboard.text.downloads import as_bibtex, as_csv, as_json
from leaderboard.text.headline import headline


def explain(numbers: Numbers, by: str, ranking: Sequence[Row]) -> None:
    """Name the sort key, the direction and what was resampled."""
    column = numbers.columns[by]
    st.caption(
        f"Ranked by **{inert(column.title)}**, {column.better} is better. Intervals are about "
        f"{resampled(by, ranking)}. A place such as 1–2 says which places the tests leave open; all places of a board "
        "by one number are true together, in every table and track, at the confidence of the intervals; those by the "
        "robustness score are what its claims say. The upright mark "
        "beside a robustness score is its worst seed. Incomplete evaluations are shown with their reason and are not "
        "ranked."
    )


def show_tables(scene: Scene, chosen: Chosen, ranking: Sequence[Row]) -> None:
    """Show one table per supervision track, or one for all; names lead to their page, boxes pick rows."""
    board, together = scene.snapshot.board, scene.track == "all"
    facts = tuple(dict.fromkeys(("track", *chosen.facts))) if together else chosen.facts
    layout = RankingLayout(
        by=chosen.by, metrics=chosen.metrics, facts=facts, columns=chosen.numbers.columns,
        curves=accuracy_curves(board, ranking), looks=scene.looks, scale=scale_of(ranking, chosen.by),
        link=_place, is_pickable=True,
    )  # fmt: skip
    found = found_rows(ranking)
    tracks = [""] if together else list(dict.fromkeys(row.entry.supervision for row in found))
    groups = {track: [row for row in found if track in ("", row.entry.supervision)] for track in tracks}
    tables, turned = st.container(), st.container()
    with turned:
        page = page_of(max(map(len, groups.values()), default=0))
    shown = slice(page * ROWS_PER_PAGE, (page + 1) * ROWS_PER_PAGE)
    with tables:
        if not found:
            st.info("No submission has that in its name.", icon=":material/search_off:")
        show_ranked_tables(
            [(_title(track, each), ranking_table(layout, each[shown], f"Ranking, {scene.label}"))
             for track, each in groups.items() if each[shown]],
            [name for names in picked(scene) for name in names],
        )  # fmt: skip


def _title(track: str, ranking: Sequence[Row]) -> str:
    return f"{track_title(track)}: {counted(len(ranking), 'method')}" if track else ""


def _place(entry: Entry) -> str:
    """Spell where the page of a submission is, relative to this one."""
    return f"submission?{urlencode(address.link_parameters(submission=entry.name))}"


def show_picks(scene: Scene) -> None:
    """Lead from picked rows to the pages that compare and draw them."""
    names, _ = picked(scene)
    if not names:
        st.caption("Tick rows to compare or draw them. A name leads to everything about it.")
        return
    with st.container(horizontal=True, vertical_alignment="center", key="picks"):
        st.text(f"Picked: {', '.join(one_line(name, 40) for name in names)}")
        if len(names) > 1:
            first, second = names[:2]
            st.page_link("views/compare.py", label="Compare the first two", icon=":material/compare_arrows:",
                         query_params=address.link_parameters(first=first, second=second))  # fmt: skip
        st.page_link("views/curves.py", label="Draw their curves", icon=":material/show_chart:",
                     query_params=address.link_parameters(submissions=names))  # fmt: skip
        st.button("Clear", on_click=address.pick, args=((),), key="unpick")


def show_headline(scene: Scene, ranking: Sequence[Row], tests: Sequence[Claim]) -> None:
    """Say in plain sentences what the tests of this board hold; made from the primary number, whatever is shown."""
    level = 1 - next(iter(scene.entries.values())).confidence
    with st.container(border=True, key="headline"):
        st.text(headline(ranking, tests, level), wrap=True)


def show_newest(scene: Scene) -> None:
    """Lead to the newest evaluation of one's own where another board is looked at."""
    newest = newest_own(scene.snapshot.board.entries.values(), homes()[1])
    if newest is None or arena_of(newest) == scene.arena:
        return
    label = next(each for each, arena in arenas(scene.snapshot.board).items() if arena == arena_of(newest))
    said = f"Your newest evaluation: {one_line(newest.name, 60)} on {one_line(label, 80)}, {newest.created[:10]}"
    st.page_link("views/submission.py", label=inert(said), icon=":material/person:",
                 query_params=[("spec", label), ("submission", newest.name)])  # fmt: skip


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
            st.page_link(f"views/{page_file}.py", label=question, icon=f":material/{icon}:",
                         query_params=address.link_parameters())  # fmt: skip


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
    drawn = interval_plot(ranking, by, scene.looks)
    if drawn is None:
        return
    st.subheader("Intervals")
    of = f" The first {len(drawn.bars)} of {drawn.num_all}." if drawn.num_all > len(drawn.bars) else ""
    st.caption(f"{inert(heading(numbers.columns[by]))}, in the order of the tables; hollow marks are not ranked.{of}")
    show_html(intervals_html(drawn), "bars")
    st.download_button("Intervals (SVG)", lambda: as_file(drawn.drawing), f"forget-me-not-{scene.arena.identity}.svg",
                       "image/svg+xml", icon=":material/download:")  # fmt: skip


def show_stability(numbers: Numbers, ranking: Sequence[Row], by: str, separated: Separation) -> None:
    """Show who leads under every other number, and how much the orders agree."""
    st.subheader("How stable is the top?")
    st.caption("All tracks together.")
    found = leaders(ranking, {name: numbers.columns[name] for name in numbers.of_whole_submissions}, by,
                    separated)  # fmt: skip
    show_html(tables_html([("", leaders_table(found))]), "stability")


def show_failures(ranking: Sequence[Row]) -> None:
    """Name failed runs with their reason; nothing is left out silently."""
    failed = failed_run_frame(row.entry for row in ranking)
    if len(failed):
        st.subheader("Failed runs")
        st.dataframe(failed.head(500), hide_index=True, alt="Failed runs", key="failures")


def page() -> None:
    """Lay out the page."""
    scene = open_scene("Forget-Me-Not", "Which representation stays most robust when its network is pruned?")
    said = st.container()
    chosen = choose(scene)
    numbers, by, each_track = chosen.numbers, chosen.by, scene.track != "all"
    planned = PlannedTests(scene)
    everybody = rows(scene.everybody, numbers.scores, by, direction(numbers.columns[by]), each_track=each_track,
                     separated=planned.separated)  # fmt: skip
    ranking = scene.looked_at(everybody)
    primary = ranking if by == ROBUSTNESS_SCORE and each_track else _primary(scene, numbers, planned)
    with said:
        show_headline(scene, primary, planned.of_kind("schedules"))
        show_newest(scene)
    show_subset(chosen)
    show_tables(scene, chosen, ranking)
    show_picks(scene)
    explain(numbers, by, ranking)
    show_questions()
    show_downloads(scene, numbers, ranking)
    show_unfinished()
    show_intervals(scene, numbers, ranking, by)
    show_stability(numbers, everybody, by, planned.separated)
    show_failures(ranking)
    name_rejected(scene.snapshot)


def _primary(scene: Scene, numbers: Numbers, planned: PlannedTests) -> list[Row]:
    """Rank by the primary number within each track, which is what the sentences are about."""
    scores = {ROBUSTNESS_SCORE: numbers.scores.get(ROBUSTNESS_SCORE, {})}
    return scene.looked_at(rows(scene.everybody, scores, ROBUSTNESS_SCORE, "higher", each_track=True,
                                separated=planned.separated))  # fmt: skip


page()
