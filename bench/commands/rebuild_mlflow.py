"""What `fmn rebuild-mlflow` takes for 200 records of 11 runs: `python -m bench.commands.rebuild_mlflow [REPEATS]`.

The records are copies of a shipped one, with all its numbers and with the files beside it, cut to eleven runs of one
model. Every repetition begins without MLflow's database; the last line is the same command again, with nothing to
write.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.commands.timed import HEAD, Spent, environment_in, machine, row, run
from benchmark.recording.archive import maps_path, outcomes_path, read_record, write_record
from benchmark.recording.isolation import role_of
from benchmark.recording.record_files import record_paths
from benchmark.recording.signing_keys import SigningKey

NUM_RECORDS, NUM_RUNS = 200, 11
REACH = "20 s"
_SHIPPED = Path(__file__).resolve().parents[2] / "results" / "digits-1.0"


def generate(home: Path) -> None:
    """Write the records."""
    source = next(path for path in record_paths(_SHIPPED, "") if path.name.startswith("simclr-"))
    record, outcomes, maps = read_record(source), outcomes_path(source).read_bytes(), maps_path(source).read_bytes()
    runs = tuple(run for run in record.runs if run.seed == record.runs[0].seed)[:NUM_RUNS]
    key = SigningKey(role_of(record.isolation), Ed25519PrivateKey.generate())
    for number in range(NUM_RECORDS):
        submission = record.submission.model_copy(update={"name": f"method-{number:03d}"})
        named = {"submission": submission, "evaluation_key": hashlib.sha256(submission.name.encode()).hexdigest()}
        write_record(home / "records", record.model_copy(update={**named, "runs": runs}), outcomes, maps, key=key)


def main(repeats: int) -> None:
    """Rebuild `repeats` times from nothing and print the median and the range."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "HOME")
        generate(home)
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
