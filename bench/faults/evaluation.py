"""A grid of 20 runs, homes in which it is evaluated, and how a record is compared with that of an uninterrupted run."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.faults.commands import Command, forget_server, start
from benchmark.executors.programs import ONE_THREAD
from benchmark.recording.archive import find_records
from benchmark.recording.record import EvaluationRecord
from benchmark.recording.trust import load_trust
from benchmark.recording.verify import judge
from benchmark.store.state_store import Store
from benchmark.training.state_files import ENCODER_FILE, PROGRESS_FILE

SPEC = """\
name: faults
version: "1.0"
tier: smoke
tasks:
  - dataset: {name: digits}
    encoder: {name: resnet8, width: 2}
    training: {epochs: 2, batch_size: 128}
sparsities: [0.5, 0.8, 0.9]
schedules:
  - {name: ramp, kind: gradual, begin: 0.2, end: 0.6, updates: 4}
  - {name: shot, kind: one_shot, at: 0.5}
  - {name: shot-random, kind: one_shot, at: 0.5, criterion: random}
population: {models: 2}
evaluation: {linear: {l2: 1.0e-2, tolerance: 1.0e-3}, bootstrap: {draws: 100}}
"""
"""20 runs: a dense model and three schedules at three sparsities, for two seeds."""

NUM_UPDATES = 244
"""Updates of its plan; training every run alone would take 440."""

SUBMISSIONS = ("supervised", "label_smoothing")
"""Shipped submissions that learn quickly; the second one is for dispatchers of different submissions."""

LIBRARIES_READ = ("OPENBLAS_", "MKL_", "OMP_")
"""Beginnings of variables that numpy's and torch's libraries read when they are loaded, the kind of processor that they
compute for among them. Real children do not see them; a fork would, and its last digits would differ."""

PATIENCE_S = 1800.0
"""Seconds after which a command that has not ended is ended and counts as lost."""


@dataclass(frozen=True)
class Reference:
    """An evaluation that nothing has interrupted.

    Attributes:
        facts: its record without when, where and at which cost it was made.
        encoders: bytes of the trained weights, by state.
        num_updates: how many updates its trainers made.
        wall_s: seconds from the start of the command to its end.
        phases_s: seconds for which a trainer, and the scorer, were alive.
    """

    facts: dict[str, Any]
    encoders: dict[str, bytes]
    num_updates: int
    wall_s: float
    phases_s: dict[str, float]


@dataclass(frozen=True)
class Site:
    """A folder for homes, keys and caches, shared by all trials.

    Attributes:
        folder: for all of it.
        executor: where trainers and scorers run.
    """

    folder: Path
    executor: str = "process"

    @property
    def spec(self) -> Path:
        """The document of the grid."""
        return self.folder / "faults.yaml"

    def prepare(self) -> None:
        """Write what all commands share, and keep them away from what is the user's."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.spec.write_text(SPEC, encoding="utf-8")
        for name in ("CONFIG", "CACHE", "RESULTS"):
            os.environ[f"FMN_{name}"] = str(self.folder / name.lower())
        for name in ("FMN_TRUSTED_KEYS", "MLFLOW_TRACKING_URI", "FMN_DATA"):
            os.environ.pop(name, None)
        for name in [name for name in os.environ if name.startswith(LIBRARIES_READ)]:
            del os.environ[name]
        os.environ.update(ONE_THREAD)
        forget_server()

    def words(self, submission: str) -> list[str]:
        """Return the command that evaluates."""
        return ["evaluate", submission, "--spec", str(self.spec), "--executor", self.executor, "--device", "cpu"]

    def start(self, home: Path, submission: str = SUBMISSIONS[0], **variables: str) -> Command:
        """Start the command in a home."""
        log = self.folder / f"{home.name}-{time.monotonic_ns()}.log"
        return start(self.words(submission), log, {"FMN_HOME": str(home), **variables})

    def new_home(self) -> Path:
        """Return an empty home."""
        home = self.folder / f"home-{time.monotonic_ns()}"
        home.mkdir()
        return home


def family(pid: int) -> list[int]:
    """List the processes that a process has started, and theirs."""
    found: list[int] = []
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return found
    for child in map(int, children):
        found += [child, *family(child)]
    return found


def role_of(pid: int, home: Path) -> str:
    """Return `trainer` or `scorer` for a child of a dispatcher, by the folder that it works in."""
    try:
        folder = str(Path(f"/proc/{pid}/cwd").readlink())
    except OSError:
        return ""
    if folder.startswith(f"{home}/jobs/"):
        return "trainer"
    return "scorer" if folder.startswith(f"{home}/.scoring-") else ""


def alive(command: Command, home: Path, role: str) -> list[int]:
    """List the trainers, or the processes of the scorer, that a command has at the moment."""
    return [pid for pid in family(command.pid) if role_of(pid, home) == role]


def updates_done(home: Path) -> int:
    """Sum up how far the trainers of a home say that they are."""
    done = 0
    for path in home.glob(f"jobs/*/outbox/{PROGRESS_FILE}"):
        found = re.search(rb'"num_updates":\s*(\d+)', path.read_bytes())
        done += int(found.group(1)) if found else 0
    return done


def updates_asked(printed: str) -> int | None:
    """Return how many updates a command set out to train; None where it did not come so far."""
    if "everything is trained already" in printed:
        return 0
    found = re.search(r"training \d+ seeds?, ([\d,]+) updates?", printed)
    return int(found.group(1).replace(",", "")) if found else None


def refer_to(site: Site, submission: str) -> Reference:
    """Evaluate once without any fault, and remember what comes out and how long its parts take."""
    home = site.new_home()
    command = site.start(home, submission)
    phases_s, last = defaultdict[str, float](float), time.monotonic()
    while command.code is None:
        time.sleep(0.01)
        now = time.monotonic()
        for role in {role_of(pid, home) for pid in family(command.pid)} - {""}:
            phases_s[role] += now - last
        last = now
    if command.code:
        raise SystemExit(f"the evaluation without faults failed:\n{command.printed()[-3000:]}")
    wall_s = time.monotonic() - command.started
    ((record, _),), _ = find_records(home / "records")
    made = Reference(facts_of(record), encoders_of(record, home), record.cost.num_updates, wall_s, dict(phases_s))
    shutil.rmtree(home)
    return made


def facts_of(record: EvaluationRecord) -> dict[str, Any]:
    """Return everything in a record but when it was made, on what, and what that cost."""
    return record.model_dump(exclude={"created", "cost", "provenance"})


def encoders_of(record: EvaluationRecord, home: Path) -> dict[str, bytes]:
    """Return the trained weights of all runs."""
    store = Store(home / "segments")
    paths = {run.state_key: store.path(run.state_key) / ENCODER_FILE for run in record.runs}
    return {key: path.read_bytes() if path.exists() else b"" for key, path in paths.items()}


@dataclass(frozen=True)
class Verdict:
    """What is wrong in a home after the last command, in runs."""

    lost: int = 0
    duplicated: int = 0
    wrong: int = 0
    left_behind: int = 0


def judge_home(home: Path, references: Mapping[str, Reference]) -> Verdict:
    """Compare a home with the evaluations that nothing has interrupted, by submission.

    A run is lost where the record or MLflow lacks it, duplicated where one of them has it twice, and wrong where a
    number or a weight differs. A record whose signature does not hold is lost.
    """
    records, bad = find_records(home / "records")
    found = {record.submission.name: (record, path) for record, path in records}
    lost, duplicated, wrong = len(bad), max(0, len(records) - len(found)), 0
    for name, reference in references.items():
        expected = reference.facts["runs"]
        if name not in found or judge(found[name][1], load_trust()).problem:
            lost += len(expected)
            continue
        record = found[name][0]
        facts = facts_of(record)
        lost += sum(1 for run in facts["runs"] if run["status"] != "finished") + len(expected) - len(facts["runs"])
        differing = sum(1 for here, there in zip(facts["runs"], expected, strict=False) if here != there)
        weights = sum(1 for key, bytes_ in encoders_of(record, home).items() if reference.encoders.get(key) != bytes_)
        wrong += max(differing, weights, int(facts != reference.facts))
        names = Counter(mlflow_runs(home, name))
        duplicated += sum(count - 1 for count in names.values())
        lost += max(0, 1 + len(expected) - len(names))
    return Verdict(lost, duplicated, wrong, len(list(left_behind(home))))


def mlflow_runs(home: Path, submission: str) -> list[str]:
    """List the runs of a submission that MLflow shows, by name, with the parent run."""
    database = home / "mlflow.db"
    if not database.exists():
        return []
    query = (
        "SELECT runs.name FROM runs JOIN tags ON tags.run_uuid = runs.run_uuid "
        "WHERE tags.key = 'fmn.submission' AND tags.value = ? AND runs.lifecycle_stage = 'active'"
    )
    with closing(sqlite3.connect(database)) as connection:
        return [name for (name,) in connection.execute(query, (submission,))]


def left_behind(home: Path) -> Iterator[Path]:
    """Yield what no finished command may leave: jobs, half-made files, folders of a scorer or of a cluster's job."""
    yield from home.glob("jobs/*")
    yield from (path for path in home.glob("slurm/*") if path.is_dir())
    for path in home.rglob(".*"):
        if path.name != ".lock":
            yield path

