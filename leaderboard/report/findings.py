"""What the report finds on one board: the planned tests, judged together, and the numbers beside them. Pure.

It owns the plan: which submissions, schedules and sparsities are tested. The plan depends on what was evaluated, never
on what came out. Knowledge is measured from untrained encoders as the record of each evaluation reads them.

Shapes: K models, N test images.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.scoring.areas import area_per_image
from benchmark.scoring.score_math import FEWEST_MODELS
from benchmark.scoring.statistics.models_and_images import Population, TwoWayMean, difference_of, population_of
from leaderboard.board.board import DENSE, Entry
from leaderboard.board.predictions import CellKey, Predictions, cell_key
from leaderboard.report.effects import Cell, SharedMistakes, kept_influence, shared_mistakes
from leaderboard.report.verdicts import (
    Judged,
    PlannedTest,
    Verdict,
    all_effects,
    any_effect,
    by_method,
    judge,
    of_board,
)

CLAIMS = {
    "a": "At high sparsity, contrastive learning loses more than cross-entropy",
    "b": "Misclassified examples are largely unique to a method and schedule",
    "c": "The schedule of pruning matters",
    "d": "Early pruning hurts most",
}
"""The founding study's claims (Corti et al. 2022, arXiv 2207.00200), in this report's words."""

REFERENCE = "supervised"
"""The submission that trains by cross-entropy."""

CONTRASTIVE = ("supcon", "simclr", "dcl", "moco_v2", "nnclr", "sdclr")
"""Submissions whose loss contrasts views of images."""

UNTRAINED = "random_init"
"""The submission that trains nothing, about which no claim is made."""

EARLY = "early"
KEPT_MARGIN, UNIQUE_MARGIN, AREA_MARGIN = 0.05, 0.05, 0.01
"""Effects of at most this size are too small to matter: in knowledge kept, in the share of unique mistakes, in area."""
LARGELY = 0.5
"""Share above which mistakes are largely unique."""

Doubles = NDArray[np.float64]
Outcomes = Mapping[CellKey, Predictions]
_Kept = dict[tuple[str, str, float], Population]
"""Knowledge kept by name of the method, schedule ("": mean of all) and sparsity."""


@dataclass(frozen=True)
class Method:
    """One evaluation with what its models said: facts, floor, and who was right.

    Attributes:
        entry: its facts.
        outcomes: predictions of every cell.
        floor: per task, accuracy of untrained encoders; nothing where the record does not say it.
        spec: the specification, as the record holds it.
        num_train: per task, number of training images.
    """

    entry: Entry
    outcomes: Outcomes
    floor: Mapping[str, float]
    spec: Mapping[str, Any]
    num_train: Mapping[str, int]

    def correct(self, task: str, schedule: str, sparsity: float) -> Doubles:
        """Return who got which test image right, float64 (K, N)."""
        return self.outcomes[cell_key(task, schedule, sparsity)].correct

    def kept(self, schedules: Sequence[str], sparsity: float) -> list[Doubles] | None:
        """Return influences on knowledge kept, per task (K, N); None where it is undefined or no floor is known."""
        found: list[Doubles] = []
        for task in self.entry.tasks:
            if task not in self.floor or self.least_dense[task] <= self.floor[task]:
                return None
            sparse_KN = np.mean([self.correct(task, name, sparsity) for name in schedules], axis=0)
            found.append(kept_influence(self.correct(task, DENSE, 0.0), sparse_KN, self.floor[task]))
        return found

    @cached_property
    def least_dense(self) -> dict[str, float]:
        """Per task, the lower bound of the accuracy of dense models, at 95 %."""
        dense = {task: population_of([self.correct(task, DENSE, 0.0)]) for task in self.entry.tasks}
        return {task: each.estimate.interval(0.95).low for task, each in dense.items()}

    @property
    def num_images(self) -> list[int]:
        """Number of test images per task."""
        return [self.correct(task, DENSE, 0.0).shape[1] for task in self.entry.tasks]

    def areas(self, schedule: str) -> list[Doubles]:
        """Return the chance-corrected area over log2 compression, per task (K, N)."""
        return [
            area_per_image(
                (self.correct(task, schedule, sparsity) > 0 for sparsity in self.entry.sparsities),
                self.entry.sparsities, round(1 / self.entry.chance[task]),
            ).astype(np.float64)
            for task in self.entry.tasks
        ]  # fmt: skip

    def forgotten(self, schedule: str, sparsity: float) -> NDArray[np.bool_]:
        """Return which images a model gets wrong that its dense parent gets right, (K, N), all tasks side by side."""
        return np.concatenate(
            [(self.correct(task, DENSE, 0.0) > 0) & (self.correct(task, schedule, sparsity) == 0)
             for task in self.entry.tasks], axis=1,
        )  # fmt: skip

    def learned(self) -> float | None:
        """Return what training added to chance-corrected accuracy, mean over tasks; None where no floor is known."""
        if any(task not in self.floor for task in self.entry.tasks):
            return None
        return float(np.mean([
            (self.correct(task, DENSE, 0.0).mean() - self.floor[task]) / (1 - self.entry.chance[task])
            for task in self.entry.tasks
        ]))  # fmt: skip

    def is_complete(self) -> bool:
        """Whether every cell has predictions of every model, of as many as a test takes."""
        cells = [(DENSE, 0.0), *((name, s) for name in self.entry.schedules for s in self.entry.sparsities)]
        keys = [cell_key(task, *cell) for task in self.entry.tasks for cell in cells]
        return self.entry.num_models >= FEWEST_MODELS and all(
            key in self.outcomes and len(self.outcomes[key].predicted_KN) == self.entry.num_models for key in keys
        )


@dataclass(frozen=True)
class Findings:
    """What one board says about the four claims.

    Attributes:
        label: of the board.
        methods: evaluations that the tests are about, trained ones only.
        sparsity: the highest one, at which methods are compared.
        judged: all tests of the board.
        shared: per sparsity, how many mistakes are shared.
        kept: knowledge kept by name of the method, schedule and sparsity, with its interval.
    """

    label: str
    methods: tuple[Method, ...]
    sparsity: float
    judged: tuple[Judged, ...]
    shared: Mapping[float, SharedMistakes] = field(default_factory=dict[float, SharedMistakes])
    kept: Mapping[tuple[str, str, float], TwoWayMean] = field(default_factory=dict[tuple[str, str, float], TwoWayMean])

    @property
    def num_train(self) -> int:
        """Number of training images of all tasks."""
        return sum(self.methods[0].num_train.values())

    def of_claim(self, claim: str, method: str = "") -> list[Judged]:
        """Return the tests of a claim, all or those of one method."""
        kind = "c" if claim == "d" else claim
        mine = [each for each in self.judged if each.test.claim == kind]
        mine = [_early_worse(each) for each in mine if EARLY in (each.test.pair or ())] if claim == "d" else mine
        return [each for each in mine if method in ("", each.test.method)]

    def verdict(self, claim: str) -> Verdict:
        """Return the verdict of the board on a claim."""
        if claim == "b":
            return all_effects(self.of_claim("b"))
        return of_board(list(self.verdicts(claim).values()))

    def verdicts(self, claim: str) -> dict[str, Verdict]:
        """Return the verdict of every method that a claim is tested for; b has one test for all of them together."""
        combine = any_effect if claim == "c" else all_effects
        tests = {method.entry.name: self.of_claim(claim, method.entry.name) for method in self.methods}
        return {name: combine(judged) for name, judged in tests.items() if judged}

    def said(self, claim: str) -> str:
        """Write the verdict on a claim, with the methods that it is about."""
        if claim != "b":
            return by_method(self.verdicts(claim))
        return f"{self.verdict('b')}, all methods together" if self.of_claim("b") else "not tested"


def find(label: str, methods: Sequence[Method], level: float) -> Findings:
    """Test everything that is planned for a board.

    Args:
        label: of the board.
        methods: all evaluations of the board that count; incomplete and untrained ones are left out.
        level: the error that all tests of the board may make together.
    """
    mine = tuple(each for each in methods if each.entry.submission != UNTRAINED and each.is_complete())
    if not mine:
        return Findings(label, (), 0.0, ())
    sparsities = mine[0].entry.sparsities
    shared = {s: found for s in sparsities if (found := _shared(mine, s))}
    worst = max(sparsities)
    kept = _kept(mine)
    tests = [*_of_methods(mine, kept, worst), *_of_mistakes(mine, shared.get(worst)), *_of_schedules(mine)]
    estimates = {cell: population.estimate for cell, population in kept.items()}
    return Findings(label, mine, worst, tuple(judge(tests, level)), shared, estimates)


def _of_methods(methods: Sequence[Method], kept: _Kept, sparsity: float) -> Iterator[PlannedTest]:
    """Plan one test per contrastive method: how much less of what it learned it keeps than cross-entropy."""
    reference = next((each for each in methods if each.entry.submission == REFERENCE), None)
    baseline = reference and kept.get((reference.entry.name, "", sparsity))
    if reference is None or baseline is None:
        return
    for each in methods:
        own = kept.get((each.entry.name, "", sparsity)) if each.entry.submission in CONTRASTIVE else None
        if own is not None and each.num_images == reference.num_images:
            records = (reference.entry.path, each.entry.path)
            effect = difference_of(baseline, own)
            yield PlannedTest("a", each.entry.name, effect, KEPT_MARGIN, records, method=each.entry.name)


def _of_mistakes(methods: Sequence[Method], shared: SharedMistakes | None) -> Iterator[PlannedTest]:
    if shared is not None:
        above = replace(shared.unique, value=shared.unique.value - LARGELY)
        records = tuple(method.entry.path for method in methods)
        yield PlannedTest("b", "all methods and schedules", above, UNIQUE_MARGIN, records)


def _of_schedules(methods: Sequence[Method]) -> Iterator[PlannedTest]:
    """Plan every pair of ranked schedules of a method: first minus second in area, models with the same seed paired."""
    for each in methods:
        areas = {name: each.areas(name) for name in each.entry.schedules}
        for first, second in combinations(each.entry.schedules, 2):
            gap = population_of([one - two for one, two in zip(areas[first], areas[second], strict=True)])
            name, records = f"{each.entry.name}: {first} - {second}", (each.entry.path,)
            yield PlannedTest("c", name, gap.estimate, AREA_MARGIN, records, each.entry.name, (first, second), gap.p)


def _early_worse(judged: Judged) -> Judged:
    """Turn a test of two schedules so that its effect is above 0 where early pruning keeps less."""
    test = judged.test
    assert test.pair is not None
    first, second = test.pair
    other, sign = (second, -1.0) if first == EARLY else (first, 1.0)
    effect, name = replace(test.effect, value=sign * test.effect.value), f"{test.method}: {other} - {EARLY}"
    return replace(judged, test=replace(test, claim="d", name=name, effect=effect, pair=(other, EARLY)))


def _shared(methods: Sequence[Method], sparsity: float) -> SharedMistakes | None:
    cells: dict[Cell, NDArray[np.bool_]] = {
        (each.entry.name, name): each.forgotten(name, sparsity) for each in methods for name in each.entry.schedules
    }
    return shared_mistakes(cells)


def _kept(methods: Sequence[Method]) -> _Kept:
    """Return knowledge kept per method, schedule and sparsity; under the name "" the mean of all schedules."""
    found: _Kept = {}
    for each in methods:
        groups = {"": each.entry.schedules} | {name: (name,) for name in each.entry.schedules}
        for (name, schedules), sparsity in ((g, s) for g in groups.items() for s in each.entry.sparsities):
            kept = each.kept(schedules, sparsity)
            if kept is not None:
                found[each.entry.name, name, sparsity] = population_of(kept)
    return found
