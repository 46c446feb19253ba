"""The command line of every trial: a job, a submission and an image shape in; one JSON value on standard output.

python -m benchmark.training.trials.NAME --job J --submission DIR --image-shape C H W [--processor-s SECONDS]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmark.training.training_job import TrainingJob
from benchmark.training.trials.processor_time import at_most

ImageShape = tuple[int, int, int]
"""(channels, height, width)."""


def run_trial(name: str, description: str | None, trial: Callable[[TrainingJob, Path, ImageShape], Any]) -> None:
    """Run a trial as a program, and print its answer.

    Args:
        name: name of the trial's module.
        description: what `--help` says about it.
        trial: gets the job, the submission's folder and the shape of its images; returns JSON values. It may run
            submission code: what that prints goes to standard error, so that standard output holds the answer alone.
    """
    arguments = _parse_arguments(name, description)
    answer = _reserve_standard_output()
    channels, height, width = arguments.image_shape
    with at_most(arguments.processor_s):
        result = trial(TrainingJob.read(arguments.job), arguments.submission, (channels, height, width))
    sys.stdout.flush()
    os.write(answer, json.dumps(result).encode())


def _parse_arguments(name: str, description: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"python -m benchmark.training.trials.{name}", description=description)
    parser.add_argument("--job", type=Path, required=True)
    parser.add_argument("--submission", type=Path, required=True)
    parser.add_argument("--image-shape", type=int, nargs=3, required=True)
    parser.add_argument("--processor-s", type=float, help="seconds of processor time, imports not counted")
    return parser.parse_args()


def _reserve_standard_output() -> int:
    """Return a new descriptor of standard output, and send everything printed from now on to standard error."""
    answer = os.dup(1)
    os.dup2(2, 1)
    return answer
