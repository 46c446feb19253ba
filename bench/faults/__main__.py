"""What survives faults: kills, full disks, flipped bits, clock jumps, several dispatchers; counted over many trials.

    python -m bench.faults [--trials 270] [--only NAME,NAME] [--until 15:45] [--write docs/reliability.md]

A trial is a fault in an evaluation of 20 runs, after which the same command is called until it says that all is done.
The seed gives every trial its moment; how busy the machine is decides what is going on at that moment.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter

from bench.faults.cluster import CLUSTER, can_kill_nodes
from bench.faults.evaluation import SUBMISSIONS, Reference, Site, refer_to
from bench.faults.page import page, table
from bench.faults.systems import can_mount, clock_jumps, faketime_library, filled, read_only
from bench.faults.trials import Outcome, Pace, Setting, bits_flipped, killed, many_dispatchers
from benchmark.files.atomic import write_atomically
from benchmark.files.destination import why_no_file

Trial = Callable[[Setting], Outcome]

KILLS: dict[str, Trial] = {
    "dispatcher": killed("dispatcher"), "trainer": killed("trainer"), "scorer": killed("scorer"),
    "at-once": killed("at once"),
}  # fmt: skip
OTHERS: dict[str, Trial] = {
    "disk-full": filled("bytes"), "no-inodes": filled("inodes"), "read-only": read_only, "bit-flips": bits_flipped,
    "clock": clock_jumps, "two": many_dispatchers(2), "five": many_dispatchers(5),
}  # fmt: skip
FAULTS = KILLS | CLUSTER | OTHERS
PATTERN = "KKOKKCKKOKKO"
"""Which group comes when: kills on one machine, kills in a cluster, which take far longer, and other faults."""


def possible() -> dict[str, Trial]:
    """Return the faults that can be made here, by name."""
    missing = {"disk-full", "no-inodes", "read-only"} if not can_mount() else set[str]()
    missing |= {"clock"} if faketime_library() is None else set()
    missing |= set() if can_kill_nodes() else set(CLUSTER)
    return {name: trial for name, trial in FAULTS.items() if name not in missing}


def order(names: list[str], trials: int) -> list[str]:
    """Return which fault comes when, in a pattern, so that any end leaves a fair mixture."""
    groups = {"K": KILLS, "C": CLUSTER, "O": OTHERS}
    chosen = {letter: [name for name in names if name in group] for letter, group in groups.items()}
    turns = {letter: itertools.cycle(group) for letter, group in chosen.items() if group}
    letters = itertools.cycle([letter for letter in PATTERN if letter in turns])
    return [next(turns[next(letters)]) for _ in range(trials)]


def run_trial(
    name: str, number: int, seed: int, site: Site, references: dict[str, Reference], pace: Pace
) -> Outcome:
    """Run one trial; its moments are drawn from the seed, its kind and its number."""
    load = os.getloadavg()[0]
    outcome = FAULTS[name](Setting(site, references, random.Random(f"{seed} {name} {number}"), pace))
    outcome.load = load
    if name in KILLS or name in CLUSTER:
        pace.note(is_late=outcome.is_late)
    return outcome


def main(
    trials: Annotated[int, typer.Option(min=0, help="How many faults are injected.")] = 270,
    seed: Annotated[int, typer.Option(help="Gives every trial its moment.")] = 2026,
    only: Annotated[str, typer.Option(help=f"These faults alone, with commas between: {', '.join(FAULTS)}.")] = "",
    until: Annotated[str, typer.Option(help="Time of the day, as 15:45, after which no trial begins.")] = "",
    keep: Annotated[Path | None, typer.Option(help="File of outcomes, a line each; others are added.")] = None,
    write: Annotated[Path | None, typer.Option(help="Page that is written from all outcomes.")] = None,
) -> None:
    """Inject faults, and print what became of every one and a table."""
    asked = only.split(",") if only else list(FAULTS)
    if unknown := [name for name in asked if name not in FAULTS]:
        raise SystemExit(f"--only: expected some of {', '.join(FAULTS)}, got {', '.join(unknown)}")
    if not (names := [name for name in possible() if name in asked]):
        raise SystemExit(f"{', '.join(asked)} cannot be injected here: root, libfaketime or a cluster is missing")
    for option, path in (("--keep", keep), ("--write", write)):
        if path is not None and (got := why_no_file(path)) is not None:
            raise SystemExit(f"{option}: expected a file to write to, got {got}")
    outcomes = read_outcomes(keep)
    if trials:
        first = len(outcomes)
        outcomes += list(inject(order(names, first + trials)[first:], first, seed, until, keep))
    print(table(outcomes))
    if write is not None:
        write_atomically(write, page(outcomes).encode())


def inject(names: list[str], first: int, seed: int, until: str, keep: Path | None) -> Iterator[Outcome]:
    """Run trials one after the other; each outcome is printed, and kept if a file is named."""
    folder = Path(tempfile.mkdtemp(prefix="fmn-reliability-"))
    try:
        site = Site(folder)
        site.prepare()
        references = {name: refer_to(site, name) for name in SUBMISSIONS}
        pace = Pace()
        print(f"without a fault: {references[SUBMISSIONS[0]].wall_s:.1f} s, load {os.getloadavg()[0]:.1f}", flush=True)
        for number, name in enumerate(names, first):
            if until and datetime.now().strftime("%H:%M") >= until:
                break
            started = time.monotonic()
            outcome = run_trial(name, number, seed, site, references, pace)
            print(f"{number} {time.monotonic() - started:.1f} s {outcome}", flush=True)
            if keep is not None:
                keep.parent.mkdir(parents=True, exist_ok=True)
                with keep.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(outcome)) + "\n")
            yield outcome
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def read_outcomes(kept: Path | None) -> list[Outcome]:
    """Read the outcomes of earlier calls."""
    if kept is None or not kept.exists():
        return []
    outcome = TypeAdapter(Outcome)
    return [outcome.validate_json(line) for line in kept.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    typer.run(main)
