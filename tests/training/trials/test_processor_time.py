"""The limit on the processor time of a trial: work uses it up, waiting does not, and the line is named."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from benchmark.training.trials.processor_time import OutOfTime, at_most
from benchmark.training.trials.rehearsal import rehearse
from tests.training.tiny import job_without_segments


def spin(seconds: float) -> None:
    start = time.process_time()
    while time.process_time() - start < seconds:
        try:
            sum(range(1000))
        except Exception:
            raise AssertionError("the end of the time looks like any other exception") from None


def test_work_beyond_the_limit_is_ended_and_no_except_of_exceptions_keeps_it() -> None:
    with pytest.raises(OutOfTime, match=r"more than 0\.2 s of processor time"), at_most(0.2):
        spin(20)


def test_waiting_uses_nothing_up_and_nothing_is_left_behind() -> None:
    """So is time in which a busy machine does something else."""
    before = signal.getsignal(signal.SIGPROF)
    with at_most(0.2):
        time.sleep(0.5)
    spin(0.4)
    assert signal.getsignal(signal.SIGPROF) == before
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)
    with at_most(None):
        spin(0.1)


@pytest.mark.parametrize(("body", "line"), [
    ("while True:\n    pass\n\nclass Mine(Method):\n    pass\n", 3),
    ("class Mine(Method):\n    def loss(self, encoder, views, labels):\n        while True:\n            pass\n", 5),
    ("class Mine(Method):\n    def views(self, images):\n        while True:\n            pass\n", 5),
])  # fmt: skip
def test_a_submission_that_never_ends_is_ended_at_its_line(tmp_path: Path, body: str, line: int) -> None:
    (tmp_path / "method.py").write_text("from benchmark.method.contract import Method\n" + body, encoding="utf-8")
    with at_most(1):
        [problem] = rehearse(job_without_segments(), tmp_path, (1, 32, 32))
    assert problem.where in (f"method.py:{line}", f"method.py:{line - 1}")  # the interpreter is at either
    assert problem.expected == "four updates within 1 s of processor time"
    assert problem.got == "no end by then"
