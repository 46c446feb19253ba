"""How long small commands take: help, check, plan of trained work, and an evaluation with nothing to do.

    python -m bench.start_up [REPEATS]

Each command runs as a user runs it, in a process of its own, in a home in which a tiny grid was evaluated before. Wall
time says what a person waits, processor time what remains of that where the machine is busy.
"""

from __future__ import annotations

import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmark.machine import available_cores, cpu_model

SPEC = """\
name: start-up
version: "1.0"
tier: smoke
tasks:
  - dataset: {name: digits}
    encoder: {name: resnet8, width: 2}
    training: {epochs: 2, batch_size: 128}
sparsities: [0.5, 0.9]
schedules:
  - {name: ramp, kind: gradual, begin: 0.2, end: 0.6, updates: 4}
population: {models: 2}
evaluation: {linear: {l2: 1.0e-2, tolerance: 1.0e-3}, bootstrap: {draws: 100}}
"""

REACH_S = {"--help": 0.5, "check": 4.0, "plan": 1.5, "evaluate": 3.0}
"""What was aimed at, in seconds of wall time on two quiet cores."""


def run(words: list[str], environment: dict[str, str], folder: str) -> tuple[float, float]:
    """Run a command; returns wall and processor seconds, children included."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "benchmark", *words], cwd=folder, env=environment, check=True, capture_output=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - started, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(repeats: int) -> None:
    """Evaluate a tiny grid, then time every command `repeats` times, in turn, and print medians and ranges."""
    with tempfile.TemporaryDirectory() as folder:
        root = str(Path(__file__).resolve().parents[1])
        environment = os.environ | {f"FMN_{name}": f"{folder}/{name}" for name in ("HOME", "CONFIG", "CACHE")}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        spec = Path(folder, "start-up.yaml")
        spec.write_text(SPEC, encoding="utf-8")
        given = ["simclr", "--spec", str(spec), "--executor", "process"]
        commands = {"--help": ["--help"], "check": ["check", *given], "plan": ["plan", *given]}
        commands["evaluate"] = ["evaluate", *given]
        for _ in range(2):  # the second one leaves nothing to compute
            run(commands["evaluate"], environment, folder)
        load = os.getloadavg()[0]
        times = [{name: run(words, environment, folder) for name, words in commands.items()} for _ in range(repeats)]
    print(f"{available_cores()} cores of {cpu_model()}, Python {platform.python_version()}, load {load:.1f} before")
    print("| command | wall | processor | reach |\n|---|---|---|---|")
    for name in commands:
        wall, used = ([each[name][part] for each in times] for part in (0, 1))
        spread = f"{statistics.median(wall):.2f} s [{min(wall):.2f}, {max(wall):.2f}]"
        print(f"| `fmn {name}` | {spread} | {statistics.median(used):.2f} s | {REACH_S[name]:g} s |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
