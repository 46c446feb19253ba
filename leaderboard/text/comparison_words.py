"""What a comparison of two submissions says: verdict, curves of the difference, tables. Pure; it compares nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from benchmark.scoring.score_math import FEWEST_MODELS
from benchmark.scoring.statistics.power import MAX_MODELS
from leaderboard.board.board import DENSE, Board, Entry
from leaderboard.board.comparison import Comparison, device_hours
from leaderboard.board.estimates import IntervalEstimate
from leaderboard.board.inference.sensitivity import BY_SCORE, survival
from leaderboard.board.stability import reading_frame, readings_of
from leaderboard.board.wording import TOO_FEW, duration, one_line, p_equals, percent
from leaderboard.figures.charts import Level, Line
from leaderboard.figures.palette import COLOURS

RUN_MISSING = "A run is missing, so the robustness scores cannot be compared. Cells that both have are below."
NO_TEST = f"Fewer than {FEWEST_MODELS} models of a submission are too few to say anything about a difference."
COULD_BE_NOTHING = "The difference could be nothing, so nobody can say how many models would separate them."
POINTWISE = "Bands hold at each point alone, not for a whole curve: with many cells a few exclude zero by chance."
ABOUT_OVERLAPS = (
    "A PIE is a test image whose modal prediction over the models changes when they are pruned; ties go to the lowest "
    "class. The page of a submission says which share of images has one."
)
NO_OVERLAPS = "The per-example outcomes of both are needed; they lie beside the record (outcomes.parquet)."
NO_DIFFERENCE = Level("no difference", 0.0)
OVERLAP_HEADINGS = {
    "schedule": "Schedule", "sparsity": "Sparsity", "first": "PIEs of first", "second": "PIEs of second",
    "common": "Common", "jaccard": "Jaccard", "by_chance": "By chance",
}  # fmt: skip
"""The columns of the table of common PIEs, in their order, with their titles."""


@dataclass(frozen=True)
class Verdict:
    """Whether two robustness scores differ, as people read it.

    Attributes:
        sentence: who is more robust, or that the two are not separated.
        evidence: the p-value, whether it holds for the whole board, and what both forget in common.
        difference: of the robustness scores, first less second, with its sign.
        interval: its bounds.
        about: what the interval resamples, and how many models there are.
        notes: what follows from it.
    """

    sentence: str
    evidence: str
    difference: str
    interval: str
    about: str
    notes: tuple[str, ...]


def is_separated(score: IntervalEstimate) -> bool:
    """Say whether the interval of a difference leaves out zero; without an interval nothing is separated."""
    return score.is_known and score.width > 0 and (score.low > 0 or score.high < 0)


def verdict(first: Entry, second: Entry, comparison: Comparison) -> Verdict | None:
    """Say whether the scores of two submissions differ; None where a run is missing."""
    score = comparison.score
    if score is None:
        return None
    names = one_line(first.name, 60), one_line(second.name, 60)
    better, worse = names if score.value > 0 else names[::-1]
    if comparison.holds:
        sentence = f"{better} is more robust than {worse}."
    elif is_separated(score):
        sentence = f"{better} is ahead of {worse} for this pair alone; the board does not separate them."
    else:
        sentence = f"{names[0]} and {names[1]} are not separated."
    p = "" if comparison.p is None else f"p {p_equals(comparison.p)} for this pair alone"
    return Verdict(
        sentence=sentence,
        evidence="; ".join(filter(None, (p, _together(comparison), _shared(comparison)))) + ".",
        difference=f"{score.value:+.4f}",
        interval=f"{score.low:+.4f} to {score.high:+.4f}" if score.is_known else TOO_FEW,
        about=_about(first, second, comparison),
        notes=tuple(_notes(first, second, comparison, score)),
    )


def _together(comparison: Comparison) -> str:
    if comparison.p_holm is None:
        return "the plan of the board does not test it"
    holds = "holds" if comparison.holds else "does not hold"
    return f"with all planned tests of the board sharing one error (p {p_equals(comparison.p_holm)}) it {holds}"


def _shared(comparison: Comparison) -> str:
    """Say of the sparsest cells how much both forget in common, beside what chance would give."""
    if not comparison.overlaps:
        return ""
    key = max(comparison.overlaps, key=lambda each: each[2])
    found = comparison.overlaps[key]
    chance = "" if found.jaccard_by_chance is None else f" ({found.jaccard_by_chance:.2f} by chance)"
    overlap = "none" if found.jaccard is None else f"{found.jaccard:.2f}{chance}"
    return f"of what either forgets at {percent(key[2])} ({one_line(key[1], 40)}), both forget {overlap}"


def _about(first: Entry, second: Entry, comparison: Comparison) -> str:
    about = (
        "is about models and test images of this kind: the same images for both, models of their own"
        if comparison.over_images
        else "is about models only (neither areas nor outcomes of both are at hand): other images may say otherwise"
    )
    return (f"The {100 * first.confidence:.3g} % interval {about}. "
            f"{first.num_models} and {second.num_models} models per cell.")  # fmt: skip


def _notes(first: Entry, second: Entry, comparison: Comparison, score: IntervalEstimate) -> Iterator[str]:
    if not score.is_known:
        yield NO_TEST
    elif not is_separated(score):
        yield COULD_BE_NOTHING
    elif not comparison.holds:
        if comparison.p_holm is not None:
            yield "That holds for this pair alone. With all planned tests of the board sharing one error it does not."
        if power := power_sentence(first, second, comparison):
            yield power


def power_sentence(first: Entry, second: Entry, comparison: Comparison) -> str:
    """Say how many more models would separate two submissions on their board, and what those would cost."""
    advice, known = comparison.advice, min(first.num_models, second.num_models)
    if advice is None:
        return ""
    if advice.models is None:
        return "More models alone would hardly separate them: the uncertainty is in the test images."
    more = max(advice.models - known, 1)
    hours = device_hours([entry.device_s / max(entry.num_models, 1) for entry in (first, second)], more)
    bounds = f"{advice.fewest} to {advice.most if advice.most is not None else f'more than {MAX_MODELS}'}"
    return (f"If the difference is as large as seen, {advice.models} models of each would show it on this board in "
            f"four of five studies ({bounds}, as far as the difference is known): {more} more, {duration(hours)} of "
            "device time.")  # fmt: skip


def order_of(board: Board, first: Entry, second: Entry) -> tuple[str, pd.DataFrame] | None:
    """Say whether the order of two submissions survives other readings, with one row per reading.

    Returns:
        A sentence and what `reading_frame` gives; None where one of both is incomplete.
    """
    if first.barred or second.barred:
        return None
    found = readings_of(board, [first, second])
    pair = [(one_line(entry.name, 60), found[entry.path]) for entry in (first, second)]
    scores = [readings[BY_SCORE] for _, readings in pair]
    ahead = pair if (scores[0] or 0) >= (scores[1] or 0) else pair[::-1]
    return f"{survival(*ahead).sentence}.", reading_frame(pair[0], pair[1])


def difference_lines(comparison: Comparison, task: str, schedules: tuple[str, ...]) -> list[Line]:
    """Return the difference in accuracy against sparsity, first less second, one line per schedule."""
    lines: list[Line] = []
    for place, schedule in enumerate(schedules):
        cells = sorted(
            (key[2], gap) for key, gap in comparison.cells.items() if key[0] == task and key[1] in (DENSE, schedule)
        )
        points = [
            (sparsity, gap.value, gap.low if gap.is_known else gap.value, gap.high if gap.is_known else gap.value)
            for sparsity, gap in cells
        ]
        lines.append(Line(one_line(schedule, 40), COLOURS[place % len(COLOURS)], "circle", points))
    return lines


def overlap_frame(comparison: Comparison) -> pd.DataFrame:
    """List common PIEs, one row per pruned cell: the columns of `OVERLAP_HEADINGS`; shares are None without PIEs."""
    return pd.DataFrame(
        [
            {"schedule": one_line(key[1], 40), "sparsity": percent(key[2]), "first": found.first,
             "second": found.second, "common": found.common, "jaccard": found.jaccard,
             "by_chance": found.jaccard_by_chance}
            for key, found in comparison.overlaps.items()
        ],
        columns=list(OVERLAP_HEADINGS),
    )  # fmt: skip
