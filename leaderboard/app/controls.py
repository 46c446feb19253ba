"""The controls that pages share: which board is looked at, and what is said when there is nothing to see.

Options made from foreign text appear only in select boxes, which show them literally. What is chosen is in the
address (`leaderboard.app.address`), so that a copied address opens the same view.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import streamlit as st

from benchmark.scoring.metric_names import ROBUSTNESS_SCORE
from benchmark.shipped import command_words
from leaderboard.app.address import Named, kept, picks
from leaderboard.app.open_board import open_board
from leaderboard.app.unfinished import show_unfinished
from leaderboard.board.board import Entry
from leaderboard.board.standings import Arena, Row, arenas, competitors, in_track, rows, summary_scores
from leaderboard.board.wording import TIERS, TRACKS, inert, one_line
from leaderboard.figures.palette import Look, looks
from leaderboard.reading.board_loader import BoardSnapshot
from leaderboard.reading.link_names import names_of_boards, names_of_submissions
from leaderboard.reading.record_store import homes
from leaderboard.text.board_frames import rejected_frame


@dataclass(frozen=True)
class Scene:
    """What a page looks at: one arena, one track."""

    snapshot: BoardSnapshot
    arena: Arena
    label: str
    track: str

    @cached_property
    def looks(self) -> dict[str, Look]:
        """Colour and marker of every submission of the board."""
        return looks(self.snapshot.board.names_by_age)

    @cached_property
    def everybody(self) -> dict[str, list[Entry]]:
        """The evaluations of the board by submission, of both tracks: they are tested against each other."""
        return competitors(self.snapshot.board, self.arena)

    @cached_property
    def counting(self) -> list[Entry]:
        """The evaluations of the board that count, one per submission, of both tracks."""
        return [entries[0] for entries in self.everybody.values()]

    @cached_property
    def groups(self) -> dict[str, list[Entry]]:
        """Those of the track that is looked at."""
        return in_track(self.everybody, self.track)

    def looked_at(self, ranking: Sequence[Row]) -> list[Row]:
        """Return the rows of the track that is looked at."""
        return [row for row in ranking if row.entry.name in self.groups]

    @cached_property
    def entries(self) -> dict[str, Entry]:
        """The evaluation that counts, by submission."""
        return {name: entries[0] for name, entries in self.groups.items()}

    @cached_property
    def called(self) -> dict[str, list[str]]:
        """What submissions may be called in a link, each with the names that it may mean."""
        return names_of_submissions(self.entries.values(), homes()[1])


def open_scene(title: str, tagline: str) -> Scene:
    """Write the head of a page and its board and track controls; stops the page where there are no records."""
    st.title(title)
    st.caption(tagline)
    snapshot = open_board()
    if not snapshot.board.entries:
        _empty(snapshot)
    labels = arenas(snapshot.board)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        label = st.selectbox("Specification (tier)", list(labels), width=300,
                             **kept("spec", list(labels), next(iter(labels)),
                                    named=Named("board", names_of_boards(labels))))
        track = st.segmented_control(
            "Supervision track", list(TRACKS), required=True, format_func=TRACKS.__getitem__,
            **kept("track", list(TRACKS), "each", TRACKS.__getitem__, named=Named("supervision track")),
            help="Whether a method may see training labels. Each track: ranked among its own kind.",
        )  # fmt: skip
    label = label or next(iter(labels))
    arena = labels[label]
    if arena.tier in TIERS:
        st.caption(f":material/info: {TIERS[arena.tier]}")
    scene = Scene(snapshot, arena, label, track or "each")
    if not scene.groups:
        st.info("No submission in this track yet.", icon=":material/filter_alt_off:")
        st.stop()
    return scene


def pick_submissions(scene: Scene, names: Sequence[str], usual: Sequence[str], most: int) -> list[str]:
    """Let people choose at most so many submissions, the usual ones unless the address says otherwise."""
    named = Named("submission", scene.called)
    chosen = st.multiselect("Submissions", list(names), placeholder="Choose submissions", max_selections=most,
                            **kept("submissions", list(names), list(usual), many=True, most=most, named=named))
    return list(chosen)


def picked(scene: Scene) -> tuple[list[str], list[str]]:
    """Return the rows that the address picks: those of this scene, and names that are not in it."""
    return picks(scene.entries, scene.called)


def pick_submission(scene: Scene) -> str:
    """Let people pick a submission by name; the most robust one until they do.

    That one is no default value of the box, which an address would leave out: a link to it has to name it.
    """
    names = sorted(scene.groups)
    scores = summary_scores(scene.snapshot.board, [entry.path for entry in scene.entries.values()], ROBUSTNESS_SCORE)
    best = rows(scene.groups, scores, ROBUSTNESS_SCORE, "higher", each_track=False, letters=False)[0].entry.name
    named = Named("submission", scene.called, best)
    return st.selectbox("Submission", names, placeholder=best, width=300,
                        **kept("submission", names, None, named=named)) or best  # fmt: skip


def _evaluate_command() -> str:
    return command_words("make evaluate SUBMISSION=simclr", "fmn evaluate simclr")


def _empty(snapshot: BoardSnapshot) -> None:
    if snapshot.rejected:
        st.info("There are records, but none that this board may show: see below.", icon=":material/inbox:")
    else:
        st.info("No records yet. Evaluate a first submission, then reload this page:", icon=":material/inbox:")
        st.code(_evaluate_command(), language=None)
        st.text("It trains and prunes a small population on handwritten digits: minutes on two CPU cores, no download.")
    show_unfinished()
    st.caption("Records are looked for in the folder that FMN_HOME names (default: runs) and in the shipped results.")
    name_rejected(snapshot, expanded=True)
    st.stop()


def name_rejected(snapshot: BoardSnapshot, *, expanded: bool = False) -> None:
    """Count and name the records that are not shown, with what is wrong with each and what to do."""
    for problem in snapshot.trust.problems:
        st.warning(f"Some keys could not be read: {inert(one_line(str(problem), 400))}", icon=":material/key_off:")
    if not snapshot.rejected:
        return
    count, unsigned = len(snapshot.rejected), sum(each.is_unsigned for each in snapshot.rejected)
    label = f"{count} record{'s are' if count > 1 else ' is'} not shown, for the reason named beside each"
    with st.expander(label, icon=":material/report:", expanded=expanded):
        st.dataframe(
            rejected_frame(snapshot.rejected[:500]).drop(columns="Place"), hide_index=True, key="rejected",
            alt="Records that are not shown",
            column_config={"Why": st.column_config.TextColumn("Why", width=740)},
        )  # fmt: skip
        if unsigned:
            st.text("Records that this machine made before there were signatures are signed by evaluating again, which "
                    "trains nothing twice:")  # fmt: skip
            st.code(_evaluate_command(), language=None)
