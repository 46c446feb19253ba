"""What a dispatcher of 100,500 runs takes of memory: `python -m bench.load.dispatcher_memory [MODELS]`, by default 500.

The plan is that of `bench.commands.large_plan`. Everything that `fmn evaluate` does until trainers run is done in this
process: admission, data, the plan, a job per seed, supervision. A stand-in takes the place of trainers: it starts no
process and never ends, for the memory of a trainer is its own. It is interrupted, as by Ctrl-C, after a while. The same
is done with two models before, so that what is imported is not counted.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench.commands.large_plan import document
from bench.commands.timed import environment_in, machine
from bench.load.process_facts import reset_peak, status_bytes
from benchmark.cli.session import Session
from benchmark.evaluation.preparation import Prepared
from benchmark.evaluation.scheduling.progress import TrainingProgress
from benchmark.executors.base import PreparedJob
from benchmark.executors.failure import Evidence
from benchmark.spec.documents.loading import load_spec
from benchmark.store.layout import Home

REACH_MIB = 300
WATCHED_S = 20.0
"""Seconds for which the stand-ins are looked after."""


class StandIn:
    """A trainer that does nothing and never ends by itself."""

    pid = 0

    def poll(self) -> Evidence | None:
        """Say that it runs."""

    def kill(self) -> None:
        """End it: there is nothing to end."""


@dataclass
class Watch:
    """A reporter that notes when trainers run, and interrupts a while later.

    Attributes:
        peaks: largest memory in MiB above what imports take, by step.
        base: what they take, in bytes.
    """

    watched_s: float
    base: int
    peaks: dict[str, float] = field(default_factory=dict[str, float])
    began: float | None = None
    polls: int = 0

    def note(self, step: str) -> None:
        """Note the peak of a step that has ended, and begin another."""
        self.peaks[step] = (status_bytes("VmHWM") - self.base) / 2**20
        reset_peak()

    def stage(self, text: str) -> None:
        """Note what the steps before took."""
        if text.startswith("training"):
            self.note("a job per seed")

    def warn(self, text: str) -> None:
        """Pass it over."""

    def training(self, progress: TrainingProgress) -> None:
        """Interrupt once trainers were looked after for long enough."""
        self.began, self.polls = self.began or time.monotonic(), self.polls + 1
        if time.monotonic() - self.began > self.watched_s:
            self.note("trainers run")
            signal.raise_signal(signal.SIGINT)

    def waiting(self) -> None:
        """Pass it over."""


def measure(folder: Path, models: int, watched_s: float = WATCHED_S) -> Watch:
    """Prepare and start an evaluation of so many models, and interrupt it; returns the peaks of its steps."""
    folder.mkdir()
    os.environ.update(environment_in(str(folder)))
    spec_file = folder / "large-plan.yaml"
    spec_file.write_text(document(models), encoding="utf-8")
    with Session("process", "cpu", Home(folder / "HOME")) as session:
        setattr(session.executor, "start", _stand_in)  # noqa: B010 - of this one executor
        reset_peak()
        watch = Watch(watched_s, status_bytes("VmRSS"))
        prepared = session.prepare(load_spec(str(spec_file)), "supervised")
        watch.note("the plan")
        _run(session, prepared, watch)
    return watch


def _stand_in(job: PreparedJob) -> StandIn:
    del job
    return StandIn()


def _run(session: Session, prepared: Prepared, watch: Watch) -> None:
    try:
        session.run(prepared, watch, train=True)
    except KeyboardInterrupt:
        return
    raise SystemExit("expected trainers that never end, got an end of the evaluation")


def main(models: int) -> None:
    """Measure once; print the peak of each step above the imports, and end with 1 where one is above the reach."""
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="fmn-load-") as folder:
        measure(Path(folder, "two"), 2, watched_s=1.0)
        started, processor_s = time.monotonic(), time.process_time()
        watch = measure(Path(folder, "many"), models)
        took = time.monotonic() - started, time.process_time() - processor_s
    print(f"imports {watch.base / 2**20:.0f} MiB; {took[0]:.0f} s, {took[1]:.0f} s of processor; "
          f"{watch.polls / WATCHED_S:.1f} looks at the trainers per second")  # fmt: skip
    for step, peak in watch.peaks.items():
        print(f"{step}: {peak:.0f} MiB above the imports (reach {REACH_MIB})")
    if max(watch.peaks.values()) > REACH_MIB:
        raise SystemExit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
