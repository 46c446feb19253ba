"""From a board to the rows of one ranking: which evaluations compete, what each is worth, in which order.

Pure. It does not draw.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmark.scoring.metric import Column
from benchmark.scoring.metric_names import ROBUSTNESS_SCORE
from benchmark.scoring.statistics.seeds import score_per_seed
from leaderboard.board.board import DENSE, SUMMARY, Board, Entry
from leaderboard.board.estimates import IntervalEstimate, Scores, mean_over_models
from leaderboard.board.inference.separation import Separation
from leaderboard.board.predictions import CellKey
from leaderboard.board.ranking import Direction, Sampling, Standing, rank
from leaderboard.board.wording import tier_place

SELECTION = Column(
    name="selection/score", title="Score of the selection", better="higher",
    description="Robustness score over the chosen schedules and sparsities only; Student t interval over models only.",
)  # fmt: skip


@dataclass(frozen=True)
class Arena:
    """Evaluations that may be compared: one specification document in one tier."""

    identity: str
    digest: str
    tier: str


@dataclass(frozen=True)
class Row:
    """One submission in a ranking."""

    entry: Entry
    scores: Scores
    standing: Standing
    num_evaluations: int


def arenas(board: Board) -> dict[str, Arena]:
    """List what can be compared, by label; the digest shows only where names collide.

    Boards that compare at least two complete submissions come first, then those with one; among them evidence before
    pre-selection before smoke tests, then the board with more complete submissions. Repeated and incomplete
    evaluations move no board.
    """
    complete: dict[Arena, set[str]] = defaultdict(set)
    for entry in board.entries.values():
        complete[arena_of(entry)] |= set() if entry.barred else {entry.name}

    def place(arena: Arena) -> tuple[int, int, int, str, str]:
        count = len(complete[arena])
        return -min(count, 2), tier_place(arena.tier), -count, arena.identity, arena.digest

    names = [(arena.identity, arena.tier) for arena in complete]
    labels: dict[str, Arena] = {}
    for arena in sorted(complete, key=place):
        unique = names.count((arena.identity, arena.tier)) == 1
        labels[f"{arena.identity} ({arena.tier})" + ("" if unique else f" #{arena.digest}")] = arena
    return labels


def arena_of(entry: Entry) -> Arena:
    """Where an evaluation competes."""
    return Arena(entry.spec_identity, entry.spec_digest, entry.tier)


def competitors(board: Board, arena: Arena, track: str = "all") -> dict[str, list[Entry]]:
    """Group the evaluations of an arena by submission, the one that counts first.

    The code that counts is that of the newest evaluation; among evaluations of that code a complete one counts before
    an incomplete one, then the newest. So a failing new version cannot hide behind an old success, and repeating an
    interrupted evaluation repairs it.

    Args:
        board: all evaluations.
        arena: which ones compete.
        track: `none` or `labels` for one supervision track, that of the evaluation that counts; `each` and `all` for
            both.
    """
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in board.entries.values():
        if arena_of(entry) == arena:
            groups[entry.name].append(entry)
    for entries in groups.values():
        newest = max(entries, key=lambda entry: (entry.created, entry.path)).digest
        entries.sort(key=lambda e: (e.digest == newest, not e.barred, e.created, e.path), reverse=True)
    return in_track(groups, track)


def in_track(groups: Mapping[str, list[Entry]], track: str) -> dict[str, list[Entry]]:
    """Choose the submissions of a track, as `competitors` names it, by the evaluation that counts."""
    return {name: each for name, each in groups.items() if track in ("each", "all", each[0].supervision)}


def columns_of(entries: Sequence[Entry]) -> dict[str, Column]:
    """Collect what the records say about their numbers; the newest record's words count."""
    found: dict[str, Column] = {}
    for entry in sorted(entries, key=lambda entry: entry.created, reverse=True):
        for column in entry.columns:
            found.setdefault(column.name, column)
    return found


_PREFIXES = {"dense": "dense", "pruned": "mean of pruned cells"}


def is_fact(name: str) -> bool:
    """Say whether a number is what happened, and no estimate of anything: costs are."""
    return name.startswith("cost/")


def describe(name: str, columns: Mapping[str, Column]) -> Column | None:
    """Find the description of a number: its own, or that of the number it is a part of.

    `group/metric:part` is a part of `group/metric`; `dense:group/metric` and `pruned:group/metric` describe the dense
    population and the mean over pruned cells.
    """
    if name in columns:
        return columns[name]
    left, _, right = name.partition(":")
    whole, part = (right, _PREFIXES[left]) if left in _PREFIXES else (left, right)
    if not part or whole not in columns:
        return None
    return columns[whole].model_copy(update={"name": name, "title": f"{columns[whole].title}, {part}"})


def in_order(names: Iterable[str], columns: Mapping[str, Column]) -> list[str]:
    """Order numbers as metrics are read: those of whole submissions, of dense models, of pruned cells."""
    groups, places = ["", *_PREFIXES], {name: place for place, name in enumerate(columns)}

    def place(name: str) -> tuple[int, int, str]:
        left, _, right = name.partition(":")
        group, whole = (left, right) if left in _PREFIXES else ("", left)
        return groups.index(group), places.get(whole, len(places)), name

    return sorted(names, key=place)


def summary_scores(
    board: Board, paths: Sequence[str], metric: str | None = None
) -> dict[str, dict[str, IntervalEstimate | None]]:
    """Numbers of whole submissions, one of them or all: metric -> path -> interval."""
    numbers = board.numbers
    wanted = (numbers["schedule"] == SUMMARY) & numbers["path"].isin(paths)
    return _by_metric(numbers.loc[wanted if metric is None else wanted & (numbers["metric"] == metric)])


def cell_scores(
    board: Board, paths: Sequence[str], sparsity: float, schedules: Sequence[str]
) -> dict[str, dict[str, IntervalEstimate | None]]:
    """Numbers of one sparsity, averaged over tasks and the given schedules: metric -> path -> interval.

    The bounds are averaged too. That is conservative: the average of several estimates is at least as certain as they
    are on average.
    """
    numbers = board.numbers
    here = np.isclose(numbers["sparsity"], sparsity)
    chosen = numbers.loc[numbers["path"].isin(paths) & numbers["schedule"].isin(list(schedules)) & here]
    cells = chosen.groupby(["path", "metric"], observed=True)[["value", "low", "high"]]
    return _by_metric(cells.mean(skipna=False).reset_index())


def cell_value(board: Board, entry: Entry, key: CellKey, metric: str) -> float | None:
    """Return a number of one cell; None where the record has none."""
    numbers = board.numbers
    task, schedule, sparsity = key
    cell = (numbers["path"] == entry.path) & (numbers["task"] == task) & (numbers["schedule"] == schedule)
    found = numbers.loc[cell & (numbers["metric"] == metric) & np.isclose(numbers["sparsity"], sparsity), "value"]
    return float(found.iloc[0]) if found.notna().any() else None


def selection_scores(
    board: Board, entries: Sequence[Entry], schedules: Sequence[str], sparsities: Sequence[float]
) -> dict[str, IntervalEstimate | None]:
    """Score part of the grid: per path, chance-corrected area over the chosen schedules and sparsities.

    Resamples models only (Student t over seeds), as the outcomes per example are not part of a board. A submission
    that lacks any chosen run has no score.
    """
    seeds = board.seeds
    wanted = seeds["path"].isin([entry.path for entry in entries]) & seeds["schedule"].isin(list(schedules))
    chosen = {str(path): runs for path, runs in seeds.loc[wanted].groupby("path", observed=True)}
    return {
        entry.path: _selection_score(entry, chosen.get(entry.path), schedules, sorted(sparsities)) for entry in entries
    }


def rows(
    groups: Mapping[str, list[Entry]], scores: Mapping[str, Scores], by: str, better: Direction,
    each_track: bool, separated: Separation | None = None, letters: bool = True,
) -> list[Row]:  # fmt: skip
    """Rank the competitors by one number, best first, unranked ones last.

    Args:
        groups: evaluations by submission, the one that counts first; of both tracks, also where one is looked at:
            everybody is tested against everybody, so that every table of a board says the same.
        scores: metric -> path -> number.
        by: the metric to rank by.
        better: its better direction.
        each_track: rank every supervision track on its own, one after the other; else all together.
        separated: whom the planned tests of the board separate by robustness score; None where an order is enough.
        letters: whether tie groups are asked for; an order alone takes less time.
    """
    entries = {evaluations[0].path: evaluations[0] for evaluations in groups.values()}
    tracks = sorted({entry.supervision for entry in entries.values()}) if each_track else [""]
    tables = [{p for p, entry in entries.items() if track in ("", entry.supervision)} for track in tracks]
    key = {path: scores.get(by, {}).get(path) for path in entries}
    barred = {path: entry.barred for path, entry in entries.items() if entry.barred}
    sampling = sampling_of(entries.values(), by, separated)
    standings = rank(key, better, barred, sampling, letters=letters, tables=tables)
    made = {
        path: Row(entry, {name: by_path.get(path) for name, by_path in scores.items()}, standings[path],
                  len(groups[entry.name]))
        for path, entry in entries.items()
    }  # fmt: skip
    return [
        row
        for table in tables
        for row in sorted((made[path] for path in table), key=lambda row: _place(row, key[row.entry.path], better))
    ]


def sampling_of(entries: Iterable[Entry], by: str, separated: Separation | None = None) -> Sampling:
    """Say what the numbers of some evaluations are means of, and how they separate evaluations, by path.

    Args:
        entries: the evaluations.
        by: the number.
        separated: whom planned tests separate by robustness score, by name.
    """
    entries = list(entries)
    confidence = min((entry.confidence for entry in entries), default=0.95)
    num_models = {entry.path: entry.num_models for entry in entries}
    if by != ROBUSTNESS_SCORE or separated is None:
        return Sampling(confidence, num_models, exact=is_fact(by))
    path_of = {entry.name: entry.path for entry in entries}
    paths = [path_of.get(name, "") for name in separated.names]
    return Sampling(confidence, num_models, Separation(paths, separated.ahead_nn))


def mean_curves(board: Board, entries: Sequence[Entry], metric: str) -> dict[str, list[float]]:
    """Mean of a metric over tasks and ranked schedules, per path, from dense to the sparsest."""
    numbers, schedules = board.numbers, {name for entry in entries for name in entry.schedules}
    paths = [entry.path for entry in entries]
    chosen = (numbers["metric"] == metric) & numbers["path"].isin(paths)
    mine = numbers.loc[chosen & numbers["schedule"].isin([DENSE, *schedules])].dropna(subset=["value"])
    means = mine.groupby(["path", "sparsity"], observed=True)["value"].mean()
    curves: dict[str, list[float]] = {path: [] for path in paths}
    for (path, _), value in zip(means.index.tolist(), means.tolist(), strict=True):
        curves[path].append(value)
    return curves


def _place(row: Row, score: IntervalEstimate | None, better: Direction) -> tuple[bool, float, str]:
    if row.standing.rank is None or score is None:
        return True, 0.0, row.entry.name
    return False, -score.value if better == "higher" else score.value, row.entry.name


def _by_metric(numbers: pd.DataFrame) -> dict[str, dict[str, IntervalEstimate | None]]:
    found: dict[str, dict[str, IntervalEstimate | None]] = defaultdict(dict)
    fields = (numbers[name].tolist() for name in ("path", "metric", "value", "low", "high"))
    for path, metric, value, low, high in zip(*fields, strict=True):
        found[metric][path] = IntervalEstimate.of(value, low, high)
    return dict(found)


def _selection_score(
    entry: Entry, runs: pd.DataFrame | None, schedules: Sequence[str], sparsities: Sequence[float]
) -> IntervalEstimate | None:
    if runs is None or not schedules or not sparsities:
        return None
    fields = (runs[name].tolist() for name in ("task", "schedule", "sparsity", "seed"))
    accuracy = dict(zip(zip(*fields, strict=True), runs["accuracy"].tolist(), strict=True))
    chance = {task: entry.chance[task] for task in entry.tasks}
    scores = score_per_seed(accuracy, chance, schedules, sparsities)
    if len(scores) < entry.num_models:
        return None
    return mean_over_models(np.array(list(scores.values())), entry.confidence)
