"""What `fmn rebuild-mlflow` takes for 200 records of 11 runs: `python -m bench.commands.rebuild_mlflow [REPEATS]`.

The records are copies of a shipped one, with all its numbers and with the files beside it, cut to eleven runs of one
model. Every repetition begins without MLflow's database; the last line is the same command again, with nothing to
write.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.commands.timed import HEAD, Spent, environment_in, machine, row, run
from benchmark.recording.archive import areas_path, maps_path, outcomes_path, read_record, write_record
from benchmark.recording.isolation import role_of
from benchmark.recording.record import EvaluationRecord
from benchmark.recording.record_files import record_paths
from benchmark.recording.signing_keys import signing_key

NUM_RECORDS, NUM_RUNS = 200, 11
REACH = "20 s"
_BESIDE = (outcomes_path, maps_path, areas_path)
_SHIPPED = Path(__file__).resolve().parents[2] / "results" / "digits-1.0"


class ShippedCopies:
    """Copies of records that ship, each with a name, a key and a signature of its own, and all files beside it.

    Args:
        several: whether they are copies of all shipped records in turn, with their scores, and not of a single one.
        models: how many models to keep; boards test from three on. There are eleven runs, or as few more as give every
            model the same ones.
        identity: name and version of the specification that they are shown under; by default their own.
    """

    def __init__(self, *, several: bool = False, models: int = 1, identity: str = "") -> None:
        shipped = [path for path in record_paths(_SHIPPED, "") if several or path.name.startswith("simclr-")]
        self._sources = [
            (_cut(read_record(path), models), [place(path).read_bytes() for place in _BESIDE]) for path in shipped
        ]
        self._identity = identity

    def write(self, number: int, home: Path) -> tuple[EvaluationRecord, Path]:
        """Write a record into a home; the same number gives the same one. Returns it, and where it is."""
        record, (outcomes, maps, areas) = self._sources[number % len(self._sources)]
        submission = record.submission.model_copy(update={"name": f"method-{number:04d}"})
        named: dict[str, Any] = {"submission": submission, "spec_identity": self._identity or record.spec_identity}
        named["evaluation_key"] = hashlib.sha256(f"{self._identity}{submission.name}".encode()).hexdigest()
        copy, key = record.model_copy(update=named), signing_key(role_of(record.isolation), away_from=home)
        return copy, write_record(home / "records", copy, outcomes, maps, areas, key=key)


def _cut(record: EvaluationRecord, models: int) -> EvaluationRecord:
    """Leave some runs of some models alone, and as many models in every cell."""
    first = [run for run in record.runs if run.seed == record.runs[0].seed]
    there = {(run.task, run.schedule, run.sparsity) for run in first[: -(-NUM_RUNS // models)]}
    seeds = sorted({run.seed for run in record.runs})[:models]
    runs = (run for run in record.runs if run.seed in seeds and (run.task, run.schedule, run.sparsity) in there)
    cells = (cell for cell in record.cells if (cell.task, cell.schedule, cell.sparsity) in there)
    smaller = tuple(cell.model_copy(update={"num_models": models}) for cell in cells)
    return record.model_copy(update={"runs": tuple(runs), "cells": smaller})


def main(repeats: int) -> None:
    """Rebuild `repeats` times from nothing and print the median and the range."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "HOME")
        os.environ.update(environment_in(folder))  # the keys that sign
        copies = ShippedCopies()
        for number in range(NUM_RECORDS):
            copies.write(number, home)
        print(machine())
        found: list[Spent] = []
        for _ in range(repeats):
            (home / "mlflow.db").unlink(missing_ok=True)
            shutil.rmtree(home / "artifacts", ignore_errors=True)
            found.append(run(["rebuild-mlflow"], environment_in(folder), folder))
        again = [run(["rebuild-mlflow"], environment_in(folder), folder)]
    print(HEAD)
    print(row(f"`fmn rebuild-mlflow` of {NUM_RECORDS} records", found, REACH))
    print(row("the same again", again, ""))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
