"""Containers on a node: what a runtime is asked for, word by word, and the look whether its image holds this code.

What is denied and how much may be used are the constants of `docker.limits`, where the runtime knows them. Memory,
processors and devices are Slurm's to limit: `--cgroups=disabled` leaves a container in the control groups of its job.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from benchmark.executors.child_process import VISIBLE_GPUS, child_environment, passed_on
from benchmark.executors.docker.images import CODE_LABEL
from benchmark.executors.docker.limits import ENVIRONMENT, FIRST_PROCESS_AT, NOBODY, Limits
from benchmark.printable import on_one_line
from benchmark.training.starting.first_process import HELD

Runtime = Literal["podman", "apptainer"]
"""What starts containers without a daemon; each is a level of isolation of that name."""

ENVIRONMENT_AT = "/fmn/environment.json"
"""Where a container finds the environment that names states."""

RUNTIME_VARIABLES = ("CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF")
"""Variables by which a site tells Podman where its settings and images are. No container sees them."""

_INSPECT_S = 120.0
_MAX_PROCESSES = 16384
"""Of one user: the kernel counts those of a user's containers together where the job runs as root."""
_GPUS_OF_JOB = ("SLURM_STEP_GPUS", "SLURM_JOB_GPUS", VISIBLE_GPUS)
"""Variables that name the GPUs of a job; those of Slurm count all of the node's, as Podman does."""


class UnfitNodeError(RuntimeError):
    """A node cannot run a job as it must be run; one sentence for users, with what to do."""


@dataclass(frozen=True)
class Mount:
    """A file or folder of the home that a container sees.

    Attributes:
        source: its path on the node.
        target: its path inside.
        is_writable: whether the program may write into it.
    """

    source: str
    target: str
    is_writable: bool = False


@dataclass(frozen=True)
class Container:
    """The container that a program runs in.

    Attributes:
        runtime: what starts it.
        image: name of an image, or path of an Apptainer file.
        code: digest of the code that the image must hold.
        has_gpu: whether it sees the GPU of its job.
        mounts: all that it sees of the home.
    """

    runtime: Runtime
    image: str
    code: str
    has_gpu: bool = False
    mounts: tuple[Mount, ...] = ()

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Container:
        """Read one that was written with `asdict`.

        Raises:
            TypeError: it makes no sense.
        """
        fields: dict[str, Any] = {**document, "mounts": tuple(Mount(**each) for each in document["mounts"])}
        return cls(**fields)


def runtime_environment() -> dict[str, str]:
    """Return the environment in which a runtime is called."""
    return child_environment() | passed_on(RUNTIME_VARIABLES)


def checked_image(container: Container) -> str:
    """Return the id of an image that holds the running code; Apptainer's is its path.

    Raises:
        UnfitNodeError: the runtime or the image is not here, or the image holds other code.
    """
    is_podman = container.runtime == "podman"
    command = (
        ["podman", "image", "inspect", container.image] if is_podman
        else ["apptainer", "inspect", "--json", "--labels", container.image]
    )  # fmt: skip
    described = _answer(command, container)
    try:
        found = described[0] if is_podman else described["data"]["attributes"]
        identity, labels = (found["Id"] if is_podman else container.image), found["Labels" if is_podman else "labels"]
    except (LookupError, TypeError) as error:
        said = f"{container.runtime} describes the image {container.image} in a way that makes no sense"
        raise UnfitNodeError(f"{platform.node()}: {said}: {error!r}") from error
    if (labels or {}).get(CODE_LABEL) != container.code:
        advice = "run `make image` in the checkout and bring the image to the nodes again (docs/operating.md)"
        raise UnfitNodeError(f"{platform.node()}: the image {container.image} holds other code than this: {advice}")
    return str(identity)


def _answer(command: Sequence[str], container: Container) -> Any:
    try:
        done = subprocess.run(
            command, env=runtime_environment(), stdin=subprocess.DEVNULL, capture_output=True, timeout=_INSPECT_S,
            check=True,
        )  # fmt: skip
        return json.loads(done.stdout)
    except subprocess.CalledProcessError as error:
        why, advice = on_one_line(error.stderr.decode(errors="replace"))[-500:], "bring it there (docs/operating.md)"
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        why, advice = str(error), f"choose nodes that have {container.runtime}, with `constraint` or `partition`"
    raise UnfitNodeError(f"{platform.node()}: the image {container.image} is not usable there ({why}): {advice}")


def start_command(
    container: Container, image: str, name: str, seccomp: str, program: Sequence[str], num_descriptors: int
) -> list[str]:
    """Return the command that runs a program in a container to its end, held by the caller.

    Args:
        container: what it sees.
        image: from `checked_image`.
        name: of the container; an old one of that name is removed.
        seccomp: file with the list of system calls, which Podman reads.
        program: module and arguments.
        num_descriptors: how many descriptors from 3 on it inherits.

    Raises:
        UnfitNodeError: a GPU is to be seen, and nothing says which is the job's.
    """
    inside = ["python", "-I", "-S", FIRST_PROCESS_AT, HELD, "python", "-I", "-m", *program]
    if container.runtime == "podman":
        return [*_podman(container, name, seccomp, num_descriptors), image, *inside]
    return [*_apptainer(container), image, *inside]


def remove_command(container: Container, name: str) -> list[str] | None:
    """Return the command that ends a container and removes what is left of it; None where nothing can be left."""
    return ["podman", "rm", "--force", "--ignore", "--time=0", name] if container.runtime == "podman" else None


def _podman(container: Container, name: str, seccomp: str, num_descriptors: int) -> list[str]:
    limits = Limits()
    is_root = os.geteuid() == 0
    limited = {"nofile": limits.open_files, "nproc": _MAX_PROCESSES, "core": 0, "fsize": limits.file}
    return [
        "podman", "--runtime=crun",  # the only one that leaves a container in the control groups of its job
        "run", "--rm", "--replace", f"--name={name}", "--pull=never",
        "--cgroups=disabled", "--network=none", "--no-hosts", "--hostname=fmn", "--http-proxy=false",
        "--read-only", "--read-only-tmpfs=false",
        f"--tmpfs=/tmp:rw,noexec,nosuid,nodev,size={limits.tmp},mode=1777", f"--shm-size={limits.shm}",
        "--cap-drop=all", "--security-opt=no-new-privileges", f"--security-opt=seccomp={seccomp}",
        "--security-opt=label=disable",  # SELinux would deny it the files of the home, which are not relabelled
        *([f"--user={NOBODY}"] if is_root else ["--userns=keep-id", f"--user={os.geteuid()}:{os.getegid()}"]),
        *(f"--ulimit={limit}={most}:{most}" for limit, most in limited.items()),
        *(f"--env={variable}" for variable in ENVIRONMENT),
        "--workdir=/tmp", "--log-driver=none", f"--preserve-fds={num_descriptors}",
        *(f"--device=nvidia.com/gpu={gpu}" for gpu in (gpus_of_job() if container.has_gpu else ())),
        *(f"--volume={each.source}:{each.target}:{_access(each)},rprivate" for each in container.mounts),
    ]  # fmt: skip


def _apptainer(container: Container) -> list[str]:
    """No run of ours has shown this one: it is written from Apptainer's manual."""
    visible = [f"--env={name}={ids}" for name, ids in passed_on([VISIBLE_GPUS]).items()]
    return [
        "apptainer", "exec",
        "--containall", "--no-home", "--cleanenv",  # own /tmp, /dev, processes; no folder and no variable of the user
        "--no-mount=cwd,hostfs,bind-paths",  # nor what the site mounts into every container
        "--no-init",  # the first process is ours: no program inside can end it
        "--no-privs", "--net", "--network=none",
        *(f"--env={variable}" for variable in ENVIRONMENT if not variable.startswith("HOME=")),
        *(["--nv", *visible] if container.has_gpu else []),
        "--pwd=/tmp",
        *(f"--bind={each.source}:{each.target}:{_access(each)}" for each in container.mounts),
    ]  # fmt: skip


def _access(mount: Mount) -> str:
    return "rw" if mount.is_writable else "ro"


def gpus_of_job() -> list[str]:
    """Return the ids of the GPUs that Slurm has given to this job.

    Raises:
        UnfitNodeError: nothing names them.
    """
    for ids in passed_on(_GPUS_OF_JOB).values():
        if ids:
            return ids.split(",")
    said = f"expected one of {', '.join(_GPUS_OF_JOB)} to name the GPU of the job, found none"
    raise UnfitNodeError(f"{platform.node()}: {said}; ask for one with `gres` in executor.yaml")
