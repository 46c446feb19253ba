"""The controls that pages share: which board is looked at, and what is said when there is nothing to see.

Options made from foreign text appear only in select boxes, which show them literally. Keys of bound widgets are the
names of URL parameters, so a copied address opens the same view.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from leaderboard.board import Entry
from leaderboard.opening import Opened, open_board
from leaderboard.standings import Arena, arenas, competitors
from leaderboard.wording import TIERS, TRACKS, one_line

URL = "query-params"


@dataclass(frozen=True)
class Scene:
    """What a page looks at: one arena, one track."""

    opened: Opened
    arena: Arena
    label: str
    track: str
    groups: dict[str, list[Entry]]

    @property
    def entries(self) -> dict[str, Entry]:
        """The evaluation that counts, by submission."""
        return {name: entries[0] for name, entries in self.groups.items()}


def open_scene(title: str, tagline: str) -> Scene:
    """Write the head of a page and its board and track controls; stops the page where there are no records."""
    st.title(title)
    st.caption(tagline)
    opened = open_board()
    if not opened.board.entries:
        _empty(opened)
    labels = arenas(opened.board)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        label = st.selectbox("Specification (tier)", list(labels), key="spec", bind=URL, width=300)
        track = st.segmented_control(
            "Supervision track", list(TRACKS), default="each", required=True, format_func=TRACKS.__getitem__,
            key="track", bind=URL,
            help="Whether a method may see training labels. Each track: ranked among its own kind.",
        )  # fmt: skip
    label = label or next(iter(labels))
    arena = labels[label]
    if arena.tier in TIERS:
        st.caption(f":material/info: {TIERS[arena.tier]}")
    scene = Scene(opened, arena, label, track or "each", competitors(opened.board, arena, track or "each"))
    if not scene.groups:
        st.info("No submission in this track yet.", icon=":material/filter_alt_off:")
        st.stop()
    return scene


def pick_submissions(names: Sequence[str], default: int) -> list[str]:
    """Let people choose submissions, the first `default` of `names` unless the address says otherwise."""
    chosen = st.multiselect("Submissions", list(names), default=list(names[:default]), key="submissions", bind=URL,
                            placeholder="Choose submissions")  # fmt: skip
    return list(chosen)


def _empty(opened: Opened) -> None:
    st.info("No records yet. Evaluate a first submission, then reload this page:", icon=":material/inbox:")
    st.code("make evaluate SUBMISSION=simclr", language="bash")
    st.text("It trains and prunes a small population on handwritten digits: minutes on two CPU cores, no download.")
    st.caption("Records are looked for in the folder that FMN_HOME names (default: runs) and in the shipped results.")
    name_rejected(opened)
    st.stop()


def name_rejected(opened: Opened) -> None:
    """Count and name the files that were refused."""
    if not opened.rejected:
        return
    count = len(opened.rejected)
    with st.expander(f"{count} file{'s' * (count > 1)} could not be used as a record", icon=":material/report:"):
        for each in opened.rejected[:50]:
            st.text(f"{one_line(each.path)}\n{one_line(each.why)}")
