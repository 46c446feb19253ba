"""A stranger's own pictures, end to end: folders of JPEG files, a few lines of YAML, and the commands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.recording.archive import read_record

COLOURS = {"blossom": (220, 90, 160), "leaf": (60, 150, 50), "sky": (80, 140, 230)}

MINE = """\
extends: cifar10-mini
name: my-pictures
dataset: {name: image_folder, path: pictures, size: 16}
"""
QUICKLY = """\
encoder: {name: resnet8, width: 2}
training: {epochs: 4, batch_size: 16}
population: {models: 2}
evaluation: {linear: {tolerance: 1.0e-3}, bootstrap: {draws: 100}}
"""


def take_pictures(folder: Path, per_class: int = 34) -> None:
    """Save noisy pictures of three colours, upright and lying, as a camera would: JPEG, larger than needed."""
    random = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        for number in range(per_class):
            shape = (24, 36, 3) if number % 2 else (36, 24, 3)
            noisy = np.clip(np.array(colour) + random.normal(0, 40, shape), 0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(folder / name / f"IMG_{number}.jpg")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures and documents beside them."""
    folder = tmp_path_factory.mktemp("stranger")
    take_pictures(folder / "pictures")
    (folder / "mine.yaml").write_text(MINE)
    (folder / "quick.yaml").write_text(MINE + QUICKLY)
    return folder


def fmn(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command from elsewhere."""
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    environment = os.environ | {"FMN_HOME": str(folder / "home"), "COLUMNS": "120"}
    command = [sys.executable, "-m", "benchmark", *map(str, arguments)]
    return subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, text=True, check=False)


def test_a_few_lines_evaluate_a_folder_of_pictures(stranger: Path, plain: Path) -> None:
    done = fmn(stranger, "evaluate", plain, "--spec", stranger / "quick.yaml", "--executor", "process")
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = (stranger / "home" / "records").rglob("*.json")
    record = read_record(path)
    assert (record.is_complete, len(record.runs), record.spec_identity) == (True, 2 * (1 + 3 * 3), "my-pictures-1.0")
    (dataset,) = record.datasets.values()
    assert dataset["classes"] == list(COLOURS)
    assert (dataset["num_train"], dataset["num_test"]) == (84, 18)  # six of the 34 of every class are kept for testing
    dense = next(cell for cell in record.cells if cell.schedule == "dense")
    accuracy = dense.metrics["linear/accuracy"].value
    assert accuracy is not None
    assert accuracy > 0.9  # colours are easy
    told = record.spec["tasks"][0]
    assert told["dataset"]["path"].startswith("sha256:")
    assert str(stranger) not in path.read_text()
    assert dataset["copies"] == {"test_in_training": 0, "several_labels": 0}
    assert told["training"] == {"epochs": 4, "batch_size": 16, "precision": "float32", "finetune": None}
    assert record.spec["sparsities"] == ["0.5", "0.9", "0.98"]
    assert "extends" not in record.spec
    refused = fmn(stranger, "reproduce", path, "--submission", plain, "--executor", "process")
    assert (refused.returncode, refused.stderr.startswith("dataset.path: expected the place of the")) == (2, True)
    take_pictures(stranger / "others", per_class=33)
    options = ("--submission", plain, "--executor", "process", "--pictures", stranger / "others")
    refused = fmn(stranger, "reproduce", path, *options)
    assert (refused.returncode, refused.stderr.startswith("--pictures: expected the pictures sha256:")) == (2, True)


def test_three_lines_are_planned_with_what_is_in_the_folder(stranger: Path, plain: Path) -> None:
    done = fmn(stranger, "plan", plain, "--spec", stranger / "mine.yaml", "--executor", "process")
    assert done.returncode == 2
    assert done.stderr.strip() == (
        "tasks[0].training.batch_size: expected at most 84, the number of training images of image_folder, got 128"
    )
    (stranger / "small-batches.yaml").write_text(f"{MINE}training: {{epochs: 10, batch_size: 16}}\n")
    done = fmn(stranger, "plan", plain, "--spec", stranger / "small-batches.yaml", "--executor", "process")
    assert done.returncode == 0, done.stderr
    assert "6 models per cell" in " ".join(done.stdout.split())
    row = next(line for line in done.stdout.splitlines() if "image_folder" in line)
    assert [cell.strip() for cell in row.strip("│ ").split("│")][1:3] == ["6", "60"]
    assert "device minute" in done.stdout
    assert "84 training and 18 test images, 3 classes; 0 of 18 test images are among the training images" in " ".join(
        done.stdout.split()
    )


def test_what_is_wrong_with_pictures_is_one_sentence_each_and_no_traceback(stranger: Path, plain: Path) -> None:
    wrong = stranger / "wrong"
    take_pictures(wrong, per_class=6)
    (wrong / "sky" / "letter.jpg").write_text("Dear all,")
    (wrong / "sea").mkdir()
    (stranger / "wrong.yaml").write_text(MINE.replace("path: pictures", "path: wrong"))
    done = fmn(stranger, "plan", plain, "--spec", stranger / "wrong.yaml", "--executor", "process")
    said = f"{wrong / 'sea'}: expected pictures in every class folder, got an empty folder; fill or remove it\n"
    assert (done.returncode, done.stderr) == (2, said)
    (wrong / "sea").rmdir()
    done = fmn(stranger, "plan", plain, "--spec", stranger / "wrong.yaml", "--executor", "process")
    said = f"{wrong / 'sky' / 'letter.jpg'}: expected a whole picture, got not a picture of a known format\n"
    assert (done.returncode, done.stderr) == (2, said)


def test_a_check_says_what_was_passed_over(stranger: Path, plain: Path) -> None:
    """`plan` said so and `check` did not, which is what somebody runs first."""
    (stranger / "pictures" / "sky" / ".thumbnails").write_text("not a picture")
    (stranger / "small-batches.yaml").write_text(f"{MINE}training: {{epochs: 1, batch_size: 16}}\n")
    done = fmn(stranger, "check", plain, "--spec", stranger / "small-batches.yaml", "--executor", "process")
    assert done.returncode == 0, done.stderr
    note, last, tried = done.stdout.splitlines()
    assert note.startswith("pictures: ")
    assert ".thumbnails" in note
    assert last.endswith("nothing wrong found")
    assert tried.startswith("tried on image_folder with 16 images per update")
