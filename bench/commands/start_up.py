"""How long small commands take: help, check, plan of trained work, and an evaluation with nothing to do.

    python -m bench.commands.start_up [REPEATS]

Each command runs as a user runs it, in a process of its own, in a home in which a tiny grid was evaluated before. Wall
time says what a person waits, processor time what remains of that where the machine is busy.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bench.commands.timed import HEAD, environment_in, machine, row, run

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


def main(repeats: int) -> None:
    """Evaluate a tiny grid, then time every command `repeats` times, in turn, and print medians and ranges."""
    with tempfile.TemporaryDirectory() as folder:
        environment = environment_in(folder)
        spec = Path(folder, "start-up.yaml")
        spec.write_text(SPEC, encoding="utf-8")
        given = ["simclr", "--spec", str(spec), "--executor", "process"]
        commands = {"--help": ["--help"], "check": ["check", *given], "plan": ["plan", *given]}
        commands["evaluate"] = ["evaluate", *given]
        for _ in range(2):  # the second one leaves nothing to compute
            run(commands["evaluate"], environment, folder)
        print(machine())
        times = [{name: run(words, environment, folder) for name, words in commands.items()} for _ in range(repeats)]
    print(HEAD)
    for name in commands:
        print(row(f"`fmn {name}`", [each[name] for each in times], f"{REACH_S[name]:g} s"))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
