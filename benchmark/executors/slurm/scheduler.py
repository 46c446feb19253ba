"""Talks to Slurm: submits through submitit, asks for the states of all jobs of a home at once, cancels."""

from __future__ import annotations

import importlib.util
import logging
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from benchmark.executors.child_process import PASSED_ON
from benchmark.executors.errors import ExecutorError
from benchmark.executors.slurm.containers import RUNTIME_VARIABLES
from benchmark.executors.slurm.node_job import JobFolder
from benchmark.executors.slurm.on_node import OnNode
from benchmark.executors.slurm.options import SlurmOptions
from benchmark.executors.slurm.states import QUEUE_FORMAT, JobView, parse_accounting, parse_queue

logger = logging.getLogger(__name__)

NAME_PREFIX = "fmn-"
"""Beginning of the names of all jobs; the rest is the name of the job's folder."""

_ASK_EVERY_S, _ASK_NOW_EVERY_S = 5.0, 0.5
"""Seconds between two questions to Slurm, usually and where there is a reason to expect news."""

_NO_ANSWER_S = 600.0
"""How long a controller that does not answer is waited for."""

SUBMIT_AGAIN_S = 30.0
"""When a job is submitted again for which the queue had no room."""

_COMMAND_S = 60.0
_MOST_REQUEUES = 1000
"""submitit's bound. A trainer's is that each start must come to a new checkpoint."""

_ENVIRONMENT = (*PASSED_ON, *RUNTIME_VARIABLES, "FMN_CONFIG", "XDG_CONFIG_HOME", "SLURM_CONF", "SUBMITIT_EXECUTOR")
"""What a job gets of this environment. Slurm would pass on everything, secrets included.

Its program gets less. The keys are named because only what they have signed counts as isolated after a requeue.
"""


class SlurmError(ExecutorError):
    """Slurm or submitit cannot be used here, or Slurm refuses; one sentence for users."""


class LimitReachedError(SlurmError):
    """Slurm takes no more jobs of this user for now."""


def run_command(*command: str) -> str:
    """Run a command of Slurm and return what it prints.

    Raises:
        SlurmError: it is not there, fails, or does not answer in a minute.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_COMMAND_S)
    except OSError as error:
        raise SlurmError(f"{command[0]} cannot be run: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise SlurmError(f"{command[0]} gives no answer in {_COMMAND_S:.0f} s") from error
    if done.returncode != 0:
        raise SlurmError(f"{command[0]} fails: {' '.join(done.stderr.split())[-500:]}")
    return done.stdout


def demand_slurm() -> str:
    """Return Slurm's version.

    Raises:
        SlurmError: Slurm or submitit is missing, or the controller does not answer.
    """
    if shutil.which("sbatch") is None:
        raise SlurmError("EXECUTOR=slurm needs a cluster: `sbatch` is not found; run this on a login node")
    if importlib.util.find_spec("submitit") is None:
        raise SlurmError("EXECUTOR=slurm needs submitit: pip install 'forget-me-not[slurm]'")
    run_command("scontrol", "ping")
    return run_command("sinfo", "--version").strip()


def queue_of_user() -> Mapping[str, JobView]:
    """Return all jobs of this user by their numbers, those that ended a few minutes ago included.

    Raises:
        SlurmError: the controller does not answer.
    """
    return parse_queue(run_command("squeue", "--me", "--states=all", "--noheader", "-O", QUEUE_FORMAT))


class Scheduler:
    """Slurm, as one user sees it.

    Args:
        options: what jobs ask for.
    """

    def __init__(self, options: SlurmOptions) -> None:
        self._options = options
        self._views: Mapping[str, JobView] = {}
        self._asked, self._answered = -_ASK_EVERY_S, time.monotonic()
        self._limit_min: int | None = None

    def submit(self, folder: JobFolder, *, device: str, cpus: int = 1, is_scoring: bool = False) -> str:
        """Submit the job of a folder and return Slurm's number of it.

        Raises:
            LimitReachedError: the user has too many jobs in the queue.
            SlurmError: Slurm refuses it for another reason.
        """
        import submitit

        python = f"{shlex.quote(sys.executable)} -I"
        queue = submitit.SlurmExecutor(folder.submitit, max_num_timeout=_MOST_REQUEUES, python=python)
        queue.update_parameters(**self._parameters(folder, device, cpus, is_scoring))
        try:
            job = queue.submit(OnNode(folder.path))
        except Exception as error:  # submitit raises errors of its own kinds, and those of the command
            said = " ".join(str(getattr(error, "stderr", None) or error).split())[-500:]
            kind = LimitReachedError if "limit" in said.lower() and "time limit" not in said.lower() else SlurmError
            raise kind(f"Slurm refuses a job: {said}") from error
        folder.write_id(job.job_id)
        self._views = {**self._views, job.job_id: JobView(job.job_id, "PENDING")}  # the last answer is older
        return job.job_id

    def _parameters(self, folder: JobFolder, device: str, cpus: int, is_scoring: bool) -> dict[str, Any]:
        options = self._options
        given = {name: getattr(options, name) for name in ("partition", "account", "qos", "constraint")}
        gres = options.gres or ("gpu:1" if device == "cuda" else None)
        memory = options.scoring_memory if is_scoring else options.memory
        minutes = self._minutes()
        names = [name for name in _ENVIRONMENT if name in os.environ or name == "SUBMITIT_EXECUTOR"]
        return {
            **{name: value for name, value in given.items() if value},
            **({"gres": gres} if gres and (device == "cuda" or not is_scoring) else {}),
            "job_name": f"{NAME_PREFIX}{folder.path.name}", "time": minutes, "cpus_per_task": cpus, "nodes": 1,
            "ntasks_per_node": 1, "stderr_to_stdout": True, "signal_delay_s": min(90, minutes * 15),
            "additional_parameters": {"export": ",".join(names), "requeue": True} | ({"mem": memory} if memory else {}),
        }  # fmt: skip

    def _minutes(self) -> int:
        """Return the time limit of a job: what is asked for, or the partition's limit where that is less."""
        if self._limit_min is None:
            where = ["--partition", self._options.partition] if self._options.partition else []
            lines = run_command("sinfo", "--noheader", "--format=%P|%l", *where).splitlines()
            limits = [line.split("|")[1] for line in lines if where or "*" in line]
            known = [minutes for minutes in map(minutes_of, limits) if minutes is not None]
            self._limit_min = min([self._options.time, *known])
        return self._limit_min

    def view(self, job_id: str, *, now: bool = False) -> JobView | None:
        """Return how a job stands, as Slurm said a few seconds ago; None where it knows nothing of it.

        Args:
            job_id: Slurm's number.
            now: whether there is a reason to expect news: the answer is then at most half a second old.

        Raises:
            SlurmError: the controller has given no answer for ten minutes.
        """
        waited = time.monotonic() - self._asked
        if waited > (_ASK_NOW_EVERY_S if now else _ASK_EVERY_S) and not self._ask():
            return self._views.get(job_id, JobView(job_id, "RUNNING"))  # nothing is known to have changed
        return self._views.get(job_id) or self._of_accounting(job_id)

    def views(self) -> Mapping[str, JobView]:
        """Return all jobs of this user, those that ended a few minutes ago included, asked for now.

        Raises:
            SlurmError: the controller does not answer.
        """
        self._views = queue_of_user()
        self._asked = self._answered = time.monotonic()
        return self._views

    def _ask(self) -> bool:
        self._asked = time.monotonic()
        try:
            self.views()
        except SlurmError as error:
            silent_s = time.monotonic() - self._answered
            if silent_s > _NO_ANSWER_S:
                again = "jobs stay in the queue; run the same command again to go on with them"
                raise SlurmError(f"Slurm has not answered for {silent_s:.0f} s ({error}): {again}") from error
            logger.warning("Slurm does not answer, and is asked again: %s", error)
            return False
        return True

    def _of_accounting(self, job_id: str) -> JobView | None:
        """Ask the accounting for a job that is not in the queue's memory any more; sites may have none."""
        try:
            state = parse_accounting(run_command("sacct", "-n", "-P", "-X", "-o", "State", "-j", job_id))
        except SlurmError as error:
            logger.debug("the accounting tells nothing of job %s: %s", job_id, error)
            return None
        return JobView(job_id, state) if state else None

    def cancel(self, job_id: str, *, limit_s: float = 120.0) -> None:
        """Cancel a job and wait until it has ended.

        Raises:
            SlurmError: Slurm refuses, or the job has not ended in time.
        """
        run_command("scancel", job_id)
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            view = self.view(job_id, now=True)
            if view is None or not view.is_alive:
                return
            time.sleep(0.1)
        raise SlurmError(f"job {job_id} was cancelled and has not ended after {limit_s:.0f} s")


def minutes_of(limit: str) -> int | None:
    """Return a time limit as Slurm prints it, `days-hours:minutes:seconds`, in whole minutes; None for `infinite`.

    >>> minutes_of("1:00"), minutes_of("2:30:00"), minutes_of("1-00:00:00"), minutes_of("infinite")
    (1, 150, 1440, None)
    """
    days, _, clock = limit.strip().rpartition("-")
    parts = clock.split(":")
    if not all(part.isdecimal() for part in parts) or not (days or "0").isdecimal():
        return None
    hours, minutes, _ = ["0", *parts][-3:] if len(parts) > 1 else ("0", parts[0], "0")
    return int(days or 0) * 1440 + int(hours) * 60 + int(minutes)
