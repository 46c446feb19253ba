"""The programs that executors start: their arguments, and how much of their output is kept.

Each is a module and its arguments, which `python -I -m` runs. Only the paths differ from place to place.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Environment variables of every program, set before it imports numpy: the number of threads changes bits, and parallel
work is done by processes."""

DESCRIBE_S = 300.0
"""Time limit of the description of a machine."""

MAX_LOG_BYTES = 4 << 20
"""Largest log of a trainer or a scorer; of a longer one, the end is kept."""

MAX_ANSWER_BYTES = 1 << 16
"""Largest standard output of a trial that is read; the rest is cut off."""

MAX_SHOWN_BYTES = 4000
"""How much of the end of an output an error shows."""


TRIALS = "benchmark.training.trials"
"""The package whose modules are trials."""


def trainer_program(
    *, job: Path | str, submission: Path | str, data: Path | str, parents: Path | str, outbox: Path | str
) -> list[str]:
    """Return the trainer with the five places that it may see."""
    places = {"--job": job, "--submission": submission, "--data": data, "--parents": parents, "--outbox": outbox}
    return ["benchmark.training.trainer", *(str(word) for pair in places.items() for word in pair)]


def same_node_program(*, expected: Path | str, answer: int, device: str, program: Sequence[str]) -> list[str]:
    """Return a program that runs only where the node computes on `device` as the file `expected` says.

    Args:
        expected: the environment that names states, as JSON.
        answer: descriptor for how the node differs.
        device: `cpu` or `cuda`.
        program: module and arguments.
    """
    return ["benchmark.training.starting.same_node", str(expected), str(answer), device, *program]


def trial_program(name: str, *, job: Path | str, submission: Path | str, arguments: Sequence[str]) -> list[str]:
    """Return a module of `benchmark.training.trials`, which runs a submission for a few updates."""
    return [f"{TRIALS}.{name}", *trial_arguments(job=job, submission=submission, arguments=arguments)]


def trial_arguments(*, job: Path | str, submission: Path | str, arguments: Sequence[str]) -> list[str]:
    """Return what such a module is called with."""
    return ["--job", str(job), "--submission", str(submission), *arguments]


def describe_program(device: str) -> list[str]:
    """Return the program that prints a `MachineDescription`."""
    return ["benchmark.training.describe", "--device", device]


def scorer_program(*, job: Path | str, out: Path | str) -> list[str]:
    """Return the scorer with its job and the folder for its results."""
    return ["benchmark.scoring.scorer", "--job", str(job), "--out", str(out)]
