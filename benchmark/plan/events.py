"""The schedule compiler: from (schedule, sparsity) to the list of prune events of a run.

Everything after this compiler works on events alone and does not know schedules.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Literal, assert_never

from pydantic import BaseModel, ConfigDict

from benchmark.spec import Gradual, Iterative, OneShot, Schedule
from benchmark.spec.canonical import canonical_json


class PruneEvent(BaseModel):
    """Prune until `num_pruned` weights are masked, just before update `step`; at the last step, after all updates."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    step: int
    """Updates made before the event, in [0, total_steps]."""
    num_pruned: tuple[int, ...]
    """Weights masked once the event is done: one total for `global`, one count per prunable layer for `layerwise`."""
    allocation: Literal["global", "layerwise"]
    """How the counts are shared among layers."""
    criterion: Literal["magnitude", "random"]
    """Which weights are pruned first."""
    rewind: Literal["learning_rate", "weights"] | None = None
    """What returns to its state at `rewind_to` after the event; `weights` includes the learning rate."""
    rewind_to: int | None = None
    """Logical step to which training returns, before any event of the run; None without `rewind`."""

    @cached_property
    def canonical(self) -> bytes:
        """Canonical JSON of the event. It is part of every later key, so that it is written once."""
        return canonical_json(self.model_dump(mode="json"))


def round_half_up(value: Fraction | Decimal) -> int:
    """Return the nearest integer, halves rounded upwards: the one rule for steps and counts.

    >>> round_half_up(Decimal("2.5")), round_half_up(Decimal("0.98") * 19144)
    (3, 18761)
    """
    return int((Fraction(value) * 2 + 1) // 2)


def compile_events(
    schedule: Schedule, sparsity: Decimal, total_steps: int, layer_sizes: tuple[int, ...]
) -> tuple[PruneEvent, ...]:
    """Compile a schedule to the events of one run.

    Args:
        schedule: when and how to prune.
        sparsity: s, the target fraction of prunable weights that are zero, in [0, 1).
        total_steps: number of updates of the run.
        layer_sizes: n_l, the number of weights of every prunable layer; n is their sum.

    Returns:
        Events with increasing steps and strictly increasing counts. Events that change nothing are dropped, so a run to
        sparsity 0 has none. After the last event exactly round(s n) weights are pruned (layerwise: round(s n_l) each).

    Source:
        Gradual: Zhu & Gupta 2017 (arXiv 1710.01878), eq. 1, with initial sparsity s_i = 0. Iterative: Frankle et al.
        2020 (arXiv 1912.05671) and Renda et al. 2020 (arXiv 2003.02389); unlike there, every run has the same number of
        updates, because rewinding moves the learning rate and the weights back, and not the end of training.
    """
    match schedule:
        case OneShot():
            sparsities = [(round_half_up(schedule.at * total_steps), Fraction(sparsity))]
        case Gradual():
            sparsities = _zhu_gupta(schedule, Fraction(sparsity), total_steps)
        case Iterative():
            sparsities = _rungs(schedule, Fraction(sparsity), total_steps)
        case _:
            assert_never(schedule)
    rewind, rewind_to = _rewinding(schedule, total_steps)
    events: list[PruneEvent] = []
    num_pruned_before = _counts(schedule, Fraction(0), layer_sizes)
    for step, fraction in sorted(dict(sparsities).items()):  # of several prunings at one step only the last remains
        num_pruned = _counts(schedule, fraction, layer_sizes)
        if num_pruned != num_pruned_before:
            events.append(
                PruneEvent(
                    step=step,
                    num_pruned=num_pruned,
                    allocation=schedule.allocation,
                    criterion=schedule.criterion,
                    rewind=rewind,
                    rewind_to=rewind_to,
                )
            )
            num_pruned_before = num_pruned
    return tuple(events)


def _zhu_gupta(schedule: Gradual, sparsity: Fraction, total_steps: int) -> list[tuple[int, Fraction]]:
    """Return (step, sparsity) of every update of the mask in a gradual schedule.

    s_t = s_f + (s_i - s_f) (1 - (t - t0) / (n dt))^3 with s_i = 0, which is s_f - s_f (1 - i / n)^3 at the i-th of n
    updates of the mask, i = 0 .. n, at t = t0 + i dt; steps are rounded, sparsities are not.

    Source:
        Zhu & Gupta 2017 (arXiv 1710.01878), eq. 1.
    """
    first, last = round_half_up(schedule.begin * total_steps), round_half_up(schedule.end * total_steps)
    progress = [Fraction(i, schedule.updates) for i in range(schedule.updates + 1)]
    return [(first + round_half_up(p * (last - first)), sparsity * (1 - (1 - p) ** 3)) for p in progress]


def _rungs(schedule: Iterative, sparsity: Fraction, total_steps: int) -> list[tuple[int, Fraction]]:
    """Return (step, sparsity) of every rung of the ladder up to the target.

    The step of a rung does not depend on the target, so that runs to different targets share the rungs below both.
    """
    first, last = round_half_up(schedule.begin * total_steps), round_half_up(schedule.end * total_steps)
    gaps = max(1, len(schedule.ladder) - 1)
    steps = [first + round_half_up(Fraction(rung, gaps) * (last - first)) for rung in range(len(schedule.ladder))]
    return [(step, Fraction(rung)) for step, rung in zip(steps, schedule.ladder, strict=True) if rung <= sparsity]


def _rewinding(schedule: Schedule, total_steps: int) -> tuple[Literal["learning_rate", "weights"] | None, int | None]:
    """Return what a schedule rewinds, and the step to which; (None, None) without rewinding."""
    if not isinstance(schedule, Iterative) or schedule.rewind == "none":
        return None, None
    return schedule.rewind, round_half_up(schedule.rewind_to * total_steps)


def _counts(schedule: Schedule, fraction: Fraction, layer_sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Return how many weights are pruned at a sparsity: one total for `global`, one count per layer for `layerwise`."""
    if schedule.allocation == "global":
        return (round_half_up(fraction * sum(layer_sizes)),)
    return tuple(round_half_up(fraction * size) for size in layer_sizes)
