"""Whether a repeated evaluation agrees with its record: bit by bit on a machine like its own, else by intervals.

Pure: two records in, an `Agreement` out. It refuses to decide which of the two is right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from benchmark.recording.record import EvaluationRecord
from benchmark.scoring.metric import Estimate

HEADLINES = ("robustness/score", "robustness/retention", "robustness/dense")
"""Numbers whose intervals a repetition elsewhere must meet."""


@dataclass(frozen=True)
class Headline:
    """One of the numbers that a board shows first, recorded and repeated."""

    name: str
    recorded: Estimate
    repeated: float | None
    verdict: Literal["same", "within", "outside"]


@dataclass(frozen=True)
class Agreement:
    """How far two records of one request agree.

    Attributes:
        headlines: what a board shows first.
        on_equal_terms: whether both were made under the same environment and by the same version of the training code,
            where every bit is promised to be the same.
        environment: per fact that differs, its recorded and its present value.
        num_numbers: how many recorded numbers of runs, cells and the summary were compared.
        num_differing: how many of these are not equal in every bit.
    """

    headlines: tuple[Headline, ...]
    on_equal_terms: bool
    environment: dict[str, tuple[str, str]]
    num_numbers: int
    num_differing: int

    @property
    def holds(self) -> bool:
        """Whether what was promised has happened."""
        if self.on_equal_terms:
            return not self.num_differing
        return all(line.verdict != "outside" for line in self.headlines)


def compare(
    recorded: EvaluationRecord, repeated: EvaluationRecord, is_defined_alike: Callable[[str], bool] = lambda _: True
) -> Agreement:
    """Compare a record with a repetition of its evaluation.

    Args:
        recorded: the record.
        repeated: the same again; numbers that only it has are not compared.
        is_defined_alike: whether a number of the record means today what it meant then; others are not compared.
    """
    first, second = dict(_numbers(recorded)), dict(_numbers(repeated))
    names = [place for place in first if is_defined_alike(str(place[-1]))]
    missing = object()
    return Agreement(
        headlines=tuple(_headline(name, recorded, repeated) for name in HEADLINES if name in recorded.summary),
        on_equal_terms=recorded.environment == repeated.environment and _states(recorded) == _states(repeated),
        environment=_differences(recorded, repeated),
        num_numbers=len(names),
        num_differing=sum(first[name] != second.get(name, missing) for name in names),
    )


def _numbers(record: EvaluationRecord) -> Iterator[tuple[tuple[object, ...], object]]:
    """Name every number of a record; weights take part by the names of their states and what was read from them."""
    for run in record.runs:
        place = ("run", run.task, run.schedule, run.sparsity, run.seed)
        yield (*place, "status"), run.status
        yield from (((*place, name), value) for name, value in run.metrics.items())
    for cell in record.cells:
        yield from ((("cell", cell.task, cell.schedule, cell.sparsity, name), e) for name, e in cell.metrics.items())
    yield from ((("summary", name), estimate) for name, estimate in record.summary.items())


def _headline(name: str, recorded: EvaluationRecord, repeated: EvaluationRecord) -> Headline:
    there, here = recorded.summary[name], repeated.summary.get(name)
    value = here.value if here is not None else None
    if value == there.value:
        return Headline(name, there, value, "same")
    if value is None or there.low is None or there.high is None:
        return Headline(name, there, value, "outside")
    return Headline(name, there, value, "within" if there.low <= value <= there.high else "outside")


def _states(record: EvaluationRecord) -> dict[tuple[object, ...], str]:
    """Name every trained state: version of the training code, data, hyperparameters and environment are in its name."""
    return {(run.task, run.schedule, run.sparsity, run.seed): run.state_key for run in record.runs}


def _key_version(record: EvaluationRecord) -> str:
    return (record.definitions or {}).get("keys", "not stated")


def _differences(recorded: EvaluationRecord, repeated: EvaluationRecord) -> dict[str, tuple[str, str]]:
    names = sorted(recorded.environment.keys() | repeated.environment.keys())
    pairs = {name: (recorded.environment.get(name), repeated.environment.get(name)) for name in names}
    found = {name: (str(there), str(here)) for name, (there, here) in pairs.items() if there != here}
    if not found and _states(recorded) != _states(repeated):
        found["version of the training code"] = (_key_version(recorded), _key_version(repeated))
    return found
