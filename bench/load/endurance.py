"""An hour of evaluations by one process: `python -m bench.load.endurance [--minutes 60] [--keep FILE]`.

Every evaluation trains a submission that was not there before, in processes, as `fmn evaluate` does it. After each, the
memory, descriptors, threads and children of the process and the files of its home are counted. Every few evaluations
`fmn status` and `fmn evaluate` of something evaluated before are started as commands, in this home and in a copy from
the beginning, one after the other: the ratio of their processor seconds says what a home that grows costs, however
busy the machine is. It ends with 1 where memory, descriptors or start-up grow by more than a reach.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from bench.commands.timed import environment_in, machine, run
from bench.load.growth import REACH, WARM_UP, Sample, broken, table
from bench.load.process_facts import facts_now
from benchmark.cli.session import Session
from benchmark.files.destination import why_no_file
from benchmark.shipped import shipped
from benchmark.spec.documents.loading import load_spec
from benchmark.store.layout import Home

SPEC = """\
name: endurance
version: "1.0"
tier: smoke
tasks:
  - dataset: {name: digits}
    encoder: {name: resnet8, width: 1}
    training: {epochs: 1, batch_size: 256}
sparsities: [0.5, 0.9]
schedules:
  - {name: shot, kind: one_shot, at: 0.5}
population: {models: 2}
evaluation: {linear: {l2: 1.0e-2, tolerance: 1.0e-3}, bootstrap: {draws: 100}}
"""
"""6 runs, the fewest that a specification can have, of 4 updates each."""

COUNTED = ("claims", "jobs", "logs", "status")
"""Folders of a home whose files are counted."""


@dataclass(frozen=True)
class Course:
    """How long to go on, and how often start-up is timed.

    Attributes:
        seconds: of wall time after which no evaluation begins.
        evaluations: after which it ends, whatever the time; None for no such end.
        every: evaluations between two timings of start-up.
        warm_up: evaluations after which growth is judged, and a copy of the home is taken.
    """

    seconds: float
    evaluations: int | None = None
    every: int = 5
    warm_up: int = WARM_UP


def write_submission(folder: Path, number: int) -> Path:
    """Write a submission that nobody has evaluated: a shipped one under another name and with other code."""
    name = f"method-{number:05d}"
    made = folder / name
    shutil.copytree(shipped("submissions") / "supervised", made, ignore=shutil.ignore_patterns("__pycache__"))
    manifest = made / "submission.yaml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace("name: supervised\n", f"name: {name}\n", 1), encoding="utf-8")
    with (made / "method.py").open("a", encoding="utf-8") as code:
        code.write(f"# {name}\n")
    return made


def endure(folder: Path, course: Course) -> Iterator[Sample]:
    """Evaluate one submission after the other; yields what was found after each.

    Args:
        folder: for the home, its copy, keys and submissions.
        course: how long.

    Raises:
        SystemExit: an evaluation has not given every run a score.
    """
    os.environ.update(environment_in(str(folder)))
    home, spec_file = folder / "HOME", folder / "endurance.yaml"
    spec_file.write_text(SPEC, encoding="utf-8")
    spec, started, number = load_spec(str(spec_file)), time.monotonic(), 0
    known = write_submission(folder, 0)
    while time.monotonic() - started < course.seconds and number != course.evaluations:
        submission = known if number == 0 else write_submission(folder, number)
        began = time.monotonic()
        with (
            Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere),
            Session("process", "cpu", Home(home)) as session,
        ):  # fmt: skip
            is_complete = session.evaluate(spec, str(submission), train=True)
        if not is_complete:
            raise SystemExit(f"evaluation {number} has runs without a score; see {home / 'logs'}")
        number, wall_s = number + 1, time.monotonic() - began
        if number == course.warm_up:
            shutil.copytree(home, folder / "COPY")
            _start_up(folder, known, "COPY")  # its notes name the home that it was copied from
        ratios: dict[str, float] = {}
        if number >= course.warm_up and (number - course.warm_up) % course.every == 0:
            ratios = _ratios(folder, known)
        counts = {name: _num_files(home / name) for name in COUNTED}
        yield Sample(number, time.monotonic() - started, wall_s, counts, ratios, **asdict(facts_now()))
        if number > 1:
            shutil.rmtree(submission)


def _ratios(folder: Path, known: Path) -> dict[str, float]:
    """Return processor seconds of each command in the home, by those in the copy from the beginning."""
    before, now = _start_up(folder, known, "COPY"), _start_up(folder, known, "HOME")
    found = {name: now[name] / before[name] for name in now}
    return found | {f"{name}, seconds": spent for name, spent in now.items()}


def _start_up(folder: Path, known: Path, home: str) -> dict[str, float]:
    """Return the processor seconds of commands that find nothing to do, in a home."""
    environment = environment_in(str(folder)) | {"FMN_HOME": str(folder / home)}
    evaluate = ["evaluate", str(known), "--spec", str(folder / "endurance.yaml"), "--executor", "process",
                "--device", "cpu"]  # fmt: skip
    words = {"fmn status": ["status"], "fmn evaluate, nothing to do": evaluate}
    return {name: run(each, environment, str(folder)).processor_s for name, each in words.items()}


def _num_files(folder: Path) -> int:
    return sum(len(files) for _, _, files in os.walk(folder))


def main(
    minutes: Annotated[float, typer.Option(min=0.1, help="How long evaluations go on.")] = 60,
    evaluations: Annotated[int | None, typer.Option(min=1, help="End after so many, whatever the time.")] = None,
    every: Annotated[int, typer.Option(min=1, help="Evaluations between two timings of start-up.")] = 5,
    warm_up: Annotated[int, typer.Option(min=1, help="Evaluations before growth is judged.")] = WARM_UP,
    keep: Annotated[Path | None, typer.Option(help="File for what is counted after each, a line each.")] = None,
) -> None:
    """Evaluate for as long, and print how things grow per 100 evaluations."""
    if keep is not None and (got := why_no_file(keep)) is not None:
        raise SystemExit(f"--keep: expected a file to write to, got {got}")
    print(machine(), flush=True)
    samples: list[Sample] = []
    with tempfile.TemporaryDirectory(prefix="fmn-endurance-") as folder:
        for sample in endure(Path(folder), Course(60 * minutes, evaluations, every, warm_up)):
            samples.append(sample)
            print(f"\r{sample}", end="", flush=True)
            if keep is not None:
                keep.parent.mkdir(parents=True, exist_ok=True)
                with keep.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(sample)) + "\n")
    print(f"\n\n{table(samples, warm_up)}")
    problems = broken(samples, warm_up)
    for problem in problems:
        print(problem)
    if problems:
        raise typer.Exit(1)
    print(f"nothing grows beyond its reach: {REACH}")


if __name__ == "__main__":
    typer.run(main)
