"""Evaluations that have no record yet, with how far they are: shown, never ranked.

Only the local store (`FMN_HOME`) is covered: an evaluation on another machine is seen once its record arrives. Whether
an evaluation still runs is read from the lock of the store, never from its own status. Names are a user's text and
appear in plain text elements only.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import streamlit as st

from benchmark.recording.status import EvaluationStatus, Unfinished, of_submission, roughly
from leaderboard.board.wording import inert, one_line
from leaderboard.reading import record_store

REFRESH_S = 2.0
MAX_SHOWN = 12
UNKNOWN = "not known whether it still runs, as the lock of the store cannot be asked"
INTERRUPTED = "interrupted; run the same command again to continue"


def show_unfinished() -> None:
    """Show what is in progress, refreshed while anything runs; nothing where there is nothing."""
    found = record_store.unfinished()
    if found:
        running = _running(found)
        st.fragment(_part, run_every=REFRESH_S if running else None)(running)


def mention_unfinished(submission: str) -> None:
    """Say in a line per specification that a submission is being evaluated again."""
    for each in of_submission(record_store.unfinished(), submission)[:MAX_SHOWN]:
        line = f"Without a record yet on {one_line(each.status.spec_identity, 80)}: {progress(each, time.time())}"
        st.caption(f":material/pending: {inert(line)}")


def progress(each: Unfinished, now: float) -> str:
    """Word how far an evaluation is; `now` in seconds since 1970."""
    status = each.status
    done = (
        f"{status.runs:,} of {status.total_runs:,} runs trained, {status.updates:,} of {status.total_updates:,} updates"
    )
    heard = f"last heard of {roughly(max(1.0, now - status.heard))} ago"
    if each.is_running is None:
        return f"{UNKNOWN}. {status.stage}: {done}; {heard}"
    if not each.is_running:
        return f"{INTERRUPTED}. It was {status.stage}: {done}; {heard}"
    return f"{status.stage}: {done}; {_left(status)}; {heard}"


def _left(status: EvaluationStatus) -> str:
    if status.left_s is None:
        return "time left not known yet" if status.stage == "training" else "time left not known"
    if status.stage == "scoring":
        return f"about {roughly(status.left_s)} left" if status.left_s else "longer than usual"
    scoring = "" if status.scoring_s is None else f", then about {roughly(status.scoring_s)} of scoring"
    return f"about {roughly(status.left_s)} of training left{scoring}"


def _running(found: Sequence[Unfinished]) -> frozenset[tuple[str, str]]:
    return frozenset((each.status.submission, each.status.spec_identity) for each in found if each.is_running)


def _part(before: frozenset[tuple[str, str]]) -> None:
    found = record_store.unfinished()
    if _running(found) != before:
        st.rerun()  # the whole page: a record may have come, and somebody else may have started or stopped
    st.subheader("In progress")
    st.caption("On this machine, without a record yet, and therefore in no ranking.")
    for each in found[:MAX_SHOWN]:
        with st.container(border=True):
            name, identity = one_line(each.status.submission, 80), one_line(each.status.spec_identity, 80)
            st.text(f"{name} on {identity}", wrap=True)
            st.progress(min(1.0, each.status.updates / max(1, each.status.total_updates)))
            st.text(progress(each, time.time()), wrap=True)
    if len(found) > MAX_SHOWN:
        st.caption(f"The first {MAX_SHOWN} of {len(found)}.")
