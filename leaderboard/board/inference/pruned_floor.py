"""Untrained encoders that are pruned alike, as cells of a board: the floor under every curve of accuracy. Pure."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from benchmark.recording.record import EvaluationRecord

logger = logging.getLogger(__name__)

PRUNED_FLOOR = "floor/accuracy"
"""Name of their accuracy on a board, under the schedule and sparsity of the cell that they are pruned like."""

Row = tuple[str, str, float, str, float | None, float | None, float | None]
"""Task, schedule, sparsity, metric, value and both bounds."""


def floor_rows(record: EvaluationRecord) -> Iterator[Row]:
    """Yield the floor of every cell that a record knows one for; nothing from records without."""
    floor = record.floor or {}
    by_place = {_place(name): estimate for name, estimate in floor.items()}
    for cell in record.cells:
        place = (cell.task, None) if cell.sparsity == 0 else (f"{cell.task}/{cell.schedule}", cell.sparsity)
        found = by_place.get(place)
        if found is not None:
            yield (cell.task, cell.schedule, cell.sparsity, PRUNED_FLOOR, found.value, found.low, found.high)


def _place(name: str) -> tuple[str, float | None]:
    """Take the sparsity off `task/schedule/sparsity`; the name of a task alone has none."""
    before, _, sparsity = name.rpartition("/")
    try:
        return before, float(sparsity)
    except ValueError as error:
        logger.debug("%s is the floor of dense models: %s", name, error)
        return name, None
