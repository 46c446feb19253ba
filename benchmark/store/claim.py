"""A claim: a file that one process holds, with who holds it and for what, so that no two do the same thing at once.

Among processes of one machine the system's lock decides, and a process that dies holds nothing. Where another machine
shares the folder, a lock may be lost (a network file system that was away) or not be seen (one without locks across
machines). So a claim carries a lease too: its holder touches the file now and then, and who comes from another machine
takes it only when the file has stood still for a whole lease by its own clock. A holder asks before it publishes
anything whether the file still bears its name (`is_held`): one that was away for so long finds another's. A
claim from before a restart needs no lease: where its file is on a disk of this machine, and was on one of its holder's,
that was this machine, and the lock decides.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import logging
import os
import platform
import stat
import time
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchmark.files.local_disk import is_local
from benchmark.printable import masked

logger = logging.getLogger(__name__)

LEASE_S = 60.0
"""Seconds for which a claim's file must stand still before another machine takes it."""
RENEW_S = 10.0
"""Seconds after which its holder touches it."""

_POLL_S = 0.1
_MAX_BYTES = 4096
_MOST_ROUNDS = 100
"""How often a claim's file may be replaced while it is being opened."""

Seen = dict[Path, tuple[str, int, float]]
"""By claim: the token and time of change in its file, and since when, by the clock of who looks, they are the same."""


@dataclass(frozen=True)
class Holder:
    """Who holds a claim, as its file says.

    Attributes:
        what: it is doing, for people.
        pid: of its process; 0 where the file says nothing yet.
        host: name of its machine.
        boot: tells machines apart, and one from itself before it was started again.
        token: of this very claim.
        is_local: whether the file is on a disk of its machine.
    """

    what: str = ""
    pid: int = 0
    host: str = ""
    boot: str = ""
    token: str = ""
    is_local: bool = False

    def __str__(self) -> str:
        """Say who it is.

        >>> str(Holder("simclr on digits-1.0", 17, platform.node()))
        'pid 17 (simclr on digits-1.0)'
        """
        if not self.pid:
            return "another process"
        return masked(f"pid {self.pid}{'' if self.host == platform.node() else f' on {self.host}'} ({self.what})")


class Claim:
    """A claim that this process holds.

    Args:
        path: its file.
        descriptor: of the file, locked.
        token: that this process has written into it.
    """

    def __init__(self, path: Path, descriptor: int, token: str) -> None:
        self.path = path
        self._descriptor, self._token = descriptor, token

    def is_held(self) -> bool:
        """Return whether the file still bears this claim: nobody has taken it over, nobody has removed it."""
        try:
            return read_holder(self.path).token == self._token
        except (FileNotFoundError, NotADirectoryError):
            return False

    def renew(self) -> None:
        """Prolong the lease; what another has taken over meanwhile only gets its lease prolonged."""
        os.utime(self._descriptor)

    def release(self) -> None:
        """Give it back, and remove its file.

        The lock is undone by name: forks of this process, which trainers of tests are, hold the same open file.
        """
        if self._descriptor < 0:
            return
        descriptor, self._descriptor = self._descriptor, -1
        try:
            if self.is_held():
                with suppress(FileNotFoundError):
                    self.path.unlink()
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        except OSError as error:
            logger.warning("%s was not given back in order: %s", self.path, error)
        finally:
            os.close(descriptor)


def try_claim(path: Path, what: str, seen: Seen | None = None) -> Claim | Holder:
    """Take a claim, or return who holds it.

    Args:
        path: its file; folders above it are made.
        what: this process is doing, for others to read.
        seen: what this process remembers of leases of other machines. Without it the lock alone decides: for what one
            machine alone does, or what lasts a moment.

    Raises:
        OSError: the file system knows no locks, or the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(_MOST_ROUNDS):
        descriptor = _opened(path, os.O_RDWR | os.O_CREAT)
        claim: Claim | None = None
        try:
            if not try_lock(descriptor):
                return read_holder_of(descriptor)
            if not _is_at(path, descriptor):
                continue  # its holder has removed the file meanwhile: another one is there, or none
            left = read_holder_of(descriptor)
            is_unsure = seen is not None and _may_live_elsewhere(left, descriptor)
            if seen is not None and is_unsure and not stands_still(path, left, seen, LEASE_S):
                return left
            claim = _written(path, descriptor, what, is_leased=seen is not None)
            return claim
        finally:
            if claim is None:
                with suppress(OSError):
                    fcntl.flock(descriptor, fcntl.LOCK_UN)
                os.close(descriptor)
    raise OSError(errno.EOPNOTSUPP, "expected a file system on which an open file keeps its number", str(path))


def _opened(path: Path, flags: int) -> int:
    """Open the file of a claim; a link, a pipe or a folder in its place is refused and left as it is."""
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "expected a regular file", str(path))
    return descriptor


@contextmanager
def taken(path: Path, what: str, on_wait: Callable[[str], None] = lambda _: None) -> Generator[None]:
    """Hold a claim; wait for it where another process has it.

    Args:
        path: its file.
        what: this process is doing, for others to read.
        on_wait: called with a sentence for people when it has to wait.
    """
    waits = 0
    while isinstance(claim := try_claim(path, what), Holder):
        waits += 1
        if waits == 2:  # at the first time it may be somebody's who only looks
            on_wait(f"waiting for {claim}")
        time.sleep(_POLL_S)
    try:
        yield
    finally:
        claim.release()


def holder_of(path: Path) -> Holder | None:
    """Return who holds a claim; None where nobody does. Looking at it holds it for a moment, together with others.

    Raises:
        OSError: the file system knows no locks, or the file may not be read.
    """
    try:
        descriptor = _opened(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        holder = read_holder_of(descriptor)
        if not try_lock(descriptor, fcntl.LOCK_SH):
            return holder
        is_recent = abs(time.time() - os.fstat(descriptor).st_mtime) < LEASE_S  # a time far ahead is no life either
        return holder if is_recent and _may_live_elsewhere(holder, descriptor) else None
    finally:
        os.close(descriptor)


def _may_live_elsewhere(holder: Holder, descriptor: int) -> bool:
    """Return whether a claim whose lock is free may be held on another machine, and is not from before a restart."""
    return holder.boot not in ("", this_boot()) and not (holder.is_local and is_local(descriptor))


def read_holder(path: Path) -> Holder:
    """Return whom a claim's file names; an empty holder where it makes no sense."""
    descriptor = _opened(path, os.O_RDONLY)
    try:
        return read_holder_of(descriptor)
    finally:
        os.close(descriptor)


def read_holder_of(descriptor: int) -> Holder:
    """Return whom an open claim's file names; an empty holder where it makes no sense."""
    try:
        document: dict[str, Any] = json.loads(os.pread(descriptor, _MAX_BYTES, 0))
        known = asdict(Holder())
        return Holder(**{name: type(known[name])(document[name]) for name in known if name in document})
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return Holder()


@lru_cache(maxsize=1)
def this_boot() -> str:
    """Return what tells this machine, since it was started, from others; containers on it are this machine too."""
    try:
        said = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    except OSError:  # no Linux: the machine's name has to do
        said = platform.node()
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def _written(path: Path, descriptor: int, what: str, *, is_leased: bool) -> Claim:
    holder = Holder(what[:500], os.getpid(), platform.node(), this_boot(), uuid.uuid4().hex, is_local(descriptor))
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(asdict(holder)).encode(), 0)
    if is_leased:
        os.fsync(descriptor)  # other machines are to see it now
    return Claim(path, descriptor, holder.token)


def try_lock(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Take the lock of an open file where it is free, and return whether it was."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(path: Path, descriptor: int) -> bool:
    """Return whether an open file is the one of that name."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def stands_still(path: Path, holder: Holder, seen: Seen, for_s: float) -> bool:
    """Return whether a claim's file has not been touched for so long, by the clock of this process alone.

    Args:
        path: the file.
        holder: whom it names.
        seen: what this process remembers of such files; kept up to date here.
        for_s: seconds, which begin when this process first sees the file as it is.
    """
    try:
        changed, now = path.stat().st_mtime_ns, time.monotonic()
    except FileNotFoundError:
        return False
    token, before, since = seen.get(path, ("", 0, now))
    if (token, before) != (holder.token, changed):
        seen[path] = (holder.token, changed, now)
        return False
    return now - since >= for_s
