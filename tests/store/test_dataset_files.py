"""Data files: they hold the dataset, are written again when damaged, and left alone when intact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from benchmark.datasets.dataset import load_dataset
from benchmark.spec import BenchmarkSpec
from benchmark.store.dataset_files import write_task_data
from benchmark.store.layout import Home


def test_labelled_data_files_hold_the_dataset(tiny_spec: BenchmarkSpec, tmp_path: Path) -> None:
    dataset = load_dataset(tiny_spec.tasks[0].dataset, Home(tmp_path).folders)
    data = write_task_data(Home(tmp_path), tiny_spec.tasks[0])
    for path, expected in ((data.labelled, dataset.train), (data.test, dataset.test)):
        tensors = load_file(path)
        np.testing.assert_array_equal(tensors["images"], expected.images)
        np.testing.assert_array_equal(tensors["labels"], expected.labels)


@pytest.mark.parametrize("damage", ["one bit", "truncated", "emptied"])
def test_a_damaged_data_file_is_written_again(tiny_spec: BenchmarkSpec, tmp_path: Path, damage: str) -> None:
    """A data file was believed because it was there: a damaged disk changed what was trained under the same name."""
    path = write_task_data(Home(tmp_path), tiny_spec.tasks[0]).labelled
    content = path.read_bytes()
    broken = {"one bit": content[:-1] + bytes([content[-1] ^ 1]), "truncated": content[:-1], "emptied": b""}
    path.write_bytes(broken[damage])
    write_task_data(Home(tmp_path), tiny_spec.tasks[0])
    assert path.read_bytes() == content


def test_an_intact_data_file_is_left_alone(tiny_spec: BenchmarkSpec, tmp_path: Path) -> None:
    path = write_task_data(Home(tmp_path), tiny_spec.tasks[0]).test
    before = path.stat()
    write_task_data(Home(tmp_path), tiny_spec.tasks[0])
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
