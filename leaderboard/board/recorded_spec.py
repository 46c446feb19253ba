"""What a board reads of the specification and of the data sets in a record, checked before anything is computed. Pure.

A record that lacks any of it is refused. Nothing is replaced by a default, because a guess can raise a score: without
its classes, a data set would have chance 0.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Checked = TypeVar("Checked", bound=BaseModel)


class _Bootstrap(BaseModel):
    confidence: Annotated[float, Field(gt=0.5, lt=1, strict=True)]


class _Evaluation(BaseModel):
    bootstrap: _Bootstrap


class _Schedule(BaseModel):
    """One pruning schedule; what else belongs to it says when and how much is pruned."""

    model_config = ConfigDict(extra="allow")

    name: Annotated[str, Field(strict=True)]
    criterion: Literal["magnitude", "random"]


class RecordedSpec(BaseModel):
    """The parts of a specification that a board needs; it ignores the others."""

    model_config = ConfigDict(frozen=True)

    schedules: tuple[_Schedule, ...]
    evaluation: _Evaluation

    @property
    def confidence(self) -> float:
        """Nominal coverage of every interval, in (0.5, 1)."""
        return self.evaluation.bootstrap.confidence

    @property
    def controls(self) -> frozenset[str]:
        """Names of the schedules that prune at random, which are never ranked."""
        return frozenset(schedule.name for schedule in self.schedules if schedule.criterion == "random")

    @property
    def controlled(self) -> dict[str, str]:
        """Per control, the schedule that it differs from in its criterion only."""
        return {
            control.name: schedule.name
            for control in self.schedules if control.criterion == "random"
            for schedule in self.schedules
            if schedule.criterion == "magnitude" and schedule.model_extra == control.model_extra
        }  # fmt: skip


class _DatasetFacts(BaseModel):
    classes: Annotated[tuple[str | int, ...], Field(min_length=2)]


def read_spec(spec: Mapping[str, Any], schedules: Iterable[str]) -> RecordedSpec:
    """Check the specification of a record.

    Args:
        spec: as the record holds it, defaults written out.
        schedules: those of the record's pruned runs; the specification has to declare each.

    Raises:
        ValueError: something is missing or impossible; names it.
    """
    checked = _checked(RecordedSpec, spec, "spec")
    declared = [schedule.name for schedule in checked.schedules]
    for name in schedules:
        if name not in declared:
            raise ValueError(f"not a valid record: runs: schedule {name!r} is not in its specification")
    return checked


def chance_of(datasets: Mapping[str, Mapping[str, Any]], tasks: Iterable[str]) -> dict[str, float]:
    """Return the accuracy of guessing per task, 1 / number of classes.

    Args:
        datasets: facts per task, as the record holds them.
        tasks: those of the record's runs.

    Raises:
        ValueError: a task has no facts, or not at least two classes; names it.
    """
    return {
        task: 1 / len(_checked(_DatasetFacts, datasets.get(task, {}), f"datasets.{task}").classes) for task in tasks
    }


def digest_of(spec: Mapping[str, Any]) -> str:
    """Tell apart documents that share name and version: results compare only under the very same one."""
    asked = {key: value for key, value in spec.items() if key != "description"}
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()[:8]


def _checked(model: type[Checked], value: Mapping[str, Any], where: str) -> Checked:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, (where, *first["loc"])))
        raise ValueError(f"not a valid record: {place}: {first['msg']}; a board does not guess it") from None
