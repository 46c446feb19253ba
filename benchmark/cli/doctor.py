"""What `fmn doctor` looks at: each finding is one sentence, and wrong only where an evaluation would suffer."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version

from benchmark.executors.errors import ExecutorError
from benchmark.spec import UserError
from benchmark.store.claim import taken
from benchmark.store.claims import at_work_in
from benchmark.store.layout import Home, unfinished

_LOW_BYTES, _LOW_INODES = 2 << 30, 10_000
"""With less than this on the disk of the home, an evaluation may not come to its end."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: a word for it.
        is_fine: whether evaluations work with it as it is.
        said: one sentence.
    """

    what: str
    is_fine: bool
    said: str


def examine(home: Home) -> list[Finding]:
    """Look at everything; a home that is not there yet is made."""
    return [*_home(home), *_disk(home), *_leftovers(home), _keys(), _engine(home), *_scheduler(home), *_libraries()]


def _home(home: Home) -> Iterator[Finding]:
    try:
        home.root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home.root):
            pass
    except OSError as error:
        yield Finding("home", False, f"{home.root} cannot be written to: {error.strerror}; name another with FMN_HOME")
        return
    yield Finding("home", True, f"{home.root} can be written to")
    try:
        with taken(home.claims / "doctor", "fmn doctor"):
            pass
    except OSError as error:
        yield Finding("lock", False, f"the home's file system knows no locks: {error.strerror}")
        return
    at_work = ", ".join(map(str, at_work_in(home) or []))
    yield Finding("lock", True, f"at work: {at_work}" if at_work else "no evaluation is at work")


def _disk(home: Home) -> Iterator[Finding]:
    if not home.root.is_dir():
        return
    facts = os.statvfs(home.root)
    free = facts.f_bavail * facts.f_frsize
    advice = "" if free >= _LOW_BYTES else "; `fmn gc` says what can be removed"
    yield Finding("disk", free >= _LOW_BYTES, f"{free / 2**30:.1f} GiB are free{advice}")
    if facts.f_files and facts.f_favail < _LOW_INODES:
        yield Finding("disk", False, f"only {facts.f_favail} more files can be made")


def _leftovers(home: Home) -> Iterator[Finding]:
    half_made = len(unfinished(home))
    jobs = sum(1 for _ in home.jobs.glob("*"))
    if half_made or jobs:
        said = f"{half_made} half-made files and {jobs} jobs are left; the next evaluation sees to them"
        yield Finding("leftovers", True, said)
    damaged = sum(1 for _ in home.damaged.glob("*"))
    if damaged:
        said = f"{damaged} states were found damaged and moved to {home.damaged}; look at the disk, then `fmn gc --yes`"
        yield Finding("damage", False, said)


def _keys() -> Finding:
    from benchmark.recording.signing_keys import public_keys

    try:
        number = len(public_keys())
    except UserError as error:
        return Finding("keys", False, str(error))
    said = f"{number} signing keys are here" if number else "keys are made at the first evaluation"
    return Finding("keys", True, said)


def _engine(home: Home) -> Finding:
    from benchmark.executors.docker.executor import DockerExecutor

    try:
        DockerExecutor(home).close()
    except ExecutorError as error:
        return Finding("docker", True, f"EXECUTOR=docker cannot be used: {error}")
    return Finding("docker", True, "EXECUTOR=docker can be used")


def _scheduler(home: Home) -> Iterator[Finding]:
    from benchmark.executors.slurm.options import OPTIONS_FILE, read_options
    from benchmark.executors.slurm.scheduler import demand_slurm

    if shutil.which("sbatch") is None and not (home.root / OPTIONS_FILE).exists():
        return
    try:
        container = read_options(home.root).container
        how = "without isolation" if container is None else f"in containers of {container} on its nodes"
        yield Finding("slurm", True, f"EXECUTOR=slurm can be used ({demand_slurm()}); submitted code runs {how}")
    except (ExecutorError, UserError) as error:
        yield Finding("slurm", False, str(error))


def _libraries() -> Iterator[Finding]:
    import torch

    from benchmark.machine import LIBRARIES, cpu_model

    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    yield Finding("python", True, f"Python {platform.python_version()}, {versions}")
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    yield Finding("device", True, ", ".join(names) if names else f"no GPU is visible; {cpu_model()}")
