"""The profile of system calls, decided as the kernel does it: no engine is needed to read it."""

from __future__ import annotations

import errno
import json
from typing import Any

import pytest

from benchmark.executors.docker.seccomp import seccomp_profile

PROFILE: dict[str, Any] = json.loads(seccomp_profile("x86_64"))
ABOVE = 1 << 32
"""Bits that the kernel does not read of an argument of 32 bits."""


def answer(name: str, *arguments: int) -> str | int:
    """Return `allow`, or the error that a call ends with; every rule that matches must say the same."""
    answers: set[str | int] = set()
    for rule in PROFILE["syscalls"]:
        if name in rule["names"] and all(matches(each, arguments) for each in rule.get("args", ())):
            answers.add("allow" if rule["action"] == "SCMP_ACT_ALLOW" else rule["errnoRet"])
    assert len(answers) <= 1, (name, arguments, answers)
    return answers.pop() if answers else PROFILE["defaultErrnoRet"]


def matches(rule: dict[str, Any], arguments: tuple[int, ...]) -> bool:
    value = arguments[rule["index"]]
    if rule["op"] == "SCMP_CMP_EQ":
        return value == rule["value"]
    assert rule["op"] == "SCMP_CMP_MASKED_EQ"
    return value & rule["value"] == rule["valueTwo"]


@pytest.mark.parametrize("name", ["socket", "socketpair"])
@pytest.mark.parametrize("above", [0, ABOVE])
def test_unix_sockets_are_the_only_ones(name: str, above: int) -> None:
    """AF_VSOCK reached the hypervisor from a container without a network."""
    allowed = [family for family in range(64) if answer(name, family + above, 1, 0) == "allow"]
    assert allowed == [1]
    assert {answer(name, family + above, 1, 0) for family in range(64)} == {"allow", errno.EAFNOSUPPORT}
    assert answer(name, -1 & (2**64 - 1), 1, 0) == errno.EPERM


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("kill", 1),
        ("tkill", 1),
        ("tgkill", 2),
        ("rt_sigqueueinfo", 1),
        ("rt_tgsigqueueinfo", 2),
        ("pidfd_send_signal", 1),
    ],
)
@pytest.mark.parametrize("above", [0, ABOVE])
def test_every_signal_can_be_sent_except_sigkill(name: str, place: int, above: int) -> None:
    def sent(signal: int) -> str | int:
        arguments = [1] * 4
        arguments[place] = signal + above
        return answer(name, *arguments)

    assert [signal for signal in range(65) if sent(signal) != "allow"] == [9]


@pytest.mark.parametrize("above", [0, ABOVE])
def test_no_other_way_to_have_sigkill_sent_is_open(above: int) -> None:
    assert answer("fcntl", 3, 10 + above, 9) == errno.EPERM
    assert answer("setrlimit", above, 4096) == errno.EPERM
    assert answer("prlimit64", 0, above, 4096, 0) == errno.EPERM
    assert answer("prctl", 22 + above, 1) == errno.EPERM
    assert answer("clone", 9 + above, 0, 0, 0, 0) == errno.EPERM
    for name in ("timer_create", "mq_notify", "mq_open", "seccomp", "ptrace", "io_submit"):
        assert answer(name, 0, 0, 0, 0, 0) == errno.EPERM


def test_what_honest_programs_do_is_allowed() -> None:
    threads, processes, children = 0x3D0F00, 0x1200000 | 17, 0x4100 | 17  # pthread_create, fork, posix_spawn
    assert {answer("clone", flags, 0, 0, 0, 0) for flags in (threads, processes, children)} == {"allow"}
    assert {answer("fcntl", 3, command, 0) for command in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1030, 1033)} == {"allow"}
    assert answer("prlimit64", 0, 0, 0, 4096) == "allow"  # reads the limit of its processor time
    assert {answer("prlimit64", 0, resource, 4096, 0) for resource in range(1, 16)} == {"allow"}
    assert {answer(name, 0, 0, 0, 0, 0) for name in ("mmap", "futex", "openat", "execve", "rseq")} == {"allow"}


def test_namespaces_are_refused_and_clone3_is_said_not_to_exist() -> None:
    flags = [0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000]
    assert {answer("clone", flag | 17, 0, 0, 0, 0) for flag in flags} == {errno.EPERM}
    assert answer("unshare", flags[0]) == answer("setns", 3, 0) == errno.EPERM
    assert answer("clone3", 4096, 88) == errno.ENOSYS


@pytest.mark.parametrize(
    "name",
    ["io_uring_setup", "io_uring_enter", "io_uring_register", "bpf", "perf_event_open", "userfaultfd", "keyctl",
     "add_key",
     "request_key", "kexec_load", "kexec_file_load", "mount", "umount2", "pivot_root", "fsopen", "move_mount",
     "open_tree",
     "chroot", "personality", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp", "init_module", "swapon",
     "open_by_handle_at", "name_to_handle_at", "fanotify_init", "setuid", "setresuid", "setgroups", "capset", "shmget",
     "semget", "msgget", "modify_ldt", "iopl", "ioperm", "settimeofday", "clock_settime", "reboot", "syslog"],
)  # fmt: skip
def test_calls_that_no_training_needs_are_refused(name: str) -> None:
    assert answer(name, 0, 0, 0, 0, 0) == errno.EPERM


def test_only_the_native_architecture_is_named() -> None:
    assert PROFILE["architectures"] == ["SCMP_ARCH_X86_64"]
    assert json.loads(seccomp_profile("arm64"))["architectures"] == ["SCMP_ARCH_AARCH64"]
    assert PROFILE["defaultAction"] == "SCMP_ACT_ERRNO"
    with pytest.raises(ValueError, match="expected a machine with a seccomp profile"):
        seccomp_profile("s390x")
