"""Which differences a board claims: every test of an arena, planned before looking, under one multiplicity plan.

Pure. The plan (`inference/plan.py`): the family holds every pair of ranked submissions, every pair of ranked schedules
of a submission, and every magnitude schedule beside its random control. It depends on what has been evaluated, never
on what a reader filters or sorts.

Models (seeds) and test images are both samples: a claim is about models and images of this kind. Where the areas per
test image are not beside a record, its tests know models only, and the claim says so. Shapes: K models, M tests.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from benchmark.scoring.score_math import FEWEST_MODELS, chance_corrected, compression_weights, largest_difference
from benchmark.scoring.statistics.models_and_images import TwoWayMean, all_differences, two_sided_p
from benchmark.scoring.statistics.simultaneous_ranks import ahead
from leaderboard.board.board import DENSE, Board, Entry
from leaderboard.board.inference.evidence import Evidence, planned_pairs
from leaderboard.board.inference.plan import adjusted
from leaderboard.board.inference.separation import Separation

Kind = Literal["submissions", "schedules", "control"]
Doubles = NDArray[np.float64]
Areas = dict[str, dict[str, Doubles]]
"""Path -> schedule -> area under its curve per model, (K,), in the order of their seeds."""

Sample = Literal["models and images", "models only"]
"""What a test takes as a sample; what it does not is taken as fixed."""
OVER_BOTH: Sample = "models and images"
OVER_MODELS: Sample = "models only"

SECTIONS: dict[Kind, tuple[str, str]] = {
    "submissions": (
        "Which method is more robust?",
        "A t test over models and test images, on the robustness score: the same images for both, models of their own.",
    ),
    "schedules": (
        "Does it matter when pruning starts?",
        "A paired test over models and test images, on the area of each schedule: models with the same seed share "
        "their dense trunk.",
    ),
    "control": (
        "Does it matter which weights go?",
        "A paired test over models and test images: magnitude pruning beside random pruning at the same times.",
    ),
}
"""Per kind of test, the question that it answers and how."""
ROUNDING = 1e-12
"""Differences of areas below this are rounding."""


@dataclass(frozen=True, slots=True)  # a board of 5,000 has twelve million
class Claim:
    """One planned test: is `first` more robust than `second`?

    Attributes:
        kind: two submissions, two schedules of one submission, or a schedule and its random control (paired tests:
            pruned models with the same seed share their dense trunk).
        path: the evaluation; for two submissions that of the first.
        first, second: names of the submissions, or of the schedules.
        difference: first minus second in robustness score, averaged over models.
        p: two-sided p-value of this test alone.
        p_holm: p-value adjusted by Holm's method for all tests of the family; at most 1.
        family: M, how many tests there are.
        over: what the test takes as a sample.
        margin: half the width of the interval of this difference alone, at the confidence of the records; NaN where
            nothing varies.
        largest: by how much the two can differ; an interval ends there.
    """

    kind: Kind
    path: str
    first: str
    second: str
    difference: float
    p: float
    p_holm: float
    family: int
    over: Sample = OVER_MODELS
    margin: float = math.nan
    largest: float = math.inf

    @property
    def winner(self) -> str:
        """Which of both has the larger score."""
        return self.first if self.difference > 0 else self.second

    @property
    def loser(self) -> str:
        """The other one."""
        return self.second if self.difference > 0 else self.first


def separation(found: Sequence[Claim], level: float) -> Separation:
    """Say which submissions the planned tests of a board separate at this level."""
    pairs = [claim for claim in found if claim.kind == "submissions"]
    names = sorted({name for claim in pairs for name in (claim.first, claim.second)})
    place_of = {name: place for place, name in enumerate(names)}
    gap_nn, p_nn = np.zeros((len(names), len(names))), np.ones((len(names), len(names)))
    for claim in pairs:
        first, second = place_of[claim.first], place_of[claim.second]
        gap_nn[first, second], gap_nn[second, first] = claim.difference, -claim.difference
        p_nn[first, second] = p_nn[second, first] = claim.p_holm
    every_pair = np.triu_indices(len(names), 1)
    return Separation(names, ahead(gap_nn[every_pair], p_nn[every_pair], len(names), level))


def planned(found: Sequence[Claim], first: Entry, second: Entry) -> Claim | None:
    """Find the planned test of two submissions among those of their board; None where they are not tested."""
    pair = {first.name, second.name}
    return next((claim for claim in found if claim.kind == "submissions" and {claim.first, claim.second} == pair), None)


def areas(board: Board, entries: Sequence[Entry]) -> Areas:
    """Return the chance-corrected area over log2 compression of every model under every schedule, averaged over tasks.

    Args:
        board: all evaluations.
        entries: complete evaluations under one specification; incomplete ones have no areas.
    """
    complete = {entry.path: entry for entry in entries if not entry.barred and entry.sparsities}
    if not complete:
        return {}
    sparsities = next(iter(complete.values())).sparsities
    weight_of = dict(zip(sparsities, compression_weights(sparsities).tolist(), strict=True))
    seeds = board.seeds
    runs = seeds.loc[seeds["path"].isin(list(complete)) & (seeds["schedule"] != DENSE)]
    chance = [complete[path].chance[task] for path, task in zip(runs["path"], runs["task"], strict=True)]
    corrected = chance_corrected(runs["accuracy"].to_numpy(np.float64), np.array(chance))
    shares = [weight_of.get(sparsity, np.nan) for sparsity in runs["sparsity"].tolist()]
    tasks = np.array([len(complete[path].tasks) for path in runs["path"]])
    parts = runs[["path", "schedule", "seed"]].astype({"path": str, "schedule": str})
    sums = parts.assign(part=corrected * np.array(shares) / tasks).groupby(["path", "schedule", "seed"])["part"].sum()
    found: Areas = {}
    for (path, schedule), values in sums.groupby(level=["path", "schedule"]):  # pyright: ignore[reportGeneralTypeIssues]
        found.setdefault(str(path), {})[str(schedule)] = values.to_numpy(np.float64)
    return found


def claims(board: Board, entries: Sequence[Entry]) -> list[Claim]:
    """Run every planned test of an arena and adjust them together, most certain first.

    Args:
        board: all evaluations.
        entries: the evaluations that count, one per submission, of both supervision tracks.

    Returns:
        One claim per test. Fewer than `FEWEST_MODELS` models, or a grid that is not complete, give no test.
    """
    known = {entry.path: entry for entry in entries}
    found = areas(board, entries)
    by_path = {path: each for path, each in found.items() if len(next(iter(each.values()))) >= FEWEST_MODELS}
    parts = _between_submissions(known, by_path, board.evidence), _within_submissions(known, by_path, board.evidence)
    drafts = [draft for part in parts for draft in part]
    if not drafts:
        return []
    adjusted_M = [p for part in adjusted(*(np.array([d.p for d in part]) for part in parts)) for p in part.tolist()]
    margins_M = _margins(drafts, min(entry.confidence for entry in entries))
    largest = {path: largest_difference(known[path].chance.values()) for path in by_path}
    made = [
        Claim(d.kind, d.path, d.first, d.second, d.difference, d.p, p_holm, len(drafts), d.over, margin,
              largest[d.path])
        for d, p_holm, margin in zip(drafts, adjusted_M, margins_M, strict=True)
    ]  # fmt: skip
    return sorted(made, key=lambda claim: (claim.p_holm, claim.p, -abs(claim.difference)))


@dataclass(frozen=True, slots=True)
class _Draft:
    kind: Kind
    path: str
    first: str
    second: str
    difference: float
    p: float
    error: float
    freedom: float
    over: Sample


def _margins(drafts: Sequence[_Draft], confidence: float) -> list[float]:
    """Return half the width of the interval of every difference alone; NaN where nothing varies."""
    error_M, freedom_M = (np.array([getattr(d, name) for d in drafts]) for name in ("error", "freedom"))
    with np.errstate(invalid="ignore"):
        return np.where(error_M > ROUNDING, stdtrit(freedom_M, (1 + confidence) / 2) * error_M, np.nan).tolist()


def _between_submissions(
    known: dict[str, Entry], by_path: Areas, evidence: Mapping[str, Evidence]
) -> list[_Draft]:
    """Test every pair of submissions on the score: over models and images where both have evidence of these images."""
    ranked = {
        path: [each[name] for name in known[path].schedules if name in each] for path, each in sorted(by_path.items())
    }
    scores = {path: np.mean(curves, axis=0) for path, curves in ranked.items() if curves}
    paths = list(scores)
    gap_nn, p_nn, error_nn, freedom_nn = _welch([scores[path] for path in paths])
    is_both_nn = np.zeros(p_nn.shape, np.bool_)
    for places in _on_the_same_images(paths, evidence):
        pairs = all_differences([evidence[paths[place]].score for place in places])
        rows, columns = np.array(places)[pairs.first_M], np.array(places)[pairs.second_M]
        gap_nn[rows, columns], p_nn[rows, columns], is_both_nn[rows, columns] = pairs.value_M, pairs.p_M, True
        error_nn[rows, columns], freedom_nn[rows, columns] = pairs.error_M, pairs.freedom_M
    names = [known[path].name for path in paths]
    tables = is_both_nn, gap_nn, p_nn, error_nn, freedom_nn
    first_M, second_M = (each.tolist() for each in np.triu_indices(len(paths), 1))
    return [
        _Draft("submissions", paths[a], names[a], names[b], gap, p, error, freedom, OVER_BOTH if both else OVER_MODELS)
        for a, b, both, gap, p, error, freedom in zip(
            first_M, second_M, *(each[first_M, second_M].tolist() for each in tables), strict=True
        )
    ]


def _on_the_same_images(paths: Sequence[str], evidence: Mapping[str, Evidence]) -> Iterator[list[int]]:
    """Group the places of submissions that have evidence of the same test images; two at least."""
    groups: dict[int, list[int]] = {}
    for place, path in enumerate(paths):
        if path in evidence:
            groups.setdefault(evidence[path].images, []).append(place)
    yield from (places for places in groups.values() if len(places) > 1)


def _welch(scores: Sequence[Doubles]) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """Return differences, p-values, errors and degrees of freedom of Welch's t test over models, for every pair."""
    means, spreads = (np.array([each(score_K) for score_K in scores]) for each in (np.mean, _sample_deviation))
    counts = np.array([len(score_K) for score_K in scores])
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = spreads**2 / counts
        squares_nn = shares[:, None] + shares
        freedom_nn = squares_nn**2 / ((shares**2 / (counts - 1))[:, None] + shares**2 / (counts - 1))
        gap_nn, error_nn = means[:, None] - means, np.sqrt(squares_nn)
        return gap_nn, two_sided_p(gap_nn, error_nn, freedom_nn), error_nn, freedom_nn


def _within_submissions(
    known: dict[str, Entry], by_path: Areas, evidence: Mapping[str, Evidence]
) -> list[_Draft]:
    """Test every pair of ranked schedules, and every magnitude schedule beside its control, by paired tests."""
    made: list[_Draft] = []
    for path, own in sorted(by_path.items()):
        entry = known[path]
        both = {(gap.first, gap.second): gap for gap in evidence[path].gaps} if path in evidence else {}
        for first, second in planned_pairs(entry.schedules, entry.controlled):
            kind: Kind = "control" if second in entry.controlled else "schedules"
            if gap := both.get((first, second)):
                made.append(_Draft(kind, path, first, second, gap.difference, gap.p, gap.error, gap.freedom, OVER_BOTH))
            elif first in own and second in own and len(own[first]) == len(own[second]):
                gap_K = own[first] - own[second]
                error, freedom = _sample_deviation(gap_K) / math.sqrt(len(gap_K)), len(gap_K) - 1
                mean = TwoWayMean(float(gap_K.mean()), error, freedom)
                made.append(_Draft(kind, path, first, second, mean.value, mean.p, error, freedom, OVER_MODELS))
    return made


def _sample_deviation(values_K: Doubles) -> float:
    """Return the sample standard deviation; what rounding leaves of equal values is no spread."""
    deviation = float(values_K.std(ddof=1))
    return deviation if deviation > ROUNDING else 0.0
