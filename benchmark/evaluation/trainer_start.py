"""Whether trainers can start at all where an evaluation runs: an experiment without submitted code decides it.

A submission can end its trainer before the first report, and can remove every trace of that report: it writes to the
same outbox as the harness. So what is left behind cannot tell a broken place from a broken submission. Where no trainer
of an evaluation has reported anything, one more is started here, in the same place and with the same job, but with an
empty folder in place of the submission. A harness that works reports that the method is missing.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Sequence
from dataclasses import replace

from benchmark.evaluation.scheduling.supervisor import JobResult, supervise
from benchmark.executors.base import Executor, PreparedJob
from benchmark.executors.errors import ExecutorError
from benchmark.executors.failure import Evidence
from benchmark.executors.output_log import last_output
from benchmark.printable import on_one_line
from benchmark.store.layout import Home
from benchmark.store.origin import UNKNOWN, write_job_origin
from benchmark.store.outbox import remove_tree
from benchmark.store.slots import Slots
from benchmark.store.state_store import Store

_SHOWN = 2000
"""Characters of a trainer's output that an error shows."""


def demand_a_start(
    results: Sequence[JobResult], home: Home, store: Store, executor: Executor, stall_s: float,
    slots: Slots | None = None,
) -> None:  # fmt: skip
    """Refuse to go on where no trainer can start: that is no fault of the submission.

    Args:
        results: how the jobs of an evaluation ended.
        home: where the experiment's job is kept while it runs.
        store: where states are; the experiment makes none.
        executor: where the jobs ran.
        stall_s: seconds after which the experiment's trainer is ended.
        slots: where it takes one first.

    Raises:
        ExecutorError: no trainer could start; says why.
    """
    if not results or not all(_is_silent(each) for each in results):
        return
    if all(each.evidence.start_error is not None for each in results):
        raise _no_start(results[0])
    control = _without_submission(results[0].prepared, home)
    try:
        outcome = supervise(
            executor, [control], store, workers=1, stall_s=stall_s, on_progress=lambda _: None, slots=slots
        )[0]
        if not outcome.has_started:
            raise _no_start(outcome)
    finally:
        remove_tree(control.job_file.parent)


def _is_silent(result: JobResult) -> bool:
    """Return whether a trainer ended with an error, by itself, and nothing was seen of it before."""
    evidence = result.evidence
    if evidence.start_error is not None:
        return True
    return not result.has_started and bool(evidence.exit_code) and evidence == Evidence(evidence.exit_code)


def _without_submission(prepared: PreparedJob, home: Home) -> PreparedJob:
    """Write a job that is the given one, with an empty folder as its submission."""
    folder = home.jobs / f"{prepared.job.root[:12]}-control-{uuid.uuid4().hex[:8]}"
    submission, parents, outbox = folder / "submission", folder / "parents", folder / "outbox"
    for each in (submission, parents, outbox):
        each.mkdir(parents=True)
    job_file = folder / prepared.job_file.name
    shutil.copyfile(prepared.job_file, job_file)
    write_job_origin(job_file, UNKNOWN)
    return replace(
        prepared, job_file=job_file, submission=submission, parents=parents, outbox=outbox, log=folder / "log"
    )


def _no_start(result: JobResult) -> ExecutorError:
    evidence = result.evidence
    end = on_one_line(last_output(result.prepared.log).strip()[-_SHOWN:])
    cause = evidence.start_error or f"exit code {evidence.exit_code} after: {end or 'nothing'}"
    return ExecutorError(f"no trainer could start, so nothing is scored and no record is written: {cause}")
