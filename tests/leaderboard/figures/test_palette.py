"""Colours and markers stay with their submission."""

from __future__ import annotations

from leaderboard.figures.palette import MARKERS, OKABE_ITO, Look, looks


def test_a_new_submission_never_changes_the_colour_of_an_old_one() -> None:
    names = [f"m{number}" for number in range(36)]
    whole = looks(names)
    assert all(looks(names[:count]).items() <= whole.items() for count in range(36))
    assert len(set(whole.values())) == len(OKABE_ITO) * len(MARKERS)


def test_looks_are_frozen_pairs() -> None:
    assert looks(["a"]) == {"a": Look(OKABE_ITO[0], MARKERS[0])}
