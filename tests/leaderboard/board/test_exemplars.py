"""The images that pruning forgets: against a naive count; archives of images that are absent, altered or hostile."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from benchmark.datasets.image_set import ImageSet
from leaderboard.board.exemplars import also_forgotten_by, exemplars, reading_rows, votes
from leaderboard.board.predictions import Predictions
from leaderboard.reading.pictures import enlarge, read_pictures

DENSE, CELL = ("t", "dense", 0.0), ("t", "late", 0.9)


def _predictions(seed: int, models: int, count: int = 40) -> Predictions:
    return Predictions(np.random.default_rng(seed).integers(0, 4, (models, count)), np.arange(count) % 4)


def _mode(votes_K: np.ndarray) -> tuple[int, Counter[int]]:
    counts = Counter(votes_K.tolist())
    return min(counts, key=lambda label: (-counts[label], label)), counts


@given(st.integers(0, 10**6), st.integers(1, 7), st.integers(1, 7))
def test_exemplars_are_those_of_a_naive_count_most_forgotten_first(seed: int, models: int, pruned_models: int) -> None:
    dense, pruned = _predictions(seed, models), _predictions(seed + 1, pruned_models)
    found = {each.example: each for each in exemplars(dense, pruned)}
    for place in range(40):
        (before, counts), (after, later) = (_mode(each.predicted_KN[:, place]) for each in (dense, pruned))
        assert (place in found) is (before != after)
        if place in found:
            each = found[place]
            assert (each.label, each.dense, each.pruned) == (place % 4, before, after)
            assert each.strength == pytest.approx(counts[before] / models - later[before] / pruned_models)
    strengths = [each.strength for each in found.values()]
    assert strengths == sorted(strengths, reverse=True)


def test_other_examples_are_refused() -> None:
    with pytest.raises(ValueError, match="same test examples"):
        exemplars(_predictions(0, 2), _predictions(0, 2, count=39))


def test_votes_are_shares_of_each_population() -> None:
    label_N = np.array([1])
    dense, pruned = Predictions(np.array([[1], [1], [0], [1]]), label_N), Predictions(np.array([[2], [1]]), label_N)
    frame = votes(dense, pruned, 0, {"1": "one"})
    found = {(row["name"], row["side"]): row["share"] for row in frame.to_dict("records")}
    assert found == {("0", "dense"): 0.25, ("0", "pruned"): 0.0, ("one", "dense"): 0.75, ("one", "pruned"): 0.5,
                     ("2", "dense"): 0.0, ("2", "pruned"): 0.5}  # fmt: skip


def test_only_who_was_read_on_the_same_examples_is_asked() -> None:
    label_N = np.array([0, 1])
    keeps = {DENSE: Predictions(np.array([[0, 1]]), label_N), CELL: Predictions(np.array([[0, 1]]), label_N)}
    forgets = keeps | {CELL: Predictions(np.array([[0, 0]]), label_N)}
    elsewhere = {key: Predictions(each.predicted_KN, label_N[::-1]) for key, each in forgets.items()}
    others = [("keeps", keeps), ("forgets", forgets), ("elsewhere", elsewhere), ("absent", None), ("part", {})]
    assert also_forgotten_by(1, CELL, DENSE, label_N, others) == (["forgets"], 2)


def test_readings_are_means_over_models_and_absent_ones_are_left_out() -> None:
    rows = [("t", schedule, sparsity, seed, example, depth + seed + example, np.nan)
            for schedule, sparsity, depth in (("dense", 0.0, 1), ("late", 0.9, 5), ("late", 0.5, 9))
            for seed in range(3) for example in range(2)]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["task", "schedule", "sparsity", "seed", "example", "depth/pred",
                                        "q_score_2024/score"])  # fmt: skip
    found = reading_rows(frame, DENSE, CELL, 1)
    assert found.to_dict("records") == [{"Number": "Prediction depth", "Dense": 3.0, "Pruned": 7.0}]


@pytest.fixture
def images() -> ImageSet:
    return ImageSet(np.random.default_rng(0).integers(0, 256, (5, 1, 8, 8), dtype=np.uint8), np.arange(5))


def _keep(home: Path, images: ImageSet, digest: str | None = None) -> Path:
    path = home / "data" / (digest or images.digest) / "labelled.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"images": images.images, "labels": images.labels}, path)
    return path


def test_images_come_from_the_first_store_that_has_them_unaltered(images: ImageSet, tmp_path: Path) -> None:
    mine, shipped = tmp_path / "mine", tmp_path / "shipped"
    assert read_pictures([mine, shipped], images.digest) is None
    _keep(shipped, images)
    _keep(mine, ImageSet(images.images[::-1].copy(), images.labels), images.digest)
    found = read_pictures([mine, shipped], images.digest)
    assert found is not None
    assert np.array_equal(found.images, images.images)


@pytest.mark.parametrize("digest", ["", "..", "../../x", "A" * 64, "a" * 63, "a" * 64 + "\n"])
def test_a_hostile_digest_is_no_path(digest: str, tmp_path: Path) -> None:
    assert read_pictures([tmp_path], digest) is None


def test_files_that_are_no_images_are_not_read(
    images: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _keep(tmp_path, images)
    whole = path.read_bytes()
    for content in (b"", b"\x80\x04pickle", whole[:-1], b"\xff" * 64):
        path.write_bytes(content)
        assert read_pictures([tmp_path], images.digest) is None
    for broken in (ImageSet(images.images[:, :, 0], images.labels), ImageSet(images.images, images.labels[:3]),
                   ImageSet(images.images.astype(np.float32), images.labels)):  # pyright: ignore[reportArgumentType]  # fmt: skip
        _keep(tmp_path, broken, broken.digest)
        assert read_pictures([tmp_path], broken.digest) is None
    path.write_bytes(whole)
    monkeypatch.setattr("leaderboard.reading.pictures.MAX_BYTES", len(whole) - 1)
    assert read_pictures([tmp_path], images.digest) is None


def test_enlarging_repeats_pixels_and_invents_none(images: ImageSet) -> None:
    large = np.asarray(enlarge(images.images[0], 30))
    assert large.shape == (32, 32)
    assert np.array_equal(large[::4, ::4], images.images[0, 0])
    assert np.array_equal(large[3::4, 3::4], images.images[0, 0])
    assert np.asarray(enlarge(images.images[0].repeat(3, axis=0), 8)).shape == (8, 8, 3)
