"""The system calls of a container: a list of what training and scoring need, in the form that the engine takes.

`seccomp.json` lists the calls that are allowed with any arguments; those allowed with some arguments stand here.
Everything else fails with EPERM: io_uring, ptrace, mounts, namespaces, keys, BPF and what later kernels add. A call of
another architecture (32-bit programs, x32) ends the process that makes it.

No process in a container can make the kernel send SIGKILL for it. So one that SIGKILL has ended was ended from outside,
or by the kernel at the memory limit.
"""

from __future__ import annotations

import errno
import json
import platform
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

_ARCHITECTURES = {"x86_64": "SCMP_ARCH_X86_64", "amd64": "SCMP_ARCH_X86_64"} | dict.fromkeys(
    ("aarch64", "arm64"), "SCMP_ARCH_AARCH64"
)
"""The engine's name per machine; of each machine the native architecture alone, with pointers of 64 bits."""

_SIGKILL = 9
_MAX_SIGNAL = 64
_SENDS_SIGNAL = {
    "kill": 1, "tkill": 1, "rt_sigqueueinfo": 1, "pidfd_send_signal": 1, "tgkill": 2, "rt_tgsigqueueinfo": 2,
}  # fmt: skip
"""Per call that sends a signal, the place of the signal among its arguments."""

_AF_UNIX, _MAX_FAMILY = 1, 63
"""Sockets between processes of one container are the only ones. Network namespaces do not cover every other family."""

_F_SETSIG, _MAX_FCNTL = 10, 2047
"""This command chooses the signal of a descriptor, SIGKILL included."""

_RLIMIT_CPU, _MAX_RLIMIT = 0, 15
"""A process may not limit its processor time: the kernel ends those past the limit with SIGKILL."""

_CSIGNAL = 0xFF
_CLONE_NEW = 0x7E020000
_SIGCHLD = 17
"""`clone` makes threads (no signal at the end) and processes (SIGCHLD), and no namespaces."""

_PRCTL = {
    "PR_SET_PDEATHSIG": 1, "PR_GET_PDEATHSIG": 2, "PR_GET_DUMPABLE": 3, "PR_SET_DUMPABLE": 4, "PR_SET_NAME": 15,
    "PR_GET_NAME": 16, "PR_GET_SECCOMP": 21, "PR_CAPBSET_READ": 23, "PR_GET_SECUREBITS": 27, "PR_SET_TIMERSLACK": 29,
    "PR_GET_TIMERSLACK": 30, "PR_SET_CHILD_SUBREAPER": 36, "PR_GET_CHILD_SUBREAPER": 37, "PR_SET_NO_NEW_PRIVS": 38,
    "PR_GET_NO_NEW_PRIVS": 39, "PR_GET_TID_ADDRESS": 40, "PR_SET_THP_DISABLE": 41, "PR_GET_THP_DISABLE": 42,
    "PR_SET_VMA": 0x53564D41,
}  # fmt: skip
"""Options of `prctl`; a filter of its own (PR_SET_SECCOMP) is not among them, since its strict mode sends SIGKILL."""

_INT = 0xFFFFFFFF
"""The kernel reads these arguments as 32 bits. What stands above must not matter to a rule either."""

Rule = dict[str, Any]


@cache
def seccomp_profile(machine: str = platform.machine()) -> str:
    """Return the profile as one line of JSON, as the engine takes it inline.

    Args:
        machine: name of the processor as `uname -m` prints it.

    Raises:
        ValueError: there is no profile for it; one sentence.
    """
    architecture = _ARCHITECTURES.get(machine.lower())
    if architecture is None:
        known = ", ".join(sorted(_ARCHITECTURES))
        raise ValueError(f"EXECUTOR=docker: expected a machine with a seccomp profile ({known}), got {machine}")
    profile = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": errno.EPERM,
        "architectures": [architecture],
        "syscalls": [*_rules()],
    }
    return json.dumps(profile, separators=(",", ":"))


def _rules() -> Iterable[Rule]:
    yield _allow(sorted({name for names in _unconditional().values() for name in names}))
    for call, place in _SENDS_SIGNAL.items():
        yield from _all_but(call, place, _SIGKILL, _MAX_SIGNAL)
    for call in ("socket", "socketpair"):
        yield _allow([call], _equal(0, _AF_UNIX))
        for rule in _all_but(call, 0, _AF_UNIX, _MAX_FAMILY):
            yield rule | {"action": "SCMP_ACT_ERRNO", "errnoRet": errno.EAFNOSUPPORT}
    yield from _all_but("fcntl", 1, _F_SETSIG, _MAX_FCNTL)
    yield from _all_but("setrlimit", 0, _RLIMIT_CPU, _MAX_RLIMIT)
    yield from _all_but("prlimit64", 1, _RLIMIT_CPU, _MAX_RLIMIT)
    yield _allow(["prlimit64"], {"index": 2, "op": "SCMP_CMP_EQ", "value": 0})  # nothing is set
    for signal in (0, _SIGCHLD):
        yield _allow(["clone"], _equal(0, signal, mask=_CLONE_NEW | _CSIGNAL))
    # Its flags are in memory, where no rule can read them. The C library then calls `clone`.
    yield {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.ENOSYS}
    for option in _PRCTL.values():
        yield _allow(["prctl"], _equal(0, option))


@cache
def _unconditional() -> dict[str, list[str]]:
    """Return the calls that are always allowed, by what they are for."""
    return json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))


def _allow(names: Sequence[str], *arguments: Rule) -> Rule:
    return {"names": [*names], "action": "SCMP_ACT_ALLOW", "args": [*arguments]}


def _equal(place: int, value: int, mask: int = _INT) -> Rule:
    return {"index": place, "op": "SCMP_CMP_MASKED_EQ", "value": mask, "valueTwo": value}


def _all_but(call: str, place: int, excluded: int, most: int) -> Iterable[Rule]:
    """Allow a call with an argument from 0 to `most`, except one number.

    A rule can demand the upper bits of an argument, and cannot exclude a number. So each rule allows one block of
    numbers with the same upper bits, its size a power of two.
    """
    for start, size in _blocks(0, excluded - 1) + _blocks(excluded + 1, most):
        yield _allow([call], _equal(place, start, mask=_INT & ~(size - 1)))


def _blocks(first: int, last: int) -> list[tuple[int, int]]:
    """Cut a range of numbers into blocks whose sizes are powers of two and divide their beginnings."""
    blocks: list[tuple[int, int]] = []
    while first <= last:
        size = first & -first or 1 << last.bit_length()
        while first + size - 1 > last:
            size //= 2
        blocks.append((first, size))
        first += size
    return blocks
