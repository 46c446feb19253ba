"""Test images from an archive that may be absent, altered or hostile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from benchmark.datasets.image_set import ImageSet
from leaderboard.reading.pictures import enlarge, read_pictures


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
