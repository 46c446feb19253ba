"""What a runtime is asked for, word by word, and the look at its image; the runtimes here are scripts that answer."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from benchmark.executors.docker.images import CODE_LABEL
from benchmark.executors.slurm.containers import (
    Container,
    Mount,
    UnfitNodeError,
    checked_image,
    gpus_of_job,
    remove_command,
    start_command,
)
from benchmark.executors.slurm.node_job import JobFolder, NodeJob
from benchmark.executors.slurm.node_program import with_job_file

MOUNTS = (Mount("/home/slurm/a/job.json", "/fmn/job.json"), Mount("/home/slurm/a/outbox", "/fmn/outbox", True))
PODMAN = Container("podman", "trainer:latest", "c0de", mounts=MOUNTS)
APPTAINER = Container("apptainer", "/images/trainer.sif", "c0de", mounts=MOUNTS)

INSIDE = [
    "python", "-I", "-S", "/opt/code/benchmark/training/starting/first_process.py", "--held",
    "python", "-I", "-m", "some.module", "--job", "/fmn/job.json",
]  # fmt: skip
PROGRAM = ["some.module", "--job", "/fmn/job.json"]


def podman_words(*user: str) -> list[str]:
    return [
        "podman", "--runtime=crun",
        "run", "--rm", "--replace", "--name=fmn-a",  # a second start of a job removes what a killed one has left
        "--pull=never",  # nothing is downloaded
        "--cgroups=disabled",  # it stays in the job's control groups: Slurm limits and ends it
        "--network=none", "--no-hosts", "--hostname=fmn",  # no network, and no name of one
        "--http-proxy=false",  # Podman would pass these variables on
        "--read-only", "--read-only-tmpfs=false",  # nothing is writable but what follows
        "--tmpfs=/tmp:rw,noexec,nosuid,nodev,size=268435456,mode=1777", "--shm-size=67108864",
        "--cap-drop=all", "--security-opt=no-new-privileges", "--security-opt=seccomp=/home/seccomp.json",
        "--security-opt=label=disable",  # files of the home have no label for containers
        *user,
        "--ulimit=nofile=1024:1024", "--ulimit=nproc=16384:16384", "--ulimit=core=0:0",
        "--ulimit=fsize=1073741824:1073741824",
        "--env=OMP_NUM_THREADS=1", "--env=MKL_NUM_THREADS=1", "--env=OPENBLAS_NUM_THREADS=1",  # bits depend on it
        "--env=LANG=C.UTF-8", "--env=HOME=/tmp",
        "--workdir=/tmp",
        "--log-driver=none",  # the process outside keeps what is printed
        "--preserve-fds=2",  # by which it is held
        "--volume=/home/slurm/a/job.json:/fmn/job.json:ro,rprivate",
        "--volume=/home/slurm/a/outbox:/fmn/outbox:rw,rprivate",
    ]  # fmt: skip


def test_podman_of_root_runs_programs_as_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    words = start_command(PODMAN, "1d", "fmn-a", "/home/seccomp.json", PROGRAM, 2)
    assert words == [*podman_words("--user=65534:65534"), "1d", *INSIDE]


def test_podman_of_a_user_runs_programs_as_that_user_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "getegid", lambda: 100)
    words = start_command(PODMAN, "1d", "fmn-a", "/home/seccomp.json", PROGRAM, 2)
    assert words == [*podman_words("--userns=keep-id", "--user=1000:100"), "1d", *INSIDE]


def test_apptainer_is_asked_for_all_that_it_can_deny() -> None:
    words = start_command(APPTAINER, APPTAINER.image, "fmn-a", "/home/seccomp.json", PROGRAM, 2)
    assert words == [
        "apptainer", "exec",
        "--containall",  # a /tmp, /dev, process and IPC namespace of its own
        "--no-home", "--cleanenv", "--no-mount=cwd,hostfs,bind-paths",  # nothing of the user, nothing of the site
        "--no-init",  # the first process is ours
        "--no-privs",  # no capabilities, and none to be gained
        "--net", "--network=none",
        "--env=OMP_NUM_THREADS=1", "--env=MKL_NUM_THREADS=1", "--env=OPENBLAS_NUM_THREADS=1", "--env=LANG=C.UTF-8",
        "--pwd=/tmp",
        "--bind=/home/slurm/a/job.json:/fmn/job.json:ro", "--bind=/home/slurm/a/outbox:/fmn/outbox:rw",
        "/images/trainer.sif", *INSIDE,
    ]  # fmt: skip
    assert remove_command(APPTAINER, "fmn-a") is None


def test_a_container_sees_the_gpus_of_its_job_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_GPUS", "2,3")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    on_gpu = Container("podman", "trainer:latest", "c0de", has_gpu=True)
    words = start_command(on_gpu, "1d", "fmn-a", "/home/seccomp.json", PROGRAM, 2)
    assert [word for word in words if word.startswith("--device")] == [
        "--device=nvidia.com/gpu=2", "--device=nvidia.com/gpu=3",
    ]  # fmt: skip
    on_gpu = Container("apptainer", "/images/trainer.sif", "c0de", has_gpu=True)
    words = start_command(on_gpu, on_gpu.image, "fmn-a", "/home/seccomp.json", PROGRAM, 2)
    assert "--nv" in words
    assert "--env=CUDA_VISIBLE_DEVICES=0,1" in words


def test_a_job_for_which_no_gpu_is_named_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLURM_STEP_GPUS", "SLURM_JOB_GPUS", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UnfitNodeError, match="to name the GPU of the job, found none; ask for one with `gres`"):
        gpus_of_job()


def answering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, code: int = 0) -> None:
    """Put runtimes on the path that print an answer."""
    for name in ("podman", "apptainer"):
        (tmp_path / "answer").write_text(answer)
        where = "" if code == 0 else " >&2"
        (tmp_path / name).write_text(f"#!/bin/sh\n/bin/cat {tmp_path}/answer{where}\nexit {code}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))


def labelled(container: Container, code: str) -> str:
    labels = {CODE_LABEL: code}
    if container.runtime == "podman":
        return json.dumps([{"Id": "1d", "Labels": labels}])
    return json.dumps({"data": {"attributes": {"labels": labels}}, "type": "container"})


@pytest.mark.parametrize("container", [PODMAN, APPTAINER])
def test_an_image_with_the_running_code_is_taken_by_what_names_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, container: Container
) -> None:
    answering(tmp_path, monkeypatch, labelled(container, "c0de"))
    assert checked_image(container) == {"podman": "1d", "apptainer": "/images/trainer.sif"}[container.runtime]


@pytest.mark.parametrize("container", [PODMAN, APPTAINER])
def test_a_stale_image_is_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, container: Container
) -> None:
    answering(tmp_path, monkeypatch, labelled(container, "01d"))
    with pytest.raises(UnfitNodeError, match=f"the image {container.image} holds other code than this: run `make imag"):
        checked_image(container)


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        ("no such image", 125, r"is not usable there \(no such image\): bring it there"),
        ("{", 0, "choose nodes that have podman"),
        ("[]", 0, "in a way that makes no sense"),
        ('[{"Id": "1d", "Labels": null}]', 0, "holds other code"),
    ],
)
def test_an_image_that_cannot_be_looked_at_is_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, said: str
) -> None:
    answering(tmp_path, monkeypatch, answer, code)
    with pytest.raises(UnfitNodeError, match=said):
        checked_image(PODMAN)


def test_a_node_without_the_runtime_is_refused_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnfitNodeError, match=r"No such file.*choose nodes that have podman, with `constraint`"):
        checked_image(PODMAN)


def test_a_job_is_read_on_its_node_as_it_was_written(tmp_path: Path) -> None:
    job = NodeJob("trainer", ("a.module",), "/fmn", log="log", alike_on="cpu", container=PODMAN)
    JobFolder(tmp_path).write(job)
    assert JobFolder(tmp_path).read() == job


def test_what_is_left_after_a_requeue_is_mounted_in_place_of_the_job(tmp_path: Path) -> None:
    job = NodeJob("trainer", ("a.module", "--job", "/fmn/job.json"), "/fmn", container=PODMAN)
    left = with_job_file(job, Path("/home/slurm/a/job.json"), tmp_path / "rest.json")
    assert left.container is not None
    assert left.program == job.program
    assert left.container.mounts == (Mount(str(tmp_path / "rest.json"), "/fmn/job.json"), MOUNTS[1])
    bare = with_job_file(NodeJob("trainer", ("a.module", "job"), "/fmn"), Path("job"), Path("rest"))
    assert bare.program == ("a.module", "rest")
