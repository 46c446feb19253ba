"""Page 6: what this board claims, all tests together: which method is more robust, and does early pruning hurt it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from benchmark.scoring.score_math import FEWEST_MODELS
from leaderboard.app.address import Named, kept
from leaderboard.app.controls import Scene, open_scene
from leaderboard.app.planned_tests import PlannedTests
from leaderboard.board.claims import SECTIONS, Claim, Kind
from leaderboard.board.inference.sensitivity import Survival
from leaderboard.board.stability import ORDER_HEADINGS, SENSITIVITY, order_frame
from leaderboard.board.wording import p_value
from leaderboard.text.claim_table import HEADINGS, claim_frame
from leaderboard.text.headline import verdict_sentence

MAX_ROWS = 500


def show_section(kind: Kind, mine: Sequence[Claim], names: dict[str, str], level: float, verdict: str) -> None:
    """Show the tests of one kind."""
    title, how = SECTIONS[kind]
    if not mine:
        return
    st.subheader(title)
    st.text(verdict or verdict_sentence(kind, mine, level), wrap=True)
    st.caption(f"{how} Who is ahead stands first. A heading sorts: by difference, the closest pairs come first.")
    frame, column = claim_frame(mine[:MAX_ROWS], names, level), st.column_config
    if kind == "submissions":
        frame = frame.drop(columns="submission")
    frame = frame.assign(p_holm=frame["p_holm"].map(p_value), p=frame["p"].map(p_value))
    st.dataframe(
        frame, hide_index=True, key=f"claims_{kind}", alt=title,
        column_config={
            **HEADINGS,
            "interval": column.TextColumn(HEADINGS["interval"], help="Of this difference alone."),
            "over": column.TextColumn(HEADINGS["over"], help="What the test takes as a sample."),
            "difference": column.NumberColumn(HEADINGS["difference"], format="%.4f", help="In robustness score."),
            "p_holm": column.TextColumn(HEADINGS["p_holm"],
                                        help=f"Adjusted for all {mine[0].family} tests of this board."),
            "p": column.TextColumn(HEADINGS["p"], help="As if it were the only test."),
        },
    )  # fmt: skip
    if len(mine) > MAX_ROWS:
        st.caption(f"The {MAX_ROWS} most certain of {len(mine)} are shown.")


def about(found: Sequence[Claim], chosen: set[str], scene: Scene, names: dict[str, str]) -> Sequence[Claim]:
    """Leave the tests of one kind that are about the chosen submissions, or about those of the track where none is."""
    if chosen:
        return [claim for claim in found if not chosen.isdisjoint(submissions_of(claim, names))]
    if scene.track in ("each", "all"):
        return found
    return [claim for claim in found if scene.groups.keys() >= set(submissions_of(claim, names))]


def submissions_of(claim: Claim, names: dict[str, str]) -> tuple[str, ...]:
    """Return the names of the submissions that a claim is about."""
    return (claim.first, claim.second) if claim.kind == "submissions" else (names[claim.path],)


def show_orders(found: Sequence[Survival]) -> None:
    """Say of neighbours in the ranking whether their order survives other readings."""
    if not found:
        return
    st.subheader("Does the order survive other readings?")
    st.dataframe(
        order_frame(found[:MAX_ROWS]), hide_index=True, key="orders", alt="Orders by every reading",
        column_config={**ORDER_HEADINGS},
    )  # fmt: skip
    st.caption(SENSITIVITY)


def page() -> None:
    """Lay out the page."""
    scene = open_scene("Claims", "Every planned test of this board, under one multiplicity plan.")
    planned = PlannedTests(scene)
    found = planned.claims
    if not found:
        st.info(f"A test takes {FEWEST_MODELS} models per population and a complete grid.", icon=":material/balance:")
        return
    entries = {entry.path: entry for entry in scene.snapshot.board.entries.values()}
    level = 1 - next(iter(scene.entries.values())).confidence
    st.text(
        f"{found[0].family} tests were planned before looking: every pair of submissions, every pair of schedules, and "
        f"every schedule beside its random control. A difference holds if its p-value, adjusted by Holm's method for "
        f"all of them together, is at most {level:.2g}. Filters hide rows; they never change the plan. "
        "A claim is about models and test images of this kind; where the areas per image are not at hand it is about "
        "models only, and says so."
    )
    chosen = st.multiselect("Submissions", sorted(scene.groups), placeholder="All",
                            **kept("submissions", sorted(scene.groups), [], many=True,
                                   named=Named("submission", scene.called)))  # fmt: skip
    names = {path: entry.name for path, entry in entries.items()}
    for kind in SECTIONS:
        mine = about(planned.of_kind(kind), set(chosen), scene, names)
        show_section(kind, mine, names, level, "" if chosen else planned.verdict(kind, level))
    show_orders(planned.orders)


page()
