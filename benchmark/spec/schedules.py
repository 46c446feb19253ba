"""When and how a run is pruned, as the specification says it: a tagged union, one model per kind.

What a schedule *does* is decided in `benchmark.plan.events`; nothing below that compiler knows these classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from benchmark.spec.base import Document, Problem, TrainingFraction


class _Pruning(Document):
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
    """Name of the schedule in tables and records: lower-case letters, digits and hyphens, at most 32 characters."""
    allocation: Literal["global", "layerwise"] = "global"
    """How sparsity is shared among layers: `global` ranks all weights together, `layerwise` prunes each alike."""
    criterion: Literal["magnitude", "random"] = "magnitude"
    """What is pruned first: the smallest `magnitude`, or `random` weights (a control, shown but never ranked)."""

    @property
    def is_control(self) -> bool:
        """Whether this schedule is a control: drawn beside the others and left out of the robustness score."""
        return self.criterion == "random"


class OneShot(_Pruning):
    """Prune once to the target sparsity, then train on."""

    kind: Literal["one_shot"]
    """Tag of this kind of schedule."""
    at: TrainingFraction
    """When to prune, as a fraction of training in [0, 1]; 0 is at initialisation, 1 after the last update."""


class Gradual(_Pruning):
    """Zhu & Gupta 2017: sparsity grows along a cubic from `begin` to `end` in equal intervals."""

    kind: Literal["gradual"]
    """Tag of this kind of schedule."""
    begin: TrainingFraction
    """When pruning starts, as a fraction of training in [0, 1); before `end`."""
    end: TrainingFraction
    """When the target sparsity is reached exactly, as a fraction of training in (0, 1]."""
    updates: Annotated[int, Field(ge=1, le=1000)]
    """Number of intervals between `begin` and `end` (n in the paper), 1 to 1000; the first update prunes nothing."""

    @classmethod
    def contradictions(cls, values: Mapping[str, Any]) -> Iterator[Problem]:
        """Refuse a ramp that does not run forward."""
        begin, end = values.get("begin"), values.get("end")
        if begin is not None and end is not None and not begin < end:
            yield Problem("begin", f"a fraction before end ({end})", str(begin))


Schedule = Annotated[OneShot | Gradual, Field(discriminator="kind")]
"""Any schedule of a specification; `kind` says which."""
