"""How a trainer counts seconds: what the updates of one model took, and when something periodic is due again."""

from __future__ import annotations

import time


class SecondsPerModel:
    """Counts the seconds that one model needs from one step to another.

    Models in training share each step: one batch, one set of views. The seconds of a step are therefore divided equally
    among the models that were updated in it. The count starts when the object is made, so that the first step also
    pays for the start of the trainer.
    """

    def __init__(self) -> None:
        self._last_update_s = time.monotonic()
        self._last_step = -1
        self._total_s = 0.0
        self._total_s_at_step: dict[int, float] = {}

    def add_update(self, step: int, num_models: int) -> None:
        """Count the seconds since the update before for update `step`, which was made in `num_models` models."""
        if step <= self._last_step:
            # The sweep went back in time, to models for which there was no room. No model alive is older than `step`.
            self._total_s_at_step.clear()
        self._last_step = step
        now_s = time.monotonic()
        self._total_s_at_step.setdefault(step, self._total_s)
        self._total_s += (now_s - self._last_update_s) / num_models
        self._total_s_at_step[step + 1] = self._total_s
        self._last_update_s = now_s

    def between(self, start: int, stop: int) -> float:
        """Return the seconds that a model alive now needed for its updates in [start, stop); 0 without updates."""
        return self._total_s_at_step.get(stop, 0.0) - self._total_s_at_step.get(start, 0.0)


class Periodic:
    """Says when something is due that happens at most every `every_s` seconds, first `every_s` seconds from now."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._last_s = time.monotonic()

    def is_due(self) -> bool:
        """Return whether it is due; if so, the next `every_s` seconds begin."""
        now_s = time.monotonic()
        due = now_s - self._last_s >= self._every_s
        if due:
            self._last_s = now_s
        return due
