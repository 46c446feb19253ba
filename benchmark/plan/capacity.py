"""What a sparsity leaves of an encoder: refused where that is nothing, said where a whole layer goes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_FLOOR, Decimal

from benchmark.plan.events import PruneEvent
from benchmark.spec import Problem

_FOUR_DIGITS = Decimal("0.0001")


def nothing_left(
    cells: Iterable[tuple[str, Decimal, Sequence[PruneEvent]]], encoder: str, layer_sizes: Sequence[int]
) -> list[Problem]:
    """Return the sparsities at which rounding prunes every weight, so that another one would be scored.

    Args:
        cells: schedule, sparsity and events of every run of the grid.
        encoder: name of the encoder, for messages.
        layer_sizes: number of weights of every prunable layer.
    """
    num_weights = sum(layer_sizes)
    largest = (Decimal(num_weights - 1) / num_weights).quantize(_FOUR_DIGITS, rounding=ROUND_FLOOR)
    expected = f"sparsities that leave at least one of the {num_weights:,} prunable weights of {encoder}"
    emptied = {
        sparsity: schedule
        for schedule, sparsity, events in cells
        if events and sum(events[-1].num_pruned) >= num_weights
    }
    return [
        Problem("sparsities", expected, f"{sparsity}, at which schedule {schedule!r} leaves none", str(largest))
        for sparsity, schedule in emptied.items()
    ]


def emptied_layers(events: Sequence[PruneEvent], layer_sizes: Sequence[int]) -> int:
    """Return in how many layers a run keeps no weight, as far as its events tell: by layerwise allocation."""
    if not events or events[-1].allocation == "global":
        return 0
    return sum(pruned >= size for pruned, size in zip(events[-1].num_pruned, layer_sizes, strict=True))


def emptied_in_words(
    cells: Iterable[tuple[str, Decimal, Sequence[PruneEvent]]], layer_sizes: Sequence[int]
) -> list[str]:
    """Warn of every (schedule, sparsity, events) that leaves no weight of some layer."""
    found = ((schedule, sparsity, emptied_layers(events, layer_sizes)) for schedule, sparsity, events in cells)
    return [
        f"warning: {schedule} at sparsity {sparsity} leaves no weight in {count} of {len(layer_sizes)} layers"
        for schedule, sparsity, count in found
        if count
    ]
