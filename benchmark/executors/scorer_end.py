"""How a scorer ended, as an error: what this machine lacks is one sentence, a fault of the benchmark shows the log.

Nothing is booked on a submission, and no record is written: the same command scores again.
"""

from __future__ import annotations

import signal
from pathlib import Path

from benchmark.executors.errors import ExecutorError, ScorerError, ScorerKilledError
from benchmark.executors.output_log import last_output
from benchmark.scoring.scorer_exit import WORKER_KILLED

_AGAIN = "no record was written; run the same command again to continue"
_LESS_MEMORY = "close what else uses memory, or choose less with FMN_SCORING_CHUNK_MIB (64, for instance)"


def scorer_failure(
    log: Path, code: int | None, *, memory_event: bool = False, lost: str | None = None
) -> ScorerError | ExecutorError:
    """Return the error of a scorer that has failed.

    Args:
        log: what it printed.
        code: its exit code, negative for the signal that ended it, or as a shell gives it (128 + n).
        memory_event: whether the kernel killed a process of it at its memory limit.
        lost: why nobody saw how it ended, if so.
    """
    if lost is not None:
        return ExecutorError(f"environment: the executor lost the scorer: {lost}; {_AGAIN}")
    if memory_event:
        reason = "out_of_memory: the kernel ended the scorer, or a process of it, at its memory limit"
        return ScorerKilledError(f"{reason}; {_LESS_MEMORY}; {_AGAIN}")
    if code in (-signal.SIGKILL, 128 + signal.SIGKILL, WORKER_KILLED):
        reason = "environment: the scorer, or a process of it, was killed, as the kernel does when memory runs out"
        return ScorerKilledError(f"{reason}; {_LESS_MEMORY}; {_AGAIN}")
    cause = f"exit code {code}"
    return ScorerError(f"{last_output(log).strip()}\n({cause}; all that the scorer printed is in {log})")
