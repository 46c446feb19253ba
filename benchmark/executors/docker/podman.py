"""What Podman's service takes otherwise than Docker's engine, of which it speaks the API. It loosens no limit.

Podman reads the list of system calls from a file, and sets the number of processes per user whenever any other limit of
that kind is set: to its own default, which a user without that right cannot have.
"""

from __future__ import annotations

import resource
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmark.executors.docker.seccomp import seccomp_profile
from benchmark.files.atomic import write_atomically

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
    most = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    processes = {"Name": "nproc", "Soft": most, "Hard": most}  # PidsLimit is what limits a container
    return {
        **config,
        "SecurityOpt": [*options, f"seccomp={profile}"],
        "Ulimits": [*config["Ulimits"], processes],
    }
