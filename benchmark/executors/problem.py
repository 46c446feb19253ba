"""What keeps an executor from being used here; a file of its own, so that the watchdog need import nothing heavy."""

from __future__ import annotations


class ExecutorProblem(RuntimeError):  # noqa: N818 - says in one plain sentence what is missing
    """An executor that was asked for cannot be used here: what is missing, and what to do."""
