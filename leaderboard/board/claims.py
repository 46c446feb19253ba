"""Which differences a board claims: every test of an arena, planned before looking, under one multiplicity plan.

Pure. The plan (`docs/decisions/0006-claims.md`): the family holds every pair of ranked submissions, every pair of
ranked schedules of a submission, and every magnitude schedule beside its random control. It depends on what has been
evaluated, never on what a reader filters or sorts.

Units of every test are models (seeds); the test images are taken as fixed. Shapes: K models, M tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import ttest_1samp, ttest_ind_from_stats
from statsmodels.stats.multitest import multipletests

from benchmark.scoring.score_math import chance_corrected, compression_weights
from leaderboard.board.board import DENSE, Board, Entry
from leaderboard.board.wording import one_line

Kind = Literal["submissions", "schedules", "control"]
Doubles = NDArray[np.float64]
Areas = dict[str, dict[str, Doubles]]
"""Path -> schedule -> area under its curve per model, (K,), in the order of their seeds."""


SECTIONS: dict[Kind, tuple[str, str]] = {
    "submissions": ("Which method is more robust?", "Welch's t test over models, on the robustness score."),
    "schedules": (
        "Does it matter when pruning starts?",
        "Paired t test over models, on the area of each schedule: models with the same seed share their dense trunk.",
    ),
    "control": (
        "Does it matter which weights go?",
        "Paired t test over models: magnitude pruning beside random pruning at the same times.",
    ),
}
"""Per kind of test, the question that it answers and how."""
ROUNDING = 1e-12
"""Differences of areas below this are rounding."""


SUBMISSIONS_SHARE = 0.8
"""Share of the error that goes to the pairs of submissions; the rest to the tests within submissions. Without it a board
of four submissions spends three quarters of its error on 16 questions about schedules."""


def planned_weights(kinds: Sequence[Kind]) -> Doubles:
    """Return the weight of every planned test in Holm's method, (M,); tests that share a share have the same."""
    of_pairs = np.array([kind == "submissions" for kind in kinds])
    counts = {True: max(int(of_pairs.sum()), 1), False: max(int((~of_pairs).sum()), 1)}
    return np.where(of_pairs, SUBMISSIONS_SHARE / counts[True], (1 - SUBMISSIONS_SHARE) / counts[False])


@dataclass(frozen=True)
class Claim:
    """One planned test: is `first` more robust than `second`?

    Attributes:
        kind: two submissions (Welch's t test over models), two schedules of one submission, or a schedule and its
            random control (paired t tests: pruned models with the same seed share their dense trunk).
        path: the evaluation; for two submissions that of the first.
        first, second: names of the submissions, or of the schedules.
        difference: first minus second in robustness score, averaged over models.
        p: two-sided p-value of this test alone.
        p_holm: p-value adjusted by Holm's method for all tests of the family; at most 1.
        family: M, how many tests there are.
    """

    kind: Kind
    path: str
    first: str
    second: str
    difference: float
    p: float
    p_holm: float
    family: int


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
        One claim per test. Fewer than two models, or a grid that is not complete, give no test.
    """
    known = {entry.path: entry for entry in entries}
    by_path = {path: each for path, each in areas(board, entries).items() if len(next(iter(each.values()))) > 1}
    drafts = [*_between_submissions(known, by_path), *_within_submissions(known, by_path)]
    if not drafts:
        return []
    adjusted_M: list[float] = np.asarray(multipletests([draft.p for draft in drafts], method="holm")[1]).tolist()
    made = [
        Claim(d.kind, d.path, d.first, d.second, d.difference, d.p, p_holm, len(drafts))
        for d, p_holm in zip(drafts, adjusted_M, strict=True)
    ]
    return sorted(made, key=lambda claim: (claim.p_holm, claim.p, -abs(claim.difference)))


@dataclass(frozen=True)
class _Draft:
    kind: Kind
    path: str
    first: str
    second: str
    difference: float
    p: float


def _between_submissions(known: dict[str, Entry], by_path: Areas) -> list[_Draft]:
    """Test every pair of submissions by Welch's t test on the score of their models."""
    ranked = {
        path: [each[name] for name in known[path].schedules if name in each] for path, each in sorted(by_path.items())
    }
    scores = {path: np.mean(curves, axis=0) for path, curves in ranked.items() if curves}
    paths = list(scores)
    if len(paths) < 2:
        return []
    index_2M = np.array(list(combinations(range(len(paths)), 2))).T
    means, spreads, counts = (
        np.array([each(scores[path]) for path in paths]) for each in (np.mean, _sample_deviation, len)
    )
    first, second = index_2M
    with np.errstate(divide="ignore", invalid="ignore"):
        test = ttest_ind_from_stats(
            means[first], spreads[first], counts[first], means[second], spreads[second], counts[second],
            equal_var=False,
        )  # fmt: skip
    made: list[_Draft] = []
    for a, b, p in zip(first.tolist(), second.tolist(), np.asarray(test.pvalue).tolist(), strict=True):
        gap = float(means[a] - means[b])
        made.append(
            _Draft("submissions", paths[a], known[paths[a]].name, known[paths[b]].name, gap,
                   p if spreads[a] or spreads[b] else _without_spread(gap))
        )  # fmt: skip
    return made


def _within_submissions(known: dict[str, Entry], by_path: Areas) -> list[_Draft]:
    """Test every pair of ranked schedules, and every magnitude schedule beside its control, by paired t tests."""
    made: list[_Draft] = []
    for path, own in sorted(by_path.items()):
        entry = known[path]
        planned: dict[Kind, list[tuple[str, str]]] = {
            "schedules": list(combinations(entry.schedules, 2)),
            "control": [(schedule, control) for control, schedule in sorted(entry.controlled.items())],
        }
        for kind, pairs in planned.items():
            for first, second in pairs:
                if first in own and second in own and len(own[first]) == len(own[second]):
                    gap_K = own[first] - own[second]
                    made.append(_Draft(kind, path, first, second, float(gap_K.mean()), _paired(gap_K)))
    return made


def _paired(gap_K: Doubles) -> float:
    """Return the two-sided p-value of a paired t test."""
    if _sample_deviation(gap_K) == 0:
        return _without_spread(gap_K.mean())
    return float(ttest_1samp(gap_K, 0.0).pvalue)  # pyright: ignore[reportAttributeAccessIssue]


def _without_spread(difference: float) -> float:
    """Return the p-value where nothing varies: 1 for equal means, 0 for different ones, as in class impact."""
    return 1.0 if abs(difference) < ROUNDING else 0.0


def _sample_deviation(values_K: Doubles) -> float:
    """Return the sample standard deviation; what rounding leaves of equal values is no spread."""
    deviation = float(values_K.std(ddof=1))
    return deviation if deviation > ROUNDING else 0.0


def claim_frame(found: Sequence[Claim], names: dict[str, str], level: float) -> pd.DataFrame:
    """Tabulate claims for people.

    Args:
        found: the claims.
        names: name of the submission by path.
        level: a claim holds where its adjusted p-value is at most this.
    """
    columns = ["submission", "first", "second", "difference", "p_holm", "p", "verdict"]
    rows = [
        {
            "submission": "" if claim.kind == "submissions" else one_line(names[claim.path], 60),
            "first": one_line(claim.first, 60),
            "second": one_line(claim.second, 60),
            "difference": claim.difference,
            "p_holm": claim.p_holm,
            "p": claim.p,
            "verdict": _verdict(claim, level),
        }
        for claim in found
    ]
    return pd.DataFrame(rows, columns=columns)


def _verdict(claim: Claim, level: float) -> str:
    if claim.p_holm > level:
        return "not separated"
    better = claim.first if claim.difference > 0 else claim.second
    return f"{one_line(better, 60)} is more robust"
