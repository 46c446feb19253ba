"""What containers of Podman's service are denied: the same as Docker's, in its own form; no engine is needed."""

from __future__ import annotations

import json
from pathlib import Path

from benchmark.executors.docker.limits import Limits, host_config
from benchmark.executors.docker.podman import SECCOMP_FILE, podman_config
from benchmark.executors.docker.seccomp import seccomp_profile


def test_podman_reads_the_same_list_of_system_calls_from_a_file_that_is_made_whole_again(tmp_path: Path) -> None:
    docker = host_config(Limits(), {}, num_cpus=1)
    for _ in range(2):
        options = podman_config(docker, tmp_path)["SecurityOpt"]
        assert options == ["no-new-privileges:true", f"seccomp={tmp_path / SECCOMP_FILE}"]
        assert json.loads((tmp_path / SECCOMP_FILE).read_text()) == json.loads(seccomp_profile())
        (tmp_path / SECCOMP_FILE).write_text("{}")


def test_everything_else_is_denied_as_docker_denies_it(tmp_path: Path) -> None:
    docker = host_config(Limits(), {"/fmn/outbox": (tmp_path, True)}, num_cpus=1)
    podman = podman_config(docker, tmp_path)
    assert {name for name in docker if docker[name] != podman[name]} == {"SecurityOpt", "Ulimits", "Tmpfs"}
    assert podman["Ulimits"][:-1] == docker["Ulimits"]
    assert podman["Ulimits"][-1]["Name"] == "nproc"
    assert podman["Ulimits"][-1]["Hard"] > Limits().pids


def test_places_that_podman_makes_writable_hold_little_and_no_programs(tmp_path: Path) -> None:
    """With a read-only file system Podman 4 mounts /run and /var/tmp writable, of any size and with programs."""
    places = podman_config(host_config(Limits(), {}, num_cpus=1), tmp_path)["Tmpfs"]
    assert {name: "size=64k" in options and "noexec" in options for name, options in places.items()} == {
        "/tmp": False, "/run": True, "/var/tmp": True,
    }  # fmt: skip
    assert "nr_inodes" not in places["/tmp"]
    assert f"size={Limits().tmp}" in places["/tmp"].split(",")
