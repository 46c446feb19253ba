"""What an executor costs against processes: `python -m bench.commands.executor_overhead EXECUTOR [PAIRS] [SUBMISSION]`.

The same evaluation on digits from nothing to its record, in processes and by the executor, in turn. `docker` needs an
engine and the images of `make image`, `slurm` a cluster on this machine (`tests/executors/slurm/start_slurm.sh`), whose
jobs get no more processors than processes have here. Cores must be quiet: each pair takes some minutes.
"""

from __future__ import annotations

import statistics
import sys
import tempfile

from bench.commands.timed import environment_in, machine, run
from benchmark.machine import available_cores

REACH = "1.10"


def evaluate_s(executor: str, submission: str) -> float:
    """Return the wall time of an evaluation in a home of its own, in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        cores = {f"FMN_SLURM_{name}": str(available_cores()) for name in ("JOBS_AT_ONCE", "SCORING_CPUS")}
        words = ["evaluate", submission, "--executor", executor]
        return run(words, environment_in(folder) | cores, folder).wall_s


def main(executor: str, pairs: int, submission: str) -> None:
    """Evaluate `pairs` times in both ways and print both medians and the ratios."""
    print(machine(), flush=True)
    process_s: list[float] = []
    other_s: list[float] = []
    for _ in range(pairs):
        process_s.append(evaluate_s("process", submission))
        other_s.append(evaluate_s(executor, submission))
    ratios = sorted(other / process for other, process in zip(other_s, process_s, strict=True))
    print(
        f"`fmn evaluate {submission}` on digits, n = {pairs}: process {statistics.median(process_s):.1f} s, "
        f"{executor} {statistics.median(other_s):.1f} s; {executor} / process {statistics.median(ratios):.3f} "
        f"[{ratios[0]:.3f}, {ratios[-1]:.3f}], reach {REACH}"
    )


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit("usage: python -m bench.commands.executor_overhead docker|slurm [PAIRS] [SUBMISSION]")
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3, sys.argv[3] if len(sys.argv) > 3 else "supervised")
