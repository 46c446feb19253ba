"""Equal images across the split and across labels: counted for every data set, refused above a limit."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmark.datasets.copies import count_copies
from benchmark.datasets.dataset import load_dataset
from benchmark.datasets.image_set import ImageSet
from benchmark.spec import DigitsDataset, ImageFolder
from benchmark.spec.canonical import digest
from benchmark.spec.documents.loading import load_spec, shipped_specs
from tests.datasets.test_image_folder import folders_at, load, noise, problems_of, write_pictures


def test_copies_are_counted_as_by_comparing_every_pair() -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 2, (60, 1, 2, 2)).astype(np.uint8)
    labels = random.integers(0, 2, 60)
    train, test = ImageSet(images[:40], labels[:40]), ImageSet(images[40:], labels[40:])
    equal = (images[:, None] == images[None]).all(axis=(2, 3, 4))
    copies = count_copies(train, test)
    assert copies.test_in_training == equal[40:, :40].any(axis=1).sum()
    assert copies.several_labels == (equal & (labels[:, None] != labels[None])).any(axis=1).sum()
    assert (copies.num_test, copies.num_images) == (20, 60)


def test_a_test_folder_that_is_a_copy_of_train_is_refused_with_examples(tmp_path: Path) -> None:
    write_pictures(tmp_path / "own" / "train", 5)
    shutil.copytree(tmp_path / "own" / "train", tmp_path / "own" / "test")
    (said,) = problems_of(tmp_path, tmp_path / "own")
    assert said.startswith("dataset.path: expected at most 5% test images that are trained on, got 15 of 15 (such as ")
    assert "train/cat/0.png = test/cat/0.png" in said
    assert load(tmp_path, tmp_path / "own", max_copies=1.0).copies.test_in_training == 15


def test_equal_pictures_in_two_classes_are_refused(tmp_path: Path) -> None:
    write_pictures(tmp_path / "own", 10)
    for number in range(3):
        noise(9, 9, 7_000 + number).save(tmp_path / "own" / "cat" / f"both{number}.png")
        noise(9, 9, 7_000 + number).save(tmp_path / "own" / "dog" / f"both{number}.bmp")
    said = problems_of(tmp_path, tmp_path / "own")
    assert any("at most 5% images that stand under several labels, got 6 of 36" in line for line in said)


def test_one_copy_among_many_is_counted_and_not_refused(tmp_path: Path) -> None:
    write_pictures(tmp_path / "own" / "train", 20)
    write_pictures(tmp_path / "own" / "test", 20, seed=500)
    shutil.copy(tmp_path / "own" / "train" / "cat" / "1.png", tmp_path / "own" / "test" / "cat" / "one more.png")
    copies = load(tmp_path, tmp_path / "own").copies
    assert (copies.test_in_training, copies.num_test, copies.several_labels) == (1, 61, 0)
    assert copies.in_words().startswith("1 of 61 test images are among the training images, 0 of 121 ")


def test_digits_have_no_copies(tmp_path: Path) -> None:
    copies = load_dataset(DigitsDataset(name="digits"), folders_at(tmp_path)).copies
    assert (copies.test_in_training, copies.several_labels) == (0, 0)


@pytest.mark.parametrize("name", shipped_specs())
def test_the_limit_is_not_written_into_documents_that_do_not_change_it(name: str) -> None:
    assert "max_copies" not in load_spec(name).model_dump_json()


def test_a_limit_that_was_raised_knowingly_is_part_of_the_document() -> None:
    fields = {"name": "image_folder", "path": "pictures", "size": 16}
    usual, raised = (ImageFolder.model_validate({**fields, **more}) for more in ({}, {"max_copies": 0.2}))
    assert usual.model_dump(mode="json") | {"max_copies": 0.2} == raised.model_dump(mode="json")
    assert digest(usual.model_dump(mode="json")) != digest(raised.model_dump(mode="json"))
