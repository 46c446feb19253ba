"""Tensors of datasets as files under their digests, where trainers and scorers can read them.

It refuses to decide who sees which file: that is decided where processes are started.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from benchmark.datasets.dataset import Dataset, load_dataset
from benchmark.datasets.image_set import ImageSet
from benchmark.files.atomic import write_atomically
from benchmark.spec import BenchmarkSpec, Task
from benchmark.store.layout import Home


@dataclass(frozen=True)
class TransferData:
    """A dataset that nothing is trained on, and its files: only the scorer gets them."""

    dataset: Dataset
    train: Path
    test: Path


@dataclass(frozen=True)
class TaskData:
    """A task's dataset, and its files: trainers get one of the first two, the scorer the first and the last."""

    dataset: Dataset
    labelled: Path
    unlabelled: Path
    test: Path


def write_task_data(home: Home, task: Task, *, download: bool = True) -> TaskData:
    """Load a dataset and write its tensors where processes can read them, once per content.

    Raises:
        UserError: it cannot be loaded; says why.
    """
    dataset = load_dataset(task.dataset, home.folders, download=download)
    train, test = home.data / dataset.train.digest, home.data / dataset.test.digest
    data = TaskData(
        dataset, train / "labelled.safetensors", train / "unlabelled.safetensors", test / "labelled.safetensors"
    )
    _write_tensors(data.labelled, dataset.train, with_labels=True)
    _write_tensors(data.unlabelled, dataset.train, with_labels=False)
    _write_tensors(data.test, dataset.test, with_labels=True)
    return data


def write_transfer_data(home: Home, spec: BenchmarkSpec) -> tuple[TransferData, ...]:
    """Load the datasets to which encoders are transferred, and write them where the scorer can read them.

    Raises:
        UserError: one cannot be loaded; says why.
    """
    found: list[TransferData] = []
    for each in spec.evaluation.transfer:
        dataset = load_dataset(each, home.folders)
        files = [home.data / part.digest / "labelled.safetensors" for part in (dataset.train, dataset.test)]
        for path, part in zip(files, (dataset.train, dataset.test), strict=True):
            _write_tensors(path, part, with_labels=True)
        found.append(TransferData(dataset, *files))
    return tuple(found)


def _write_tensors(path: Path, image_set: ImageSet, *, with_labels: bool) -> None:
    """Write a data file, unless it is there with every byte right: a damaged disk must not change what is trained."""
    tensors: dict[str, NDArray[Any]] = {"images": np.ascontiguousarray(image_set.images)}
    if with_labels:
        tensors["labels"] = np.ascontiguousarray(image_set.labels)
    content = save(tensors)
    if not (path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content):
        write_atomically(path, content)
