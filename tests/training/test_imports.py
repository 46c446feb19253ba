"""What a process imports is what hostile code in it can reach; each closure is looked at in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys

import pytest

NOT_FOR_TRAINERS = {
    "sklearn": "contains the digits, test labels included",
    "torchvision": "fetches data sets",
    "scipy": "not in the trainer's image",
    "pandas": "not in the trainer's image",
    "pyarrow": "not in the trainer's image",
    "mlflow": "logging is the host's business",
    "streamlit": "showing is the host's business",
    "cryptography": "signing is the host's business",
    "docker": "containers are the host's business",
    "PIL": "reads pictures",
    "benchmark.datasets": "loads test data",
    "benchmark.scoring": "judges",
    "benchmark.recording": "records",
    "benchmark.admission": "judges submissions",
    "benchmark.store": "knows where everything is",
    "benchmark.executors": "starts trainers",
    "benchmark.evaluation": "knows the plan",
    "benchmark.cli": "drives",
    "leaderboard": "shows",
}
"""What no trainer imports, and why."""


def closure_of(module: str) -> set[str]:
    """List everything that is imported once `module` is, as a trainer starts: isolated, from a fresh interpreter."""
    script = f"import {module}, sys; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "module",
    [
        "benchmark.training.trainer",
        "benchmark.training.describe",
        "benchmark.training.trials.rehearsal",
        "benchmark.training.trials.timing",
        "benchmark.data.views",
    ],
)
def test_nothing_that_holds_data_scores_or_secrets_can_be_reached_from_a_trainer(module: str) -> None:
    imported = closure_of(module)
    assert module in imported
    reached = {name: reason for name, reason in NOT_FOR_TRAINERS.items() if name in imported}
    assert reached == {}


@pytest.mark.parametrize(
    "module",
    ["benchmark.spec", "benchmark.plan", "benchmark.recording.record", "benchmark.store.collector",
     "benchmark.store.dataset_files", "benchmark.store.lock"],
)  # fmt: skip
def test_what_is_asked_planned_kept_and_recorded_needs_no_torch(module: str) -> None:
    imported = closure_of(module)
    assert module in imported
    assert not imported & {"torch", "kornia", "torchvision"}
