"""What Slurm says of a job, and what that means: nothing that a site does is booked on a submission."""

from __future__ import annotations

import pytest

from benchmark.executors.failure import Evidence, decide
from benchmark.executors.slurm.node_job import NodeEnd
from benchmark.executors.slurm.states import OUT_OF_TIME, JobView, evidence_of, parse_accounting, parse_queue


@pytest.mark.parametrize("state", ["PENDING", "CONFIGURING", "REQUEUED", "SUSPENDED", "RUNNING", "COMPLETING"])
def test_a_job_that_slurm_calls_alive_has_not_ended_whatever_its_folder_says(state: str) -> None:
    """A program without isolation could write an end into the folder of its job and go on."""
    assert evidence_of(JobView("1", state), NodeEnd(exit_code=0)) is None


@pytest.mark.parametrize("code", [0, 7, -9])
def test_the_end_of_a_program_is_what_its_parent_saw_where_slurm_agrees(code: int) -> None:
    view = JobView("1", "COMPLETED" if code == 0 else "FAILED")
    assert evidence_of(view, NodeEnd(exit_code=code)) == Evidence(exit_code=code)


@pytest.mark.parametrize(
    ("state", "code"), [("COMPLETED", 7), ("FAILED", 0), ("COMPLETED", None), ("FAILED", None)]
)
def test_where_slurm_and_the_folder_disagree_nothing_is_known(state: str, code: int | None) -> None:
    evidence = evidence_of(JobView("1", state), None if code is None else NodeEnd(exit_code=code))
    assert evidence is not None
    assert decide(evidence)[0] == "environment"


@pytest.mark.parametrize(
    "state", ["TIMEOUT", "DEADLINE", "CANCELLED", "NODE_FAIL", "BOOT_FAIL", "PREEMPTED", "REVOKED", "NEW_WORD"]
)
def test_what_a_site_does_to_a_job_is_the_environments_fault(state: str) -> None:
    evidence = evidence_of(JobView("1", state), None)
    assert evidence is not None
    assert decide(evidence)[0] == "environment"


def test_memory_is_a_reason_of_its_own() -> None:
    evidence = evidence_of(JobView("1", "OUT_OF_MEMORY"), NodeEnd(exit_code=-9))
    assert evidence is not None
    assert decide(evidence)[0] == "out_of_memory"


@pytest.mark.parametrize(("code", "reason"), [(None, "out_of_memory"), (-9, "out_of_memory"), (7, "submission")])
def test_a_step_over_its_memory_is_told_from_a_program_that_failed_by_itself(code: int | None, reason: str) -> None:
    """Slurm calls the job FAILED and no more, because it was a step of it that was ended."""
    end = None if code is None else NodeEnd(exit_code=code)
    evidence = evidence_of(JobView("1", "FAILED"), end, over_memory=True)
    assert evidence is not None
    assert decide(evidence)[0] == reason


def test_a_time_limit_without_a_new_checkpoint_says_what_to_change() -> None:
    evidence = evidence_of(JobView("1", "FAILED"), NodeEnd(exit_code=None, out_of_time=True))
    assert evidence is not None
    assert evidence == Evidence(exit_code=None, lost=OUT_OF_TIME)
    assert "FMN_SLURM_TIME" in decide(evidence)[1]


def test_a_job_that_slurm_has_forgotten_ended_as_its_folder_says() -> None:
    assert evidence_of(None, NodeEnd(exit_code=0)) == Evidence(exit_code=0)
    lost = evidence_of(None, None)
    assert lost is not None
    assert lost.lost is not None


def test_the_queue_is_read_line_by_line() -> None:
    text = "12|RUNNING|None|fmn-abc       \n13|PENDING|(Resources)|a|b\n\nslurm_load_jobs error\n"
    views = parse_queue(text)
    assert views == {
        "12": JobView("12", "RUNNING", "None", "fmn-abc"), "13": JobView("13", "PENDING", "(Resources)", "a|b")
    }  # fmt: skip


def test_the_accounting_names_who_cancelled_and_that_is_left_out() -> None:
    assert parse_accounting("CANCELLED by 0\n") == "CANCELLED"
    assert parse_accounting("OUT_OF_ME+\n") == "OUT_OF_ME"
    assert parse_accounting("") is None
