"""How a job stands, from Slurm's words, and what that means for a trainer. Pure."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from benchmark.executors.failure import Evidence
from benchmark.executors.slurm.node_job import NodeEnd

_WAITING = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD"}
_STOPPED = {"SUSPENDED", "STOPPED"}
_RUNNING = {"RUNNING", "COMPLETING", "STAGE_OUT", "SIGNALING", "RESIZING"}

_LOST = {
    "TIMEOUT": "the job's time limit was over",
    "DEADLINE": "the job's deadline was over",
    "CANCELLED": "somebody has cancelled the job",
    "NODE_FAIL": "the job's node has failed",
    "BOOT_FAIL": "the job's node did not start",
    "PREEMPTED": "the job was pre-empted, and the site does not requeue it",
    "REVOKED": "another cluster has taken the job over",
}
"""States that end a job through no fault of the program, with what happened."""

OUT_OF_TIME = (
    "the job's time limit came before a new checkpoint: allow more with `time` in executor.yaml (FMN_SLURM_TIME)"
)


@dataclass(frozen=True)
class JobView:
    """A job as Slurm sees it.

    Attributes:
        job_id: Slurm's number.
        state: Slurm's word, in capitals.
        reason: why it waits or has ended, in Slurm's words.
        name: of the job.
    """

    job_id: str
    state: str
    reason: str = ""
    name: str = ""

    @property
    def is_waiting(self) -> bool:
        """Whether it makes no progress because it is not at work: in the queue, or suspended."""
        return self.state in _WAITING | _STOPPED

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended for good."""
        return self.state in _WAITING | _STOPPED | _RUNNING


def evidence_of(  # noqa: PLR0911 - a table
    view: JobView | None, end: NodeEnd | None, over_memory: bool = False
) -> Evidence | None:
    """Return what the end of a job says about its trainer; None while it has not ended.

    Args:
        view: the job; None where Slurm knows nothing of it any more.
        end: what the process that looked after it on its node has written down.
        over_memory: whether Slurm has said on the node that the program exceeded its memory. A job as a whole may only
            be FAILED then, since it was a step of it that was ended.
    """
    if view is not None and view.is_alive:
        return None
    state = "gone" if view is None else view.state
    was_killed = state == "FAILED" and (end is None or end.exit_code == -signal.SIGKILL)
    if state == "OUT_OF_MEMORY" or (was_killed and over_memory):
        return Evidence(exit_code=None if end is None else end.exit_code, memory_event=True)
    if end is not None and end.out_of_time:
        return Evidence(exit_code=None, lost=OUT_OF_TIME)
    if state in _LOST:
        return Evidence(exit_code=None, lost=_LOST[state])
    if end is not None and end.lost is not None:
        return Evidence(exit_code=None, lost=end.lost)
    if end is None or end.exit_code is None:
        said = "Slurm knows nothing of its job any more" if view is None else f"its job has ended as {state}"
        return Evidence(exit_code=None, lost=f"{said}, and nothing says how the program ended")
    if state == "COMPLETED" and end.exit_code != 0:
        return Evidence(exit_code=None, lost=f"its job has ended as {state}, but its program with {end.exit_code}")
    if state == "FAILED" and end.exit_code == 0:
        return Evidence(exit_code=None, lost="its job has ended as FAILED, but its program with 0")
    return Evidence(exit_code=end.exit_code)


def parse_queue(text: str) -> dict[str, JobView]:
    """Read what `squeue` prints with `QUEUE_FORMAT`, by Slurm's number; lines that make no sense are left out."""
    views: dict[str, JobView] = {}
    for line in text.splitlines():
        fields = [field.strip() for field in line.split("|", 3)]
        if len(fields) == 4 and fields[0].isdecimal():
            job_id, state, reason, name = fields
            views[job_id] = JobView(job_id, state, reason, name)
    return views


QUEUE_FORMAT = "JobID:|,State:|,Reason:|,Name:200"
"""What `squeue` is asked for."""


def parse_accounting(text: str) -> str | None:
    """Read the state of a job from what `sacct -n -P -X -o State` prints: `CANCELLED by 0` is CANCELLED."""
    words = text.split()
    return words[0].rstrip("+") if words else None
