"""Trials whose file system or clock fails: full, without inodes, read-only, set forward and back. Needs Linux and root.

The home is a tmpfs of its own, which a mount can shrink and make read-only while a command is at work.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from bench.faults.commands import start_cold
from bench.faults.evaluation import family, updates_done
from bench.faults.trials import (
    Outcome,
    Setting,
    ended_family,
    kill,
    note_traceback,
    resume,
    sleep_within,
    wait_or_end,
)
from benchmark.files.atomic import write_atomically

ROOMY = "size=1g,nr_inodes=100k"
USED_BYTES, USED_INODES = 12_000_000, 900
"""About what a home of the grid takes in the end; limits are drawn below these."""

_LIBFAKETIME = "/usr/lib/*-linux-gnu*/faketime/libfaketime.so.1"
JUMPS_S = (-86_400 * 400, -7200, -61, 61, 7200, 86_400 * 400)
"""Seconds that a clock is off after it has jumped."""


def can_mount() -> bool:
    """Return whether this process may mount a tmpfs."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    probe = Path("/tmp") / f".fmn-mount-{os.getpid()}"
    probe.mkdir()
    try:
        done = subprocess.run(["mount", "-t", "tmpfs", "none", str(probe)], check=False, capture_output=True)
        if done.returncode == 0:
            subprocess.run(["umount", str(probe)], check=True, capture_output=True)
        return done.returncode == 0
    finally:
        probe.rmdir()


def faketime_library() -> str | None:
    """Return where Debian's libfaketime is, None where it is not installed."""
    return next((str(path) for path in Path("/").glob(_LIBFAKETIME[1:])), None)


@contextmanager
def mounted(folder: Path, options: str) -> Generator[None]:
    """Mount a tmpfs on a folder."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "fmn-fault", str(folder)], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)


def remounted(folder: Path, options: str) -> bool:
    """Change the options of a mount; return whether the system did so, which it refuses where a file is open."""
    command = ["mount", "-o", f"remount,{options}", str(folder)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def filled(what: str) -> Callable[[Setting], Outcome]:
    """Return the trial whose file system has too little room: of `bytes`, or of `inodes`, for what is to be written."""

    def trial(setting: Setting) -> Outcome:
        outcome, home = Outcome("disk full" if what == "bytes" else "no inode left"), setting.site.new_home()
        share = setting.rng.uniform(0.02, 0.98)
        limit = f"size={int(USED_BYTES * share)}" if what == "bytes" else f"nr_inodes={int(USED_INODES * share)}"
        with mounted(home, limit):
            command = setting.site.start(home)
            code = wait_or_end(command)
            note_traceback(outcome, command)
            outcome.is_late = code == 0
            done = updates_done(home)
            if not outcome.is_late:
                outcome.note += f"{limit}: exit code {code}: {command.printed().strip()[-300:]}\n"
                remounted(home, ROOMY)
                resume(setting, home, outcome, command, done)
                outcome.repeated = None
        shutil.rmtree(home, ignore_errors=True)
        return outcome

    return trial


def read_only(setting: Setting) -> Outcome:
    """Kill everything at a random moment, make the file system read-only, call, make it writable, and go on."""
    outcome, home = Outcome("read-only"), setting.site.new_home()
    with mounted(home, ROOMY):
        command = setting.site.start(home)
        sleep_within(command, setting.rng.uniform(0, 1.1) * setting.wall_s())
        children, done = family(command.pid), updates_done(home)
        kill([command.pid])
        ended_family(command, children)
        if not remounted(home, "ro"):
            raise SystemExit(f"{home} cannot be made read-only")
        refused = setting.site.start(home)
        code = wait_or_end(refused)
        note_traceback(outcome, refused)
        outcome.note += f"read-only: exit code {code}: {refused.printed().strip()[-300:]}\n"
        if code == 0:
            outcome.num_unexplained += 1
        remounted(home, "rw")
        resume(setting, home, outcome, command, max(done, updates_done(home)))
    shutil.rmtree(home, ignore_errors=True)
    return outcome


def clock_jumps(setting: Setting) -> Outcome:
    """Let the clock jump twice while a command works; every process of it sees that, by libfaketime."""
    outcome, home = Outcome("clock jumps"), setting.site.new_home()
    library, offset = faketime_library(), setting.site.folder / f"{home.name}.clock"
    if library is None:
        raise SystemExit("expected libfaketime, found none: apt install faketime")
    write_atomically(offset, b"+0")
    environment = {
        "FMN_HOME": str(home), "LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": str(offset), "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }  # fmt: skip
    command = start_cold(setting.site.words("supervised"), setting.site.folder / f"{home.name}.log", environment)
    while command.code is None and not (home / "segments").exists():
        time.sleep(0.01)
    for _ in range(2):
        sleep_within(command, setting.rng.uniform(0, 0.4 * setting.wall_s()))
        jump_s = setting.rng.choice(JUMPS_S)
        outcome.note += f"{jump_s:+d} s\n"
        write_atomically(offset, f"{jump_s:+d}".encode())  # it is read all the time
    outcome.is_late = command.code is not None
    wait_or_end(command)
    note_traceback(outcome, command)
    resume(setting, home, outcome, command, 0)
    outcome.repeated = None
    shutil.rmtree(home, ignore_errors=True)
    return outcome
