"""Sentences follow from the tests that hold, in number and in person."""

from __future__ import annotations

from leaderboard.board.claims import Claim, Kind
from leaderboard.figures.charts import Level
from leaderboard.text.headline import floor_sentence, schedule_sentence, verdict_sentence


def claim(kind: Kind, first: str, second: str, difference: float, p: float, path: str = "a") -> Claim:
    return Claim(kind, path, first, second, difference, p, p, 1)


def test_a_schedule_is_named_with_the_number_of_methods_in_which_it_holds() -> None:
    found = [claim("schedules", "early", "late", -0.02, p, path) for path, p in (("a", 0.01), ("b", 0.04), ("c", 0.2))]
    nothing = claim("schedules", "early", "late", 0.0, 1.0, "untrained")  # nothing can differ where nothing is trained
    one_shot = claim("schedules", "late", "one-shot", 0.03, 0.001)
    said = schedule_sentence([*found, nothing, one_shot], 0.05)
    assert said == (
        "Late pruning keeps more than early for 2 of 3 methods; "
        "late pruning keeps more than one-shot for the only method."
    )
    assert schedule_sentence(found[2:], 0.05) == "Early and late pruning are not separated for the only method."
    assert schedule_sentence([], 0.05) == schedule_sentence([nothing], 0.05) == ""


def test_the_verdict_on_submissions_names_one_that_beats_all_or_all_that_nobody_beats() -> None:
    pairs = [("a", "b", 0.1, 0.01), ("a", "c", 0.2, 0.01), ("b", "c", 0.05, 0.3)]
    found = [claim("submissions", *pair) for pair in pairs]
    assert verdict_sentence("submissions", found, 0.05) == (
        "a is more robust than every other method that is tested. 2 of 3 pairs of methods are separated."
    )
    assert verdict_sentence("submissions", found[1:], 0.05).startswith(
        "No method beats all others; none is shown to be more robust than a or b."
    )
    wide = [claim("submissions", *pair) for pair in (("b", "c", 0.1, 0.01), ("a", "b", 0.2, 0.3), ("a", "c", 0.3, 0.2))]
    assert "than b or a." in verdict_sentence("submissions", wide, 0.05), "a that beats nobody does not come first"
    assert verdict_sentence("submissions", [], 0.05) == ""


def test_the_verdict_on_the_control_counts_tests_both_ways() -> None:
    found = [claim("control", "one-shot", "one-shot-random", d, 0.01) for d in (0.1, 0.2, -0.1)]
    assert verdict_sentence("control", found, 0.05) == (
        "Pruning small weights keeps more than pruning random ones in 2 of 3 tests, and less in 1."
    )
    assert verdict_sentence("control", found[:1], 0.05).endswith("in the only test.")


def test_the_floor_is_that_of_untrained_encoders() -> None:
    assert floor_sentence([Level("raw-pixels", 0.4), Level("untrained", 0.3449)]) == (
        "Untrained encoders reach 0.345 (accuracy, not pruned)."
    )
    assert floor_sentence([]) == ""
