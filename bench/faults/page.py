"""The table of outcomes, and docs/reliability.md around it."""

from __future__ import annotations

import platform
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime

from bench.faults.evaluation import NUM_UPDATES
from bench.faults.trials import Outcome
from benchmark.machine import available_cores, cpu_model

_HEAD = """\
# What survives faults

Written by `python -m bench.faults --write docs/reliability.md`; do not edit.

A trial is a fault in an evaluation of 20 runs (two seeds; a dense model and three schedules at three sparsities), from
an empty home, at a moment drawn from a seed. Then the same command is called until it says that everything is done. The
record is compared with that of an evaluation that nothing has interrupted: every number, every byte of the trained
weights, the signature, and the runs that MLflow shows. Dispatchers, trainers and scorers are real processes; to save
their imports they are forks of one that has everything imported. Trainers save a state every 0.1 s, not every 30 s. In
trials of Slurm the jobs are real ones, of a real cluster on this machine, that start with nothing imported.
"""

_MEANINGS = """\
* **lost**: runs that the final record or MLflow lacks. **duplicated**: runs that one of them has twice. **wrong**: runs
  of which a number or a weight differs. **left**: files of interrupted calls that the last one did not remove.
* **tracebacks**: calls that ended in one, where people are to read a sentence.
* **repeated**: updates that were trained again after the fault, the median and the most, of {updates} in all.
* **resumed**: the median and the most seconds from the start of the next command to its first update, or to the start
  of its scoring; imports aside. Not measured of Slurm, where a job waits for its place and imports everything.
* What is killed of Slurm: one process of a job or all of them; the node's daemon, under running jobs; everything on the
  node at once, whereupon Slurm is told that the node is down; the dispatcher, whose jobs go on without it.
* A fault that came after what it was meant for had ended is no trial and not counted, unless something
  is wrong without it: {late} of {all} here.
"""


def table(outcomes: Sequence[Outcome]) -> str:
    """Return one row per kind of fault, and one over all."""
    counted = [each for each in outcomes if each.is_counted]
    kinds = dict.fromkeys(each.kind for each in counted)
    rows = [_row(kind, [each for each in counted if each.kind == kind]) for kind in kinds]
    kills = [each for each in counted if is_kill(each)]
    head = "| fault | n | lost | duplicated | wrong | left | tracebacks | repeated | resumed |"
    return "\n".join([head, "|---" * 9 + "|", *rows, _row("**all kills**", kills), _row("**all**", counted)])


def is_kill(outcome: Outcome) -> bool:
    """Return whether a process was killed: one of a single dispatcher, or one of several dispatchers."""
    return outcome.kind.startswith("SIGKILL") or outcome.kind.endswith("one killed")


def _row(kind: str, outcomes: Sequence[Outcome]) -> str:
    verdicts = [each.verdict for each in outcomes]
    sums = [sum(getattr(each, name) for each in verdicts) for name in ("lost", "duplicated", "wrong", "left_behind")]
    repeated = [each.repeated for each in outcomes if each.repeated is not None]
    resumed = [each.resume_s for each in outcomes if each.resume_s is not None]
    cells = [
        kind, len(outcomes), *sums, sum(each.num_unexplained for each in outcomes),
        f"{statistics.median(repeated):.0f}, {max(repeated)}" if repeated else "-",
        f"{statistics.median(resumed):.1f} s, {max(resumed):.1f} s" if resumed else "-",
    ]  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


def page(outcomes: Sequence[Outcome]) -> str:
    """Return docs/reliability.md."""
    late = sum(not each.is_counted for each in outcomes)
    where = f"{available_cores()} cores of {cpu_model()}, {platform.system()}, Python {platform.python_version()}"
    loads = sorted(each.load for each in outcomes) or [0.0]
    busy = f"{statistics.median(loads):.1f} [{loads[0]:.1f}, {loads[-1]:.1f}] processes wanting to run as trials began"
    made = f"{datetime.now(UTC):%Y-%m-%d}, {where}, with {busy}"
    kills = sum(is_kill(each) and each.is_counted for each in outcomes)
    aim = f"The aim is 200 kills with nothing lost, duplicated or wrong; {kills} have been counted so far."
    meanings = _MEANINGS.format(updates=NUM_UPDATES, late=late, all=len(outcomes))
    return f"{_HEAD}\nMeasured {made}. {aim}\n\n{table(outcomes)}\n\n{meanings}{_on_quiet_cores(outcomes)}"


def _on_quiet_cores(outcomes: Sequence[Outcome]) -> str:
    """Say how fast work went on where a trial began on a machine that nobody else used."""
    most = available_cores() + 1
    quiet = [each for each in outcomes if not each.is_late and each.resume_s is not None and each.load <= most]
    found = [each.resume_s for each in quiet if each.resume_s is not None]
    if not found:
        return ""
    busy = f"no more than {most} processes wanted to run, the trial's own before among them"
    spread = f"{statistics.median(found):.1f} s, {max(found):.1f} s at most"
    return f"* Where a trial began while {busy} ({len(found)} trials), work went on after {spread} (the aim is 5 s).\n"
