"""`fmn plan` says how long a plan takes where it would run."""

from __future__ import annotations

from pathlib import Path

from benchmark.cli.plan_table import plan_table
from benchmark.evaluation.scheduling.concurrency import default_workers
from benchmark.spec import BenchmarkSpec
from benchmark.store.layout import Home
from tests.conftest import Evaluated
from tests.executors.warm import WarmExecutor, copy_home, request


class InQueue(WarmExecutor):
    """Trains in a scheduler's queue, as far as a plan can tell."""

    jobs_at_once = 7
    scoring_workers = 3


def test_a_plan_for_a_queue_counts_the_trainers_that_the_queue_takes_and_not_the_cores_of_this_machine(
    evaluated: Evaluated, tiny_spec: BenchmarkSpec, plain: Path, tmp_path: Path
) -> None:
    """`fmn plan --executor slurm` reckoned with the cores of the login node."""
    home = Home(copy_home(evaluated.root, tmp_path / "home"))
    prepared = request(tiny_spec, plain, home.root)
    said = {
        kind: str(plan_table(prepared, home, kind(name="docker", isolation="docker")).renderables[1])
        for kind in (WarmExecutor, InQueue)
    }  # all is left to train, as what is there was trained without isolation, and its cost is known
    assert "7 trainers at a time" in said[InQueue]
    assert "waiting in the queue is not counted" in said[InQueue]
    assert f"{default_workers()} trainer" in said[WarmExecutor]
    assert "queue" not in said[WarmExecutor]
