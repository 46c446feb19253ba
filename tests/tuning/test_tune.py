"""A whole search with real trainers: on validation images alone, resumed after a kill, and stated in the record."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from benchmark.admission.manifest import read_manifest
from benchmark.datasets.dataset import DataFolders, load_dataset
from benchmark.datasets.image_set import ImageSet
from benchmark.spec import BenchmarkSpec, UserError
from benchmark.store.layout import Home
from benchmark.tuning import rounds
from benchmark.tuning.manifest_file import write_found
from benchmark.tuning.rounds import MODELS
from benchmark.tuning.search import RANDOM_SETTINGS
from benchmark.tuning.tune import Tuned, tune
from tests.executors.submissions import write_submission
from tests.executors.warm import Notes, WarmExecutor, request

TRIALS = 5


@pytest.fixture(scope="module")
def submission(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cross-entropy, whose learning rate may be searched."""
    folder = write_submission(tmp_path_factory.mktemp("tuned") / "plain")
    manifest = folder / "submission.yaml"
    manifest.write_text(manifest.read_text() + "search_space:\n  learning_rate: {low: 1.0e-5, high: 1, log: true}\n")
    return folder


def searched(
    submission: Path, spec: BenchmarkSpec, home: Home, executor: WarmExecutor, trials: int = TRIALS
) -> Tuned:
    return tune(submission, spec, home, executor, "cpu", Notes(), trials)


@pytest.fixture(scope="module")
def tuned(
    submission: Path, tiny_spec: BenchmarkSpec, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Tuned, Home, WarmExecutor]:
    home, executor = Home(tmp_path_factory.mktemp("tuning") / "home"), WarmExecutor()
    return searched(submission, tiny_spec, home, executor), home, executor


def pixels(images: ImageSet) -> set[bytes]:
    return {image.tobytes() for image in images.images}


def test_settings_are_compared_and_the_best_is_one_that_learns(tuned: tuple[Tuned, Home, WarmExecutor]) -> None:
    found, _, executor = tuned
    assert executor.num_started == TRIALS * MODELS
    assert [each.failure for each in found.told] == [None] * TRIALS
    rates = {float(each.values["learning_rate"]): each.result for each in found.told}
    assert len(rates) == TRIALS
    assert found.best.result == max(rates.values()) > min(rates.values())


def test_a_search_never_touches_a_test_image(
    tuned: tuple[Tuned, Home, WarmExecutor], tiny_spec: BenchmarkSpec, tmp_path: Path
) -> None:
    """Nothing that trainers or the scorer could read in the home of the search holds one."""
    _, home, _ = tuned
    dataset = load_dataset(tiny_spec.tasks[0].dataset, DataFolders(tmp_path / "a", tmp_path / "b"))
    written = [load_file(path)["images"] for path in home.data.rglob("*labelled.safetensors")]
    seen = {image.tobytes() for images in written for image in images}
    test_images = pixels(dataset.test) - pixels(dataset.train)
    assert len(test_images) > 400
    assert seen & test_images == set()
    assert seen == pixels(dataset.train)


def test_a_second_call_trains_nothing_and_finds_the_same(
    tuned: tuple[Tuned, Home, WarmExecutor], submission: Path, tiny_spec: BenchmarkSpec
) -> None:
    found, home, _ = tuned
    executor = WarmExecutor()
    assert searched(submission, tiny_spec, home, executor).told == found.told
    assert executor.num_started == 0


def test_a_search_that_was_killed_after_training_goes_on_to_the_same_settings_and_results(
    tuned: tuple[Tuned, Home, WarmExecutor], submission: Path, tiny_spec: BenchmarkSpec, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    home, executor, read = Home(tmp_path / "home"), WarmExecutor(), rounds._read  # pyright: ignore[reportPrivateUsage]

    def killed(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(rounds, "_read", killed)
    with pytest.raises(KeyboardInterrupt):
        searched(submission, tiny_spec, home, executor)
    monkeypatch.setattr(rounds, "_read", read)
    assert searched(submission, tiny_spec, home, executor).told == tuned[0].told
    assert executor.num_started == TRIALS * MODELS  # what was trained before the kill is not trained again


def test_what_is_written_stands_in_the_plan_and_the_record_of_that_specification(
    tuned: tuple[Tuned, Home, WarmExecutor], tiny_spec: BenchmarkSpec, tmp_path: Path
) -> None:
    found, _, _ = tuned
    folder = write_submission(tmp_path / "plain")
    said = found.statement()
    assert said.budget == len(found.told) <= RANDOM_SETTINGS
    assert said.search.startswith("the manifest's values, then drawn at random, seed 0, over ")
    many = replace(found, told=found.told * RANDOM_SETTINGS).statement()
    assert many.search.startswith("the manifest's values, then drawn by a tree-structured Parzen estimator, seed 0")
    write_found(folder, tiny_spec.name, found.best.values, said)
    prepared = request(tiny_spec, folder, tmp_path / "home")
    assert prepared.hyperparameters("digits/resnet8")["learning_rate"] == found.best.values["learning_rate"]
    stated = prepared.admitted.manifest.tuning
    assert stated == read_manifest((folder / "submission.yaml").read_bytes()).specification_tuning["tiny"]
    assert stated is not None
    assert (stated.budget, stated.split, stated.specification) == (TRIALS, "validation", "tiny-1.0")
    assert "learning_rate 1e-05 to 1 (log)" in stated.search


def test_a_submission_without_a_space_is_told_what_is_missing(
    plain: Path, tiny_spec: BenchmarkSpec, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"search_space: expected hyperparameters and .*, got none"):
        searched(plain, tiny_spec, Home(tmp_path / "home"), WarmExecutor())


def test_where_no_setting_can_be_trained_the_reason_is_said(
    tiny_spec: BenchmarkSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_submission(tmp_path / "raises", "raise ValueError('no such thing')")
    manifest = folder / "submission.yaml"
    manifest.write_text(manifest.read_text() + "search_space: {learning_rate: {low: 0.1, high: 1}}\n")
    with pytest.raises(UserError, match="no such thing"):
        searched(folder, tiny_spec, Home(tmp_path / "home"), WarmExecutor(), trials=1)
