"""Which values the numbers of a record can have at all: a record with any other is refused, whoever signed it.

It looks at nothing but the record; which values are possible stands in `benchmark.scoring.statistics.ranges`. It
refuses to say whether a possible value is the right one: `benchmark.scoring.recompute` does so, as far as the outcomes
beside a record determine it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

from benchmark.recording.record import EvaluationRecord
from benchmark.scoring.metric import Estimate
from benchmark.scoring.statistics.ranges import bare, range_of

ROUNDING = 1e-6
"""How far a number may leave its range, relative to its size where that is above 1: means of float32 do."""

_MAY_EXCLUDE = ("prune_potential/",)
"""Groups whose interval need not hold the value: a percentile bootstrap of a number that is no mean."""


def check_possible(record: EvaluationRecord) -> None:
    """Refuse a record with a number that no evaluation can give.

    Raises:
        ValueError: names the first such number, what was expected and what was found.
    """
    for problem in impossible(record):
        raise ValueError(f"impossible value: {problem}")


def impossible(record: EvaluationRecord) -> Iterator[str]:
    """Say of every impossible number where it is, what was expected and what was found."""
    yield from _counts(record)
    yield from _populations(record)
    for run in record.runs:
        where = f"{run.task} {run.schedule} {run.sparsity:g} seed {run.seed}"
        yield from _outside(where, run.metrics.items())
        for layer in run.layers:
            if not 0 <= layer.num_zero <= layer.num_weights:
                yield f"{where}: {layer.name}: expected 0 to {layer.num_weights} zeros, got {layer.num_zero}"
    for cell in record.cells:
        yield from _estimates(f"{cell.task} {cell.schedule} {cell.sparsity:g}", cell.metrics)
    yield from _estimates("summary", record.summary)
    for line in record.references:
        yield from _estimates(f"{line.task} {line.name}", {"linear/accuracy": line.accuracy})
    yield from _estimates("floor", {f"linear/accuracy:{name}": each for name, each in (record.floor or {}).items()})


def _counts(record: EvaluationRecord) -> Iterator[str]:
    """Check whole numbers and times, which are never negative, and sparsities."""
    for name, number in record.cost:
        if not 0 <= number < math.inf:
            yield f"cost: {name}: expected at least 0, got {number}"
    for each in (*record.runs, *record.cells):
        if not 0 <= each.sparsity < 1:
            yield f"{each.task} {each.schedule}: expected a sparsity in [0, 1), got {each.sparsity}"
    for run in record.runs:
        if run.seed < 0:
            yield f"{run.task} {run.schedule} {run.sparsity:g}: expected a seed of at least 0, got {run.seed}"
    for level, count in (record.states_isolation or {}).items():
        if count < 0:
            yield f"states_isolation: {level}: expected at least 0, got {count}"


def _populations(record: EvaluationRecord) -> Iterator[str]:
    """Check that every cell has as many models as runs have finished."""
    sizes: dict[tuple[str, str, float], int] = {}
    for run in record.runs:
        place = (run.task, run.schedule, run.sparsity)
        sizes[place] = sizes.get(place, 0) + (run.status == "finished")
    for cell in record.cells:
        finished = sizes.get((cell.task, cell.schedule, cell.sparsity), 0)
        if cell.num_models != finished:
            where = f"{cell.task} {cell.schedule} {cell.sparsity:g}"
            yield f"{where}: expected {finished} models, as many as runs have finished, got {cell.num_models}"


def _estimates(where: str, estimates: Mapping[str, Estimate]) -> Iterator[str]:
    yield from _outside(where, ((name, each.value) for name, each in estimates.items()))
    for name, each in estimates.items():
        low, high = each.low, each.high
        if low is None and high is None:
            continue
        if low is None or high is None or each.value is None:
            yield f"{where}: {name}: expected a value with both of its bounds, got {_shown(each)}"
        elif not (math.isfinite(low) and math.isfinite(high)) or low > high + _slack(high):
            yield f"{where}: {name}: expected a lower bound below the upper one, got {_shown(each)}"
        elif not low - _slack(low) <= each.value <= high + _slack(high) and not bare(name).startswith(_MAY_EXCLUDE):
            yield f"{where}: {name}: expected a value within its own interval, got {_shown(each)}"


def _outside(where: str, numbers: Iterable[tuple[str, float | None]]) -> Iterator[str]:
    for name, value in numbers:
        if value is None:
            continue
        low, high = range_of(name)
        if not math.isfinite(value) or not low - _slack(value) <= value <= high + _slack(value):
            yield f"{where}: {name}: expected {_in_words(low, high)}, got {value:g}"


def _slack(number: float) -> float:
    return ROUNDING * max(1.0, abs(number))


def _in_words(low: float, high: float) -> str:
    if math.isinf(low) and math.isinf(high):
        return "a finite number"
    if math.isinf(high):
        return f"at least {low:g}"
    return f"at most {high:g}" if math.isinf(low) else f"a number in [{low:g}, {high:g}]"


def _shown(estimate: Estimate) -> str:
    return f"{estimate.value} in [{estimate.low}, {estimate.high}]"
