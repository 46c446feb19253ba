"""Everything that the competitors of an arena can be ranked by or shown with. Pure; it does not rank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmark.scoring.metric import Column
from benchmark.scoring.metric_names import ROBUSTNESS_SCORE
from benchmark.scoring.score_math import FEWEST_MODELS
from benchmark.scoring.statistics.ranges import bare
from leaderboard.board.board import Board, Entry
from leaderboard.board.estimates import IntervalEstimate
from leaderboard.board.inference.costs import SCORE_PER_COMPUTE, WORST_SEED
from leaderboard.board.ranking import Direction
from leaderboard.board.standings import Row, cell_scores, columns_of, describe, is_fact, summary_scores
from leaderboard.board.wording import is_published_pie, percent

_OVER_IMAGES = ("robustness/", "pie/", "prune_potential/")
"""Groups of numbers whose intervals are about models and test images; all others are t intervals over models."""


NO_INTERVAL = "nothing: this number has none, so that nobody is separated by it"


@dataclass(frozen=True)
class Numbers:
    """The numbers of all competitors, by metric, with the description of every metric."""

    scores: dict[str, dict[str, IntervalEstimate | None]]
    columns: dict[str, Column]

    @property
    def rankable(self) -> list[str]:
        """Numbers with a better direction, the robustness score first; older records gave the published PIE one."""
        names = [
            name for name in self.scores
            if name in self.columns and self.columns[name].better != "neither" and not is_published_pie(name)
        ]  # fmt: skip
        return sorted(names, key=lambda name: (name != ROBUSTNESS_SCORE, is_fact(name)))

    @property
    def of_whole_submissions(self) -> list[str]:
        """Rankable numbers about a submission as a whole: neither costs, nor dense or pruned models alone."""
        return [name for name in self.rankable if not is_fact(name) and not name.startswith(("dense:", "pruned:"))]


def collect(board: Board, entries: Sequence[Entry], sparsity: float) -> Numbers:
    """Gather the numbers of all competitors: those of whole submissions, and those of cells at one sparsity."""
    paths, described = [entry.path for entry in entries], columns_of(entries)
    ranked = sorted({schedule for entry in entries for schedule in entry.schedules})
    whole = summary_scores(board, paths)
    cells = {k: v for k, v in cell_scores(board, paths, sparsity, ranked).items() if k not in whole}
    columns = {name: column for name in [*whole, *cells] if (column := describe(name, described))}
    for name in set(cells) & set(columns):
        columns[name] = columns[name].model_copy(update={"title": f"{columns[name].title} at {percent(sparsity)}"})
    return Numbers({name: scores for name, scores in (whole | cells).items() if name in columns}, columns)


def middle_sparsity(entries: Sequence[Entry]) -> float:
    """Choose the sparsity whose cells are shown unless somebody asks for another one: the nearest to .9."""
    sparsities = sorted({sparsity for entry in entries for sparsity in entry.sparsities}) or [0.0]
    return min(sparsities, key=lambda sparsity: abs(sparsity - 0.9))


def direction(column: Column) -> Direction:
    """Return which direction of a number ranks first."""
    return "lower" if column.better == "lower" else "higher"


def resampled(by: str, ranking: Sequence[Row]) -> str:
    """Name what the intervals of the number ranked by are about."""
    if not is_fact(by) and not any(score and score.width > 0 for row in ranking if (score := row.scores.get(by))):
        return NO_INTERVAL
    counted = "/".join(map(str, sorted({row.entry.num_models for row in ranking})))
    models = f"models ({counted} per cell)"
    if ranking and min(row.entry.num_models for row in ranking) < FEWEST_MODELS:
        models = f"models ({counted} per cell; fewer than {FEWEST_MODELS} are too few for an interval)"
    return f"{models} and test examples" if is_over_images(by) else f"{models} only"


def is_over_images(name: str) -> bool:
    """Say whether the interval of a number is about test images too, and not about models alone.

    >>> is_over_images("robustness/score:late"), is_over_images("knowledge/kept"), is_over_images("pruned:pie/excess")
    (True, False, True)
    """
    number = bare(name)
    return number == SCORE_PER_COMPUTE or (number.startswith(_OVER_IMAGES) and number != WORST_SEED)
