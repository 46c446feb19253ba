"""What containers cost: `python -m bench.commands.container_overhead [PAIRS] [SUBMISSION]`.

The same evaluation on digits from nothing to its record, in processes and in containers, in turn. Needs a container
engine, the images of `make image`, and quiet cores: each pair takes some minutes.
"""

from __future__ import annotations

import statistics
import sys
import tempfile

from bench.commands.timed import environment_in, machine, run
from benchmark.executors.choices import ExecutorChoice

REACH = "1.10"


def evaluate_s(executor: ExecutorChoice, submission: str) -> float:
    """Return the wall time of an evaluation in a home of its own, in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["evaluate", submission, "--executor", executor]
        return run(words, environment_in(folder), folder).wall_s


def main(pairs: int, submission: str) -> None:
    """Evaluate `pairs` times in both ways and print both medians and the ratios."""
    print(machine())
    process_s: list[float] = []
    docker_s: list[float] = []
    for _ in range(pairs):
        process_s.append(evaluate_s("process", submission))
        docker_s.append(evaluate_s("docker", submission))
    ratios = sorted(docker / process for docker, process in zip(docker_s, process_s, strict=True))
    print(
        f"`fmn evaluate {submission}` on digits, n = {pairs}: process {statistics.median(process_s):.1f} s, "
        f"docker {statistics.median(docker_s):.1f} s; docker / process {statistics.median(ratios):.3f} "
        f"[{ratios[0]:.3f}, {ratios[-1]:.3f}], reach {REACH}"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3, sys.argv[2] if len(sys.argv) > 2 else "supervised")
