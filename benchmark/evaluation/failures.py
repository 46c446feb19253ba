"""Why a run has no numbers: one reason from what the supervisor saw, with the words of its trainer for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from benchmark.evaluation.scheduling.supervisor import JobResult
from benchmark.executors.failure import Evidence, decide
from benchmark.printable import masked
from benchmark.recording.record import Failure
from benchmark.training.training_job import SegmentFailure

NEVER_STARTED = Evidence(exit_code=None, start_error="its state was not trained in this evaluation")


def failure_of(evidence: Evidence, reported: SegmentFailure | None) -> Failure:
    """Say why a run failed: what the supervisor saw decides, what the trainer reported is shown to people."""
    if reported is not None and reported.diverged:
        evidence = replace(evidence, diverged_at=reported.update)
    reason, message = decide(evidence)
    log = "" if reported is None else reported.error
    if reported is not None and log.strip() and reason == "submission":
        at = [masked(reported.place)] if reported.place else []
        at += [f"update {reported.update}"] if reported.update is not None else []
        where = f" ({', '.join(at)})" if at else ""
        message = f"the submission raised: {masked(log.strip().splitlines()[-1][:300])}{where}"
    return Failure(reason=reason, message=message, log=log)


def reported_failures(results: Sequence[JobResult]) -> dict[str, tuple[Evidence, SegmentFailure | None]]:
    """Return, for every segment that a job was asked for, what the supervisor saw and what the trainer reported."""
    return {
        segment.key: (each.evidence, each.failures.get(segment.key))
        for each in results
        for segment in each.prepared.job.segments
    }
