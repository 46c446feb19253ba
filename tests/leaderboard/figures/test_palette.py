"""Colours and markers stay with their submission, and all of them read on both backgrounds (WCAG 2.2)."""

from __future__ import annotations

import pytest

from leaderboard.figures.palette import COLOURS, INKS, MARKERS, NEUTRAL, Look, looks

GROUNDS = {"light": "#FFFFFF", "dark": "#12161B"}


def test_a_new_submission_never_changes_the_colour_of_an_old_one() -> None:
    names = [f"m{number}" for number in range(72)]
    whole = looks(names)
    assert all(looks(names[:count]).items() <= whole.items() for count in range(72))
    assert len(set(whole.values())) == len(COLOURS) * len(MARKERS)


def test_looks_are_frozen_pairs() -> None:
    assert looks(["a"]) == {"a": Look(COLOURS[0], MARKERS[0])}


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2.2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    """Return the contrast of WCAG 2.2, from 1 to 21."""
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", GROUNDS)
def test_figures_read_in_both_themes(theme: str) -> None:
    """The text of axes had 3.3:1, and two of seven colours were blues."""
    assert contrast("#767676", "#FFFFFF") == pytest.approx(4.54, abs=0.01)  # a value that WCAG's own examples name
    assert contrast(INKS[theme], GROUNDS[theme]) >= 4.5
    assert min(contrast(colour, GROUNDS[theme]) for colour in (*COLOURS, NEUTRAL)) >= 3
    assert len(set(COLOURS)) == 12
