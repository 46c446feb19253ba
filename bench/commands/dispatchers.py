"""Five evaluations started together in one home: `python -m bench.commands.dispatchers [EPOCHS]`.

Each has one seed left to train, as after a crash: alone, an evaluation like that leaves all cores but one idle. The
ideal is the processor time of the five one after another, divided by the cores. Cores must be quiet for the ratio to
mean anything; how many of the slots were held, and how many trainers there were at most, can be read on any machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.commands.timed import Spent, environment_in, machine, run
from bench.faults.evaluation import role_of
from benchmark.cli.session import Session
from benchmark.machine import available_cores
from benchmark.spec.documents.loading import load_spec
from benchmark.store.claim import holder_of
from benchmark.store.layout import Home

REACH = 1.15
SUBMISSIONS = ("supervised", "label_smoothing", "simclr", "supcon", "vicreg")
SPEC = """\
name: together
version: "1.0"
tier: smoke
tasks:
  - dataset: {{name: digits}}
    encoder: {{name: resnet8, width: 8}}
    training: {{epochs: {epochs}, batch_size: 128}}
sparsities: [0.5, 0.9]
schedules:
  - {{name: shot, kind: one_shot, at: 0.5}}
population: {{models: 2}}
evaluation: {{linear: {{l2: 1.0e-2, tolerance: 1.0e-3}}, bootstrap: {{draws: 100}}}}
"""


def words(submission: str, spec: Path) -> list[str]:
    """Return the command that evaluates."""
    return ["evaluate", submission, "--spec", str(spec), "--executor", "process", "--device", "cpu"]


def with_one_seed_left(trained: Path, folder: Path, spec: Path) -> dict[str, str]:
    """Copy a home in which all is trained, without the states of the second seeds; return an environment for it."""
    home = folder / "HOME"
    for name in ("segments", "data", "submissions"):
        shutil.copytree(trained / "HOME" / name, home / name)
    shutil.copytree(trained / "CONFIG", folder / "CONFIG")
    with Session("process", "cpu", Home(home)) as session:
        for submission in SUBMISSIONS:
            for subtree in session.prepare(load_spec(str(spec)), submission).plan.subtrees[1:]:
                for segment in subtree.segments:
                    shutil.rmtree(home / "segments" / segment.key[:2] / segment.key)
    return environment_in(str(folder))


def together(environment: dict[str, str], spec: Path) -> tuple[float, float, int]:
    """Start all at once; return the wall time, the slots that were held on average, and the most trainers.

    Raises:
        SystemExit: one has failed.
    """
    home, started = Path(environment["FMN_HOME"]), time.monotonic()
    commands = [[sys.executable, "-m", "benchmark", *words(each, spec)] for each in SUBMISSIONS]
    running = [
        subprocess.Popen(each, env=environment, cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        for each in commands
    ]
    held: list[int] = []
    trainers = [0]
    while any(each.poll() is None for each in running):
        slots = [path for path in home.glob("claims/slot-*") if "-next-" not in path.name]
        held.append(sum(holder_of(path) is not None for path in slots))
        trainers.append(sum(role_of(int(pid.name), home) == "trainer" for pid in Path("/proc").glob("[0-9]*")))
        time.sleep(0.1)
    if any(each.returncode for each in running):
        raise SystemExit("an evaluation failed")
    busy = held[next(place for place, count in enumerate(held) if count) :] if any(held) else [0]
    return time.monotonic() - started, sum(busy) / len(busy), max(trainers)


def main(epochs: int) -> None:
    """Measure once, and print one line."""
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder, "together.yaml")
        spec.write_text(SPEC.format(epochs=epochs), encoding="utf-8")
        trained, apart, at_once = (Path(folder, name) for name in ("trained", "apart", "at-once"))
        (trained / "HOME").mkdir(parents=True)
        os.environ.update(environment_in(str(trained)))  # keys and what is remembered of this machine
        together(environment_in(str(trained)), spec)
        alone: list[Spent] = []
        environment = with_one_seed_left(trained, apart, spec)
        for submission in SUBMISSIONS:
            alone.append(run(words(submission, spec), environment, folder))
        wall_s, held, trainers = together(with_one_seed_left(trained, at_once, spec), spec)
    cores = available_cores()
    ideal_s = sum(each.processor_s for each in alone) / cores
    print(
        f"{len(SUBMISSIONS)} evaluations with one seed left: one after another {sum(a.wall_s for a in alone):.1f} s, "
        f"together {wall_s:.1f} s, ideal on {cores} cores {ideal_s:.1f} s: {wall_s / ideal_s:.2f} (reach {REACH}); "
        f"{held:.2f} of {cores} slots held on average, at most {trainers} trainers at a time"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
