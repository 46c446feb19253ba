"""What `fmn plan` takes for 100,500 runs: `python -m bench.commands.large_plan [REPEATS]`.

500 models of each cell, ten schedules at twenty sparsities and the dense one, nothing trained before. The command tries
a few updates, says what is left, and starts nothing.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bench.commands.timed import HEAD, environment_in, machine, row, run

MODELS, SCHEDULES, SPARSITIES = 500, 10, 20

REACH = "30 s, 1 GiB"


def document(models: int = MODELS) -> str:
    """Write the specification, of so many models per cell."""
    sparsities = ", ".join(str(round(0.02 + 0.048 * place, 3)) for place in range(SPARSITIES))
    schedules = "\n".join(
        f"  - {{name: ramp-{number}, kind: gradual, begin: {0.05 + 0.05 * number:.2f}, "
        f"end: {0.25 + 0.05 * number:.2f}, updates: 20}}"
        for number in range(SCHEDULES)
    )
    return f"""\
name: large-plan
version: "1.0"
tier: smoke
tasks:
  - dataset: {{name: digits}}
    encoder: {{name: resnet8, width: 8}}
    training: {{epochs: 30, batch_size: 128}}
sparsities: [{sparsities}]
schedules:
{schedules}
population: {{models: {models}}}
evaluation: {{linear: {{l2: 1.0e-3}}}}
"""


def main(repeats: int) -> None:
    """Plan `repeats` times and print the median and the range."""
    num_runs = MODELS * (SCHEDULES * SPARSITIES + 1)
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder, "large-plan.yaml")
        spec.write_text(document(), encoding="utf-8")
        words = ["plan", "simclr", "--spec", str(spec), "--executor", "process"]
        print(machine())
        found = [run(words, environment_in(folder), folder) for _ in range(repeats)]
    print(HEAD)
    print(row(f"`fmn plan` of {num_runs:,} runs", found, REACH))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
