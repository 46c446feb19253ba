"""When and how a run is pruned, as the specification says it: a tagged union, one model per kind.

What a schedule *does* is decided in `benchmark.plan.events`; nothing below that compiler knows these classes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field

from benchmark.spec.base import Document, Problem, PrunedSparsity, TrainingFraction


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


class Iterative(_Pruning):
    """Prune in rounds along a ladder of sparsities and train on after each; runs to lower rungs leave it there.

    With `rewind: weights` this is iterative magnitude pruning with rewinding (Frankle et al. 2020), with
    `learning_rate` the variant of Renda et al. 2020; a run still makes the same number of updates as every other one.
    """

    kind: Literal["iterative"]
    """Tag of this kind of schedule."""
    begin: TrainingFraction
    """When the first rung is pruned, as a fraction of training in [0, 1]; not after `end`."""
    end: TrainingFraction
    """When the last rung is pruned, as a fraction of training in [0, 1]; rungs are spaced evenly."""
    ladder: Annotated[tuple[PrunedSparsity, ...], Field(min_length=1, max_length=64)]
    """Sparsities visited, strictly increasing in (0, 1), 1 to 64 of them; every sparsity of the grid must be a rung."""
    rewind: Literal["none", "learning_rate", "weights"] = "none"
    """What returns to its state at `rewind_to` after every pruning: nothing, the learning rate, or all of training."""
    rewind_to: TrainingFraction = Decimal(0)
    """Point in training, as a fraction in [0, 1], to which `rewind` returns; not after `begin`."""

    @classmethod
    def contradictions(cls, values: Mapping[str, Any]) -> Iterator[Problem]:
        """Refuse rounds that do not run forward, a ladder that does not climb, and rewinding into the pruned part."""
        begin, end, rewind_to = values.get("begin"), values.get("end"), values.get("rewind_to")
        if begin is not None and end is not None and begin > end:
            yield Problem("begin", f"a fraction not after end ({end})", str(begin))
        if begin is not None and rewind_to is not None and rewind_to > begin:
            yield Problem("rewind_to", f"a fraction not after begin ({begin})", str(rewind_to), str(begin))
        for position, (lower, upper) in enumerate(itertools.pairwise(values.get("ladder") or ())):
            if lower is not None and upper is not None and not lower < upper:
                yield Problem(f"ladder[{position + 1}]", f"more than the one before it ({lower})", str(upper))


Schedule = Annotated[OneShot | Gradual | Iterative, Field(discriminator="kind")]
"""Any schedule of a specification; `kind` says which."""
