"""What `fmn report` takes for the records that ship: `python -m bench.commands.report [REPEATS]`.

`make report` is the same work. Each repetition is a process of its own, in a home without records and caches.
"""

from __future__ import annotations

import sys
import tempfile

from bench.commands.timed import HEAD, Spent, environment_in, machine, row, run
from benchmark.recording.record_files import record_paths
from benchmark.shipped import shipped

REACH = "60 s of processor"


def main(repeats: int) -> None:
    """Write the report `repeats` times and print the median and the range."""
    num_records = sum(1 for _ in record_paths(shipped("results")))
    print(machine())
    found: list[Spent] = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            found.append(run(["report", f"{folder}/report.md"], environment_in(folder), folder))
    print(HEAD)
    print(row(f"`make report` of {num_records} records", found, REACH))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
