"""The decision table: one reason code from what a supervisor saw. Nothing that a submission prints is part of it.

The one row that a trainer's own report decides, `diverged`, stands below all others that something was seen for: it can
only take the place of `submission`, which is no better for whoever would forge it.
"""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmark.recording.record import Reason

_REPORT = re.compile(r"(?P<how>exit|signal) (?P<number>[0-9]{1,3})\n")


@dataclass(frozen=True)
class Evidence:
    """What the supervisor of a trainer saw.

    Attributes:
        exit_code: exit code, negative for the signal that ended it; None if it never started.
        start_error: why the executor could not start it.
        past_deadline: whether the supervisor killed it for lack of progress.
        memory_event: whether the kernel reported that its memory limit was hit.
        refused_file: what the collector refused in its outbox.
        lost: what went wrong with the executor itself, if it did not see how the trainer ended.
        diverged_at: update at which the loss of this run was NaN or infinite, as its trainer reported.
    """

    exit_code: int | None
    start_error: str | None = None
    past_deadline: bool = False
    memory_event: bool = False
    refused_file: str | None = None
    lost: str | None = None
    diverged_at: int | None = None


def reported_code(report: str) -> int | None:
    r"""Read what the first process of a container has reported of its program (`training.starting.first_process`).

    Returns:
        The exit code, negative for the signal that ended the program; None where the text is no such report.

    >>> reported_code("exit 7\n"), reported_code("signal 9\n"), reported_code("exit 7")
    (7, -9, None)
    """
    found = _REPORT.fullmatch(report)
    return None if found is None else int(found["number"]) * (-1 if found["how"] == "signal" else 1)


def decide(evidence: Evidence) -> tuple[Reason, str]:  # noqa: PLR0911 - a table, a line per row
    """Return reason code and sentence for a run whose state a trainer did not deliver; the first match wins."""
    if evidence.start_error is not None:
        return "environment", f"the trainer could not be started: {evidence.start_error}"
    if evidence.lost is not None:
        return "environment", f"the executor lost the trainer: {evidence.lost}"
    if evidence.memory_event:
        return "out_of_memory", "the kernel ended the trainer at its memory limit"
    if evidence.past_deadline:
        return "timeout", "the trainer made no progress until its deadline and was ended"
    if evidence.refused_file is not None:
        return "invalid_output", f"the collector refused {evidence.refused_file}"
    if evidence.exit_code == -signal.SIGKILL:
        # A container's programs cannot send it. Elsewhere nobody can tell the kernel, out of memory, from the trainer.
        said = "the trainer was ended by SIGKILL, as the kernel does when memory runs out; its runs are trained again"
        return "environment", f"{said} by the next call"
    if evidence.exit_code is not None and evidence.exit_code < 0:
        return "submission", f"the trainer was ended by signal {-evidence.exit_code}, which the supervisor did not send"
    if evidence.exit_code:
        return "submission", f"the trainer ended with exit code {evidence.exit_code}"
    if evidence.diverged_at is not None:
        return "diverged", f"the loss was NaN or infinite at update {evidence.diverged_at}, where training stopped"
    return "submission", "the trainer ended without delivering this state"
