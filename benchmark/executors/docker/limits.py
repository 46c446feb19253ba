"""What every container of the benchmark is denied, and its limits: constants, not options, as Engine API values.

The module does not use the Docker SDK, so that each line can be tested where no engine runs. Sizes are bytes, times are
seconds.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.executors.docker.seccomp import seccomp_profile
from benchmark.executors.programs import MAX_LOG_BYTES, ONE_THREAD

NOBODY = "65534:65534"
"""User and group in containers, Linux's `nobody`: owns nothing in the images and nothing on the host."""

ENVIRONMENT = (*(f"{name}={value}" for name, value in ONE_THREAD.items()), "LANG=C.UTF-8", "HOME=/tmp")
"""The whole environment beside what the images set; no variable of the dispatcher is passed on."""

ROLE_LABEL = "org.forget-me-not.role"
HOME_LABEL = "org.forget-me-not.home"
DISPATCHER_LABEL = "org.forget-me-not.dispatcher"
DEADLINE_LABEL = "org.forget-me-not.deadline"
"""Labels of every container: what it is for, whose it is, and the time (seconds since 1970) when it is overdue."""

SUBMISSION_AT, DATA_AT, PARENTS_AT, JOB_AT, OUTBOX_AT = (
    "/fmn/submission", "/fmn/train.safetensors", "/fmn/parents", "/fmn/job.json", "/fmn/outbox",
)  # fmt: skip
"""Where a trainer finds what it may see."""

_CDI = "nvidia.com/gpu="
"""Before the id of a GPU in the container device interface."""

FIRST_PROCESS_AT = "/opt/code/benchmark/training/starting/first_process.py"
"""Path in the trainer's image of the program that starts it."""


@dataclass(frozen=True)
class Limits:
    """How much a trainer may use. Every default is a constant of the benchmark; tests use smaller ones.

    Attributes:
        memory: resident memory and tmpfs together; swap is not given on top.
        pids: processes and threads.
        shm: size of /dev/shm.
        tmp: size of /tmp.
        file: largest file it can write anywhere.
        open_files: descriptors per process.
        outbox: disk blocks that its outbox may hold at any time.
        outbox_entries: files and folders that its outbox may hold at any time.
        log: how much of its output is kept.
        start_s: time that it has beside its updates.
        update_s: time that it has per update, far more than any honest one takes.
    """

    memory: int = 8 << 30
    pids: int = 256
    shm: int = 64 << 20
    tmp: int = 256 << 20
    file: int = 1 << 30
    open_files: int = 1024
    outbox: int = 16 << 30
    outbox_entries: int = 10_000
    log: int = MAX_LOG_BYTES
    start_s: float = 1800.0
    update_s: float = 20.0

    def deadline_s(self, num_updates: int) -> float:
        """Return how many seconds a trainer with `num_updates` to make may take in all."""
        return self.start_s + self.update_s * num_updates


def host_config(
    limits: Limits, mounts: Mapping[str, tuple[Path, bool]], *, num_cpus: int | None,
    device_requests: Sequence[Mapping[str, Any]] = (), has_own_init: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Return the `HostConfig` of a container, as the Engine API takes it.

    Args:
        limits: its sizes.
        mounts: per path inside, the path on this machine and whether it may be written.
        num_cpus: processor time it may use, in cores; None for all of the machine.
        device_requests: GPUs, from `gpu_request`.
        has_own_init: whether its program is fit to be a first process; otherwise the engine provides one.
    """
    return {
        "NetworkMode": "none",
        "ReadonlyRootfs": True,
        "Privileged": False,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges:true", f"seccomp={seccomp_profile()}"],
        "IpcMode": "private",
        "CgroupnsMode": "private",
        "PidsLimit": limits.pids,
        "Memory": limits.memory,
        "MemorySwap": limits.memory,
        "ShmSize": limits.shm,
        "NanoCpus": 0 if num_cpus is None else num_cpus * 10**9,
        "Ulimits": [
            {"Name": "nofile", "Soft": limits.open_files, "Hard": limits.open_files},
            {"Name": "core", "Soft": 0, "Hard": 0},
            {"Name": "fsize", "Soft": limits.file, "Hard": limits.file},
        ],
        "Tmpfs": {"/tmp": f"rw,noexec,nosuid,nodev,size={limits.tmp},nr_inodes=16384,mode=1777"},
        "LogConfig": {"Type": "json-file", "Config": {"max-size": str(limits.log), "max-file": "1"}},
        "RestartPolicy": {"Name": "no"},
        "Init": not has_own_init,
        "DeviceRequests": [dict(request) for request in device_requests],
        "Mounts": [
            {
                "Type": "bind", "Source": str(source.resolve()), "Target": target, "ReadOnly": not writable,
                "BindOptions": {"Propagation": "rprivate"},
            }
            for target, (source, writable) in mounts.items()
        ],
    }  # fmt: skip


def known_gpus(info: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the ids of all GPUs that an engine names: those of CDI. NVIDIA's runtime names none; its first is 0."""
    discovered = (str(device.get("ID", "")) for device in info.get("DiscoveredDevices") or ())
    ids = {each.removeprefix(_CDI) for each in discovered if each.startswith(_CDI)}
    return tuple(sorted((each for each in ids if each.isdecimal()), key=int)) or ("0",)


def gpu_request(info: Mapping[str, Any], *gpus: str) -> dict[str, Any]:
    """Return the request for GPUs by their ids, in the form that this engine understands.

    Args:
        info: what the engine reports about itself (`GET /info`).
        gpus: index or UUID of each GPU; never "all".

    Raises:
        ValueError: the engine cannot pass a GPU through, in one plain sentence.
    """
    for gpu in gpus:
        if not gpu or gpu == "all" or "," in gpu:
            raise ValueError(f"GPU: expected the id of one GPU, for instance 0, got {gpu!r}")
    discovered = [str(device.get("ID", "")) for device in info.get("DiscoveredDevices") or ()]
    if any(device.startswith(_CDI) for device in discovered):
        return {"Driver": "cdi", "DeviceIDs": [f"{_CDI}{gpu}" for gpu in gpus]}
    if "nvidia" in (info.get("Runtimes") or {}):
        return {"Driver": "nvidia", "DeviceIDs": list(gpus), "Capabilities": [["gpu"]]}
    raise ValueError(
        "this Docker engine cannot pass a GPU through (it knows no NVIDIA runtime and no CDI device): "
        "install the NVIDIA Container Toolkit and restart the engine, or use DEVICE=cpu"
    )


def grant_read(path: Path) -> None:
    """Let every user of this machine, and so the one in containers, read a file or all of a folder of ours.

    The umask under which it was written does not matter. Folders above it must keep other users of the machine out.
    """
    for each in (path, *path.rglob("*")) if path.is_dir() else (path,):
        mode = stat.S_IMODE(each.stat().st_mode)
        wanted = mode | (0o555 if each.is_dir() else 0o444)
        if mode != wanted:
            each.chmod(wanted)


def grant_entry(folder: Path) -> None:
    """Let every user of this machine enter and list a folder of ours; what is in it keeps its mode."""
    folder.chmod(stat.S_IMODE(folder.stat().st_mode) | 0o555)
