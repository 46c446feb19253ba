"""Many processes that write into one home at the same moment: `python -m bench.load.writers [32] [--rounds 3]`.

Each stores states, one of which all of them store, writes a signed record and shows it in MLflow, as a dispatcher does
when it has ended. Then everything is read back: what is lost, what is there twice, what is damaged or left half made.
It is done on SQLite, and on the server of `tests/recording/mlflow_server/start_mlflow.sh` where FMN_MLFLOW_SERVER names
its folder. It ends with 1 where anything but zero is counted.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import queue
import shutil
import tempfile
import time
import traceback
import uuid
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.commands.rebuild_mlflow import ShippedCopies
from bench.commands.timed import environment_in, machine
from benchmark.recording.tracking.projection import project
from benchmark.recording.trust import load_trust
from benchmark.recording.verify import judge
from benchmark.store.claim import taken
from benchmark.store.layout import MLFLOW_CLAIM, Home, unfinished
from benchmark.store.state_store import Store
from benchmark.training.state_files import ENCODER_FILE, MASK_FILE, METHOD_FILE, REPORT_FILE
from benchmark.training.training_job import SegmentReport

NUM_STATES = 4
"""That every process stores, the one that all of them store included."""
NUM_BYTES = 200_000
"""Of the encoder of each."""


_PATIENCE_S = 300.0
"""Seconds that processes wait for one another."""
_PRELOADED = ["bench.commands.rebuild_mlflow", "benchmark.recording.tracking.projection", "mlflow"]


@dataclass(frozen=True)
class Task:
    """What one process writes.

    Attributes:
        number: of the process and the round; no two are the same.
        home: where to.
        identity: of the specification that its record is shown under.
        environment: that says where keys and MLflow are.
    """

    number: int
    home: Path
    identity: str
    environment: dict[str, str]


@dataclass
class Done:
    """How it went: seconds per step, and what went wrong, in words."""

    seconds: dict[str, float] = field(default_factory=dict[str, float])
    error: str = ""


@dataclass(frozen=True)
class Counted:
    """What reading everything back has found; every number should be 0."""

    lost_states: int = 0
    damaged_states: int = 0
    lost_records: int = 0
    damaged_records: int = 0
    duplicated_records: int = 0
    lost_in_mlflow: int = 0
    duplicated_in_mlflow: int = 0
    half_made: int = 0
    errors: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether nothing was counted."""
        return not any(asdict(self).values())

    def __str__(self) -> str:
        """Say it on one line."""
        return ", ".join(f"{what.replace('_', ' ')} {number}" for what, number in asdict(self).items())


def keys_of(number: int) -> list[str]:
    """Name the states that a process stores; the last one is everybody's."""
    return [hashlib.sha256(f"{number} {place}".encode()).hexdigest() for place in range(NUM_STATES - 1)] + ["ab" * 32]


def bytes_of(key: str) -> bytes:
    """Return what the encoder of a state consists of."""
    return hashlib.sha256(key.encode()).digest() * (NUM_BYTES // 32)


def write(task: Task, start: Any, done: Any) -> None:
    """Be one of the processes: wait for the others, then store, record and show."""
    os.environ.update(task.environment)  # the server that this process is a fork of may be older
    found, copies = Done(), ShippedCopies(identity=task.identity)
    try:
        start.wait()
        for key in keys_of(task.number):
            with _timed(found, "store a state"):
                _publish(key, Store(task.home / "segments"))
        with _timed(found, "write a record"):
            record, path = copies.write(task.number, task.home)
        with _timed(found, "show it in MLflow"), taken(Home(task.home).claims / MLFLOW_CLAIM, "writing"):
            project(record, path, task.home)
    except BaseException:
        found.error = traceback.format_exc()
    done.put(found)


@contextmanager
def _timed(found: Done, step: str) -> Generator[None]:
    started = time.monotonic()
    yield
    found.seconds[step] = max(found.seconds.get(step, 0.0), time.monotonic() - started)


def _publish(key: str, store: Store) -> None:
    report = SegmentReport(key=key, step=4, start=0, train_s=1.0, peak_memory_bytes=1, losses=((0, 1.0, 4),))
    files = {ENCODER_FILE: bytes_of(key), MASK_FILE: b"mask", METHOD_FILE: b"method",
             REPORT_FILE: report.model_dump_json().encode()}  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            Path(folder, name).write_bytes(content)
        store.publish(key, Path(folder))


def at_once(tasks: list[Task]) -> list[Done]:
    """Run every task in a process of its own, all from the same moment on."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    start, done = context.Barrier(len(tasks), timeout=_PATIENCE_S), context.Queue()
    processes = [context.Process(target=write, args=(task, start, done)) for task in tasks]
    for process in processes:
        process.start()
    found: list[Done] = []
    while len(found) < len(tasks):
        is_over = not any(process.is_alive() for process in processes)  # asked before the last word is looked for
        try:
            found.append(done.get(timeout=1))
        except queue.Empty:
            if is_over:
                break
    for process in processes:
        process.join()
    return found + [Done(error="it ended without a word")] * (len(tasks) - len(found))


def count(home: Path, tasks: list[Task], done: list[Done]) -> Counted:
    """Read back everything that the tasks have written."""
    store, trust = Store(home / "segments"), load_trust()
    keys = {key for task in tasks for key in keys_of(task.number)}
    there = {key for key in keys if os.path.lexists(store.path(key))}
    intact = {key for key in there if store.has(key) and (store.path(key) / ENCODER_FILE).read_bytes() == bytes_of(key)}
    names = Counter(path.name.rpartition("-")[0] for path in (home / "records").glob("*/*.json"))
    expected = {f"method-{task.number:04d}" for task in tasks}
    bad = [path for path in (home / "records").glob("*/*.json") if judge(path, trust).problem]
    runs, num_runs = shown_runs(tasks[0].identity), _num_runs(home)
    return Counted(
        lost_states=len(keys - there), damaged_states=len(there - intact),
        lost_records=len(expected - names.keys()), damaged_records=len(bad),
        duplicated_records=sum(names.values()) - len(names),
        lost_in_mlflow=sum(max(num_runs - len({name for who, name in runs if who == each}), 0) for each in expected),
        duplicated_in_mlflow=sum(runs.values()) - len(runs),
        half_made=len(unfinished(Home(home))), errors=sum(bool(each.error) for each in done),
    )  # fmt: skip


def _num_runs(home: Path) -> int:
    """Return how many runs MLflow shows of each record: one per run, and their parent."""
    from benchmark.recording.archive import read_record

    return 1 + len(read_record(next((home / "records").glob("*/*.json"))).runs)


def shown_runs(identity: str) -> Counter[tuple[str, str]]:
    """Count the runs that MLflow shows of a specification, by submission and name."""
    from mlflow import MlflowClient

    from benchmark.recording.tracking.address import tracking_uri

    client, found, token = MlflowClient(tracking_uri(Home.from_environment().root)), Counter[tuple[str, str]](), None
    experiment = client.get_experiment_by_name(identity)
    while experiment is not None:
        page = client.search_runs([experiment.experiment_id], page_token=token)
        found.update((str(run.data.tags.get("fmn.submission")), str(run.info.run_name)) for run in page)
        token = page.token
        if not token:
            break
    return found


def measure(num_writers: int, rounds: int, say: Callable[[str], None] = print) -> Counted:
    """Write in several rounds into one home, with as many processes each, and count what is wrong at the end.

    The environment says where the home and MLflow are.
    """
    home, identity = Home.from_environment().root, f"writers-{uuid.uuid4().hex[:8]}"
    environment = {name: value for name, value in os.environ.items() if name.startswith(("FMN_", "MLFLOW_"))}
    tasks = [Task(number, home, identity, environment) for number in range(num_writers * rounds)]
    done: list[Done] = []
    for number in range(rounds):
        done += at_once(tasks[number * num_writers :][:num_writers])
    steps = dict.fromkeys(step for each in done for step in each.seconds)
    for step in steps:
        took = sorted(each.seconds[step] for each in done if step in each.seconds)
        say(f"  {step}: median {took[len(took) // 2]:.2f} s, slowest {took[-1]:.2f} s")
    for error in [each.error for each in done if each.error][:3]:
        say(error)
    return count(home, tasks, done)


def main(
    writers: Annotated[int, typer.Argument(min=1, help="Processes at once.")] = 32,
    rounds: Annotated[int, typer.Option(min=1, help="How often so many write.")] = 3,
) -> None:
    """Write at once, on SQLite and on a server where one is named, and print what was counted."""
    print(machine(), flush=True)
    server = os.environ.get("FMN_MLFLOW_SERVER", "")
    addresses = {"SQLite": ""} | ({"a server": Path(server, "address").read_text().strip()} if server else {})
    counts: list[Counted] = []
    for name, address in addresses.items():
        folder = tempfile.mkdtemp(prefix="fmn-writers-")
        try:
            os.environ.update(environment_in(folder))
            os.environ.pop("MLFLOW_TRACKING_URI", None)
            if address:
                os.environ["MLFLOW_TRACKING_URI"] = address
            print(f"{writers} writers at once, {rounds} times, MLflow on {name}:", flush=True)
            counts.append(measure(writers, rounds))
            print(f"  {counts[-1]}", flush=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    if not all(each.is_clean for each in counts):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
