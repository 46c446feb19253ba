"""One fault each: something is killed or a bit is flipped, and the same command is run until all is done.

Every trial begins in an empty home, takes its moment from a generator of its own, and ends with a comparison of what is
in the home with an evaluation that nothing has interrupted.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.faults.commands import Command
from bench.faults.evaluation import (
    PATIENCE_S,
    SUBMISSIONS,
    Reference,
    Site,
    Verdict,
    alive,
    family,
    judge_home,
    updates_asked,
    updates_done,
)

MOST_CALLS = 5
"""Calls of the same command after a fault, before a trial counts as lost."""


@dataclass
class Outcome:
    """What came of a trial.

    Attributes:
        kind: of the fault.
        is_late: the fault came when what it was meant for had ended; such a trial is not counted, unless something is
            wrong without any fault.
        verdict: what is wrong in the end.
        calls: how often the command was called after the fault.
        num_unexplained: calls that ended in a traceback.
        repeated: updates that were trained a second time; None where that cannot be told.
        resume_s: seconds from the start of the next call to its first update, or to the start of its scoring.
        load: of the machine when the trial began: processes that wanted to run, over the last minute.
        note: what happened, for people.
    """

    kind: str
    is_late: bool = False
    verdict: Verdict = field(default_factory=Verdict)
    calls: int = 0
    num_unexplained: int = 0
    repeated: int | None = None
    resume_s: float | None = None
    load: float = 0.0
    note: str = ""

    @property
    def is_counted(self) -> bool:
        """Whether it bears on what survives: a command that failed by itself must not pass for one that was quick."""
        return not self.is_late or self.num_unexplained > 0 or self.verdict != Verdict()


class Pace:
    """How long evaluations last at the moment, as a part of how long they lasted at first: machines are shared.

    A fault that comes too late says that they have become faster, one that does not that they may be slower: about one
    in five comes too late.
    """

    def __init__(self) -> None:
        self.factor = 1.0

    def note(self, *, is_late: bool) -> None:
        """Learn from a trial."""
        self.factor = min(2.0, max(0.2, self.factor * (0.8 if is_late else 1.06)))


@dataclass(frozen=True)
class Setting:
    """What trials are made of: the site, evaluations without a fault by submission, and the trial's own randomness."""

    site: Site
    references: Mapping[str, Reference]
    rng: random.Random
    pace: Pace = field(default_factory=Pace)

    @property
    def reference(self) -> Reference:
        """The evaluation of the submission that most trials use."""
        return self.references[SUBMISSIONS[0]]

    def wall_s(self, part: str = "") -> float:
        """Return about how long an evaluation takes now, or its part with a `trainer` or `scorer`."""
        reference = self.reference
        return self.pace.factor * (reference.phases_s[part] if part else reference.wall_s)

    def only(self) -> dict[str, Reference]:
        """Return what is expected where one submission is evaluated."""
        return {SUBMISSIONS[0]: self.reference}


def sleep_within(command: Command, seconds: float) -> bool:
    """Sleep, and return whether the command still runs."""
    deadline = time.monotonic() + seconds
    while command.code is None and time.monotonic() < deadline:
        time.sleep(min(0.01, max(0.0, deadline - time.monotonic())))
    return command.code is None


def kill(pids: list[int]) -> bool:
    """Send SIGKILL to processes at once; return whether any was there."""
    hit = False
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
            hit = True
        except ProcessLookupError:
            continue
    return hit


def ended_family(command: Command, others: list[int]) -> None:
    """Wait until a killed command and its processes are gone."""
    command.wait()
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{pid}/cwd").exists() for pid in others) and time.monotonic() < deadline:
        time.sleep(0.01)


def resume(
    setting: Setting, home: Path, outcome: Outcome, before: Command, done: int, *, watches: bool = True
) -> None:
    """Call the same command until it says that everything is done, and look at what came of it.

    Args:
        setting: of the trial.
        home: where.
        outcome: takes what is found.
        before: the command that met the fault.
        done: updates that its trainers had made.
        watches: whether the time to the first work is measured, which takes trainers that are children of the command.
    """
    asked = updates_asked(before.printed())
    for _ in range(MOST_CALLS):
        command = setting.site.start(home)
        outcome.calls += 1
        resumed_s = first_work_s(command, home) if watches else None
        code = wait_or_end(command)
        if outcome.resume_s is None:
            outcome.resume_s = resumed_s
            again = updates_asked(command.printed())
            if asked is not None and again is not None:
                outcome.repeated = max(0, done - (asked - again))
        note_traceback(outcome, command)
        if code == 0:
            break
    outcome.verdict = judge_home(home, setting.only())


def first_work_s(command: Command, home: Path) -> float:
    """Wait until a command trains or scores, or has ended; return the seconds that took."""
    known = updates_done(home)  # what an interrupted call has left
    while command.code is None:
        if alive(command, home, "scorer"):
            break
        if alive(command, home, "trainer") and updates_done(home) not in (0, known):
            break
        time.sleep(0.005)
    return time.monotonic() - command.started


def wait_or_end(command: Command) -> int:
    """Wait for a command, but not for ever."""
    sleep_within(command, PATIENCE_S)
    if command.code is None:
        kill([*family(command.pid), command.pid])
    return command.wait()


def note_traceback(outcome: Outcome, command: Command) -> None:
    """Count a call that ended in a traceback, which users are never to see."""
    printed = command.printed()
    if "Traceback (most recent call last)" in printed:
        outcome.num_unexplained += 1
        outcome.note += printed[printed.index("Traceback") :][-1500:]


def killed(victim: str) -> Callable[[Setting], Outcome]:
    """Return the trial that kills a `dispatcher`, `trainer`, `scorer`, or everything `at once`."""

    def trial(setting: Setting) -> Outcome:
        outcome, home = Outcome(f"SIGKILL, {victim}"), setting.site.new_home()
        command = setting.site.start(home)
        role = victim if victim in setting.reference.phases_s else ""
        while role and command.code is None and not alive(command, home, role):
            time.sleep(0.005)
        span_s = setting.wall_s(role) / (2 if role == "trainer" else 1)
        running = sleep_within(command, setting.rng.uniform(0, span_s))
        children, done = family(command.pid), updates_done(home)
        if role:
            those = alive(command, home, role)
            victims = [setting.rng.choice(those)] if those else []
        else:
            victims = [command.pid] if victim == "dispatcher" else [*children, command.pid]
        outcome.is_late = not running or not kill(victims)
        if role:
            wait_or_end(command)
        else:
            ended_family(command, children)
        note_traceback(outcome, command)
        if not outcome.is_late:
            resume(setting, home, outcome, command, max(done, 0 if role else updates_done(home)))
        else:
            outcome.verdict = judge_home(home, setting.only())
        shutil.rmtree(home, ignore_errors=True)
        return outcome

    return trial


def many_dispatchers(count: int) -> Callable[[Setting], Outcome]:
    """Return the trial with several commands in one home, of which one is killed; five are of two submissions."""

    def trial(setting: Setting) -> Outcome:
        outcome, home = Outcome(f"{count} dispatchers, one killed"), setting.site.new_home()
        names = [SUBMISSIONS[place % 2 if count > 2 else 0] for place in range(count)]
        commands = [setting.site.start(home, name) for name in names]
        killed_one = setting.rng.choice(commands)
        time.sleep(setting.rng.uniform(0, 0.8 * setting.wall_s() * len(set(names))))
        outcome.is_late = killed_one.code is not None or not kill([killed_one.pid])
        for command in commands:
            wait_or_end(command)
            note_traceback(outcome, command)
        for name in sorted(set(names)):
            command = setting.site.start(home, name)
            outcome.calls += 1
            wait_or_end(command)
            note_traceback(outcome, command)
        outcome.verdict = judge_home(home, {name: setting.references[name] for name in names})
        shutil.rmtree(home, ignore_errors=True)
        return outcome

    return trial


def bits_flipped(setting: Setting) -> Outcome:
    """Kill everything at a random moment, flip a bit in each of five stored files, and go on."""
    outcome, home = Outcome("5 bits flipped"), setting.site.new_home()
    command = setting.site.start(home)
    sleep_within(command, setting.rng.uniform(0.3, 1.1) * setting.wall_s())
    children = family(command.pid)
    kill([command.pid])
    ended_family(command, children)
    files = [path for path in sorted(home.rglob("*")) if path.is_file() and is_judged(path.relative_to(home))]
    outcome.is_late = not files
    for path in setting.rng.sample(files, min(5, len(files))):
        flip(path, setting.rng)
        outcome.note += f"{path.relative_to(home)}\n"
    if files:
        resume(setting, home, outcome, command, 0)
        outcome.repeated = None  # states that were damaged are trained again, as they must be
    shutil.rmtree(home, ignore_errors=True)
    return outcome


KEPT = ("segments", "outcomes", "answers", "records", "data", "submissions", "projected", "jobs")
"""Folders of a home on which results can depend."""


def is_judged(path: Path) -> bool:
    """Return whether a file of a home bears on results: no log, no lock, no copy for people."""
    return path.parts[0] in KEPT


def flip(path: Path, rng: random.Random) -> None:
    """Flip one bit of a file."""
    content = bytearray(path.read_bytes())
    if content:
        bit = rng.randrange(8 * len(content))
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
