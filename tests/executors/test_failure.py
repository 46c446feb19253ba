"""The decision table: one reason for every piece of evidence, and nothing a submission says among it."""

from __future__ import annotations

import dataclasses

import pytest

from benchmark.executors.failure import Evidence, decide

TABLE = [
    (Evidence(None, start_error="no fork"), "environment", "no fork"),
    (Evidence(None, lost="the engine went away"), "environment", "the engine went away"),
    (Evidence(137, memory_event=True), "out_of_memory", "memory limit"),
    (Evidence(0, memory_event=True), "out_of_memory", "memory limit"),  # a killed child leaves exit code 0
    (Evidence(None, past_deadline=True), "timeout", "no progress"),
    (Evidence(0, refused_file="ab/mask: a link"), "invalid_output", "ab/mask: a link"),
    (Evidence(-9), "environment", "ended by SIGKILL"),  # the kernel's, as far as anybody can tell
    (Evidence(-11), "submission", "signal 11"),
    (Evidence(3), "submission", "exit code 3"),
    (Evidence(137), "submission", "exit code 137"),  # forged: the kernel reported nothing
    (Evidence(0), "submission", "without delivering"),
    (Evidence(0, diverged_at=26), "diverged", "at update 26"),
    (Evidence(3, diverged_at=26), "submission", "exit code 3"),
]


@pytest.mark.parametrize(("evidence", "reason", "says"), TABLE)
def test_evidence_gives_one_reason_and_a_sentence_that_names_it(evidence: Evidence, reason: str, says: str) -> None:
    decided, message = decide(evidence)
    assert decided == reason
    assert says in message


def test_what_the_kernel_and_the_supervisor_saw_outweighs_what_a_trainer_can_fake() -> None:
    """A trainer chooses its exit code and what lies in its outbox; each step takes the strongest evidence away."""
    evidence = Evidence(
        1, start_error="e", lost="l", past_deadline=True, memory_event=True, refused_file="f", diverged_at=7
    )  # fmt: skip
    expected = ["environment", "environment", "out_of_memory", "timeout", "invalid_output", "submission", "diverged"]
    weaker = [
        {}, {"start_error": None}, {"lost": None}, {"memory_event": False}, {"past_deadline": False},
        {"refused_file": None}, {"exit_code": 0},
    ]  # fmt: skip
    decided: list[str] = []
    for changes in weaker:
        evidence = dataclasses.replace(evidence, **changes)
        decided.append(decide(evidence)[0])
    assert decided == expected
