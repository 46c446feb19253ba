"""What jobs ask Slurm for: a document in the home, variables that win, every problem in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.executors.slurm.options import OPTIONS_FILE, SlurmOptions, node_key, read_options
from benchmark.executors.slurm.programs import NodePrograms
from benchmark.executors.slurm.scheduler import SlurmError, demand_slurm
from benchmark.settings import read_settings
from benchmark.spec import UserError


def test_without_a_document_everything_is_left_to_the_site(tmp_path: Path) -> None:
    assert read_options(tmp_path) == SlurmOptions()


def test_a_variable_wins_over_the_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / OPTIONS_FILE).write_text("slurm:\n  partition: cpu\n  account: lab\n  time: 30\n")
    monkeypatch.setenv("FMN_SLURM_PARTITION", "gpu")
    monkeypatch.setenv("FMN_SLURM_JOBS_AT_ONCE", "7")
    read = read_options(tmp_path)
    assert (read.partition, read.account, read.time, read.jobs_at_once) == ("gpu", "lab", 30, 7)


def test_every_option_has_a_variable_and_every_variable_an_option() -> None:
    assert set(read_settings({}).slurm) == set(SlurmOptions.model_fields)


def test_what_is_wrong_in_the_document_is_said_with_its_line(tmp_path: Path) -> None:
    (tmp_path / OPTIONS_FILE).write_text("slurm:\n  partitio: gpu\n  time: soon\n  memory: a lot\n")
    with pytest.raises(UserError) as caught:
        read_options(tmp_path)
    said = str(caught.value)
    assert f"{OPTIONS_FILE}:2" in said
    assert f"{OPTIONS_FILE}:3" in said
    assert f"{OPTIONS_FILE}:4" in said


def test_what_is_wrong_in_a_variable_is_said_with_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FMN_SLURM_TIME", "soon")
    with pytest.raises(UserError, match="FMN_SLURM_TIME"):
        read_options(tmp_path)


def test_an_image_without_a_container_is_refused(tmp_path: Path) -> None:
    (tmp_path / OPTIONS_FILE).write_text("slurm:\n  image: trainer:latest\n")
    with pytest.raises(UserError, match="or FMN_SLURM_IMAGE: expected `container` beside `image`, got 'trainer"):
        read_options(tmp_path)


@pytest.mark.parametrize("image", ["", "  image: trainer.sif\n"])
def test_apptainer_needs_the_path_of_an_image_file(tmp_path: Path, image: str) -> None:
    (tmp_path / OPTIONS_FILE).write_text(f"slurm:\n  container: apptainer\n{image}")
    with pytest.raises(UserError, match="FMN_SLURM_IMAGE: expected the absolute path of an image file with apptainer"):
        read_options(tmp_path)


def test_an_unknown_container_is_refused_with_those_that_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMN_SLURM_CONTAINER", "podmann")
    with pytest.raises(UserError, match=r"FMN_SLURM_CONTAINER.*podman.*apptainer.*got 'podmann'"):
        read_options(tmp_path)


def test_what_a_node_says_in_a_container_is_remembered_apart_per_image_and_code() -> None:
    """Without containers the name is as it was, so that what is remembered holds on."""
    bare, inside = SlurmOptions(), SlurmOptions(container="podman", image="a")
    keys = {node_key(bare, "cpu"), node_key(inside, "cpu", "c0de"), node_key(inside, "cpu", "01d")}
    assert len(keys | {node_key(SlurmOptions(container="podman", image="b"), "cpu", "c0de")}) == 4


@pytest.mark.parametrize("name", ["a,b", "a:b"])
def test_a_home_that_no_runtime_can_mount_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SlurmError, match="FMN_HOME: expected a path without `,` and `:` for podman"):
        NodePrograms(SlurmOptions(container="podman"), tmp_path / name)
    assert NodePrograms(SlurmOptions(), tmp_path / name).code is None


def test_a_machine_without_slurm_says_so_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SlurmError, match="EXECUTOR=slurm needs a cluster"):
        demand_slurm()


def test_an_install_without_submitit_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sbatch").write_text("#!/bin/sh\n")
    (tmp_path / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)  # pyright: ignore[reportUnknownLambdaType]
    with pytest.raises(SlurmError, match=r"pip install 'forget-me-not\[slurm\]'"):
        demand_slurm()
