"""How an evaluation goes, in plain lines: what is done, and an honest word about what is left."""

from __future__ import annotations

import io
import time

import pytest
from rich.console import Console

from benchmark.cli.live_progress import PlainReporter, make_reporter, time_left
from benchmark.evaluation.scheduling.progress import TrainingProgress


@pytest.mark.parametrize(
    ("updates", "left_s", "scoring_s", "said"),
    [
        (0, None, None, "starting"),
        (5, None, 40.0, "time left not known yet"),
        (0, 90.0, None, "90 s of training left"),
        (5, 7200.0, 300.0, "2.0 h of training left, then 5 min of scoring"),
    ],
)
def test_the_time_left_says_what_is_known_and_no_more(
    updates: int, left_s: float | None, scoring_s: float | None, said: str
) -> None:
    assert time_left(TrainingProgress(updates, 100, 0, 14, None, left_s, scoring_s)) == said


def test_a_plain_reporter_prints_a_line_every_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    printed = io.StringIO()
    reporter = PlainReporter(Console(file=printed, width=200))
    reporter.stage("training 2 seeds, 100 updates")
    for seconds in (3, 6, 9, 12):
        now[0] = 1000.0 + seconds
        reporter.training(TrainingProgress(seconds, 100, 1, 14, 0.5, 100.0 - seconds))
    assert printed.getvalue().splitlines() == [
        "training 2 seeds, 100 updates", "runs 1/14, updates 12/100, loss 0.500, 88 s of training left"
    ]  # fmt: skip


def test_a_terminal_gets_a_bar_with_the_same_words() -> None:
    printed = io.StringIO()
    with make_reporter(Console(file=printed, force_terminal=True, width=200)) as reporter:
        reporter.stage("training")
        reporter.training(TrainingProgress(5, 100, 1, 14, 0.5, 100.0, 30.0))
        reporter.waiting()
    assert "100 s of training left, then 30 s of scoring" in printed.getvalue()
