"""How an evaluation goes: a live bar on a terminal, plain lines where output is piped."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from benchmark.evaluation.scheduling.progress import Reporter, TrainingProgress
from benchmark.recording.status import roughly

_LINE_EVERY_S = 10.0


class LiveReporter:
    """Shows a bar: runs done of all, updates, current loss, time left."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("preparing", total=None, note="")

    def stage(self, text: str) -> None:
        """Name the new station and start its bar."""
        self._progress.update(self._task, visible=False)
        self._task = self._progress.add_task(text, total=None, note="")

    def warn(self, text: str) -> None:
        """Print a line above the bar."""
        self._progress.console.print(f"note: {text}", markup=False)

    def training(self, progress: TrainingProgress) -> None:
        """Move the bar."""
        loss = "" if progress.loss is None else f"  loss {progress.loss:.3f}"
        note = f"runs {progress.runs}/{progress.total_runs}{loss}  {time_left(progress)}"
        self._progress.update(self._task, total=progress.total_updates, completed=progress.updates, note=note)

    def waiting(self) -> None:
        """Nothing to add: the bar moves by itself."""


class PlainReporter:
    """Prints a line per station, and one every ten seconds of training."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = time.monotonic()

    def stage(self, text: str) -> None:
        """Print the new station."""
        self._print(text)

    def warn(self, text: str) -> None:
        """Print a line."""
        self._print(f"note: {text}")

    def training(self, progress: TrainingProgress) -> None:
        """Print where training is, now and then."""
        now = time.monotonic()
        if now - self._last < _LINE_EVERY_S:
            return
        self._last = now
        runs, updates = f"{progress.runs}/{progress.total_runs}", f"{progress.updates}/{progress.total_updates}"
        loss = "" if progress.loss is None else f", loss {progress.loss:.3f}"
        self._print(f"runs {runs}, updates {updates}{loss}, {time_left(progress)}")

    def waiting(self) -> None:
        """Say nothing."""

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def time_left(progress: TrainingProgress) -> str:
    """Say how long training still takes, and scoring after it where an earlier record has its duration."""
    if progress.left_s is None:
        return "starting" if not progress.updates else "time left not known yet"
    scoring = "" if progress.scoring_s is None else f", then {roughly(progress.scoring_s)} of scoring"
    return f"{roughly(progress.left_s)} of training left{scoring}"


@contextmanager
def make_reporter(console: Console) -> Generator[Reporter]:
    """Give the reporter that fits where the output goes."""
    if not console.is_terminal:
        yield PlainReporter(console)
        return
    columns = (
        SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[note]}", markup=False), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as progress:
        yield LiveReporter(progress)
