"""What Podman's service takes otherwise than Docker's engine, whose API it speaks. One limit falls.

Podman reads the list of system calls from a file, and sets the number of processes per user whenever any other limit of
that kind is set: to its own default, which may be more than it can have. It does not limit the number of files in
/tmp; their size is limited, and the kernel counts what they take against the container's memory.
"""

from __future__ import annotations

import resource
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmark.executors.docker.seccomp import seccomp_profile
from benchmark.files.atomic import write_atomically

_MAX_PROCESSES = 16384
"""Of `nobody` on the whole machine; `PidsLimit` is what limits a container."""
_WRITABLE, _SMALL = ("/run", "/var/tmp"), "rw,noexec,nosuid,nodev,size=64k,mode=755"
"""Where Podman puts a tmpfs of any size in a container whose file system is read-only, and one that holds little."""

SECCOMP_FILE = "podman-seccomp.json"
"""Name in the home of the list of system calls."""


def is_podman(version: Mapping[str, Any]) -> bool:
    """Return whether an engine that describes itself so (`GET /version`) is Podman.

    >>> is_podman({"Components": [{"Name": "Podman Engine"}]}), is_podman({"Components": [{"Name": "Engine"}]})
    (True, False)
    """
    return any(str(each.get("Name", "")).startswith("Podman") for each in version.get("Components") or ())


def podman_config(config: Mapping[str, Any], home: Path) -> dict[str, Any]:
    """Return a `HostConfig` of `limits.host_config` as Podman takes it.

    Args:
        config: as Docker takes it.
        home: folder for the file with the list of system calls, which the service must be able to read.
    """
    profile = home / SECCOMP_FILE
    content = seccomp_profile().encode()
    if not profile.is_file() or profile.read_bytes() != content:
        write_atomically(profile, content)
    options = [each for each in config["SecurityOpt"] if not each.startswith("seccomp=")]
    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    most = _MAX_PROCESSES if hard == resource.RLIM_INFINITY else min(_MAX_PROCESSES, hard)
    processes = {"Name": "nproc", "Soft": most, "Hard": most}
    return {
        **config,
        "Tmpfs": {at: _known(options) for at, options in config["Tmpfs"].items()} | dict.fromkeys(_WRITABLE, _SMALL),
        "SecurityOpt": [*options, f"seccomp={profile}"],
        "Ulimits": [*config["Ulimits"], processes],
    }


def _known(options: str) -> str:
    """Leave out what Podman 4 refuses as an unknown option of a tmpfs.

    >>> _known("rw,size=1,nr_inodes=5,mode=1777")
    'rw,size=1,mode=1777'
    """
    return ",".join(option for option in options.split(",") if not option.startswith("nr_inodes="))
