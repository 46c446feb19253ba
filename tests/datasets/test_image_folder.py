"""A stranger's pictures: any mode, size and packing; what is wrong is named, all of it at once."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from benchmark.datasets import image_folder
from benchmark.datasets.dataset import DataFolders, Dataset, load_dataset
from benchmark.datasets.image_set import ImageSet, choose_stratified
from benchmark.datasets.pictures import Picture, UnreadablePicture, decode_picture, read_picture, resize_all
from benchmark.spec import ImageFolder, UserError

CLASSES = ("cat", "dog", "yak")


def noise(height: int, width: int, seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8))


def write_pictures(folder: Path, per_class: int, seed: int = 0) -> None:
    for label, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True)
        for number in range(per_class):
            position = seed + 1000 * label + number
            noise(9 + number % 3, 8 + number % 5, position).save(folder / name / f"{number}.png")


def folders_at(tmp_path: Path) -> DataFolders:
    return DataFolders(tmp_path / "downloads", tmp_path / "decoded")


def load(tmp_path: Path, path: Path | str, **fields: Any) -> Dataset:
    spec = ImageFolder.model_validate({"name": "image_folder", "path": str(path), "size": 8, **fields})
    return load_dataset(spec, folders_at(tmp_path))


def problems_of(tmp_path: Path, path: Path, **fields: Any) -> list[str]:
    with pytest.raises(UserError) as refused:
        load(tmp_path, path, **fields)
    return [str(problem) for problem in refused.value.problems]


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    content = io.BytesIO()
    picture.save(content, kind, **options)
    return content.getvalue()


def test_train_and_test_folders_are_used_as_they_are(tmp_path: Path) -> None:
    write_pictures(tmp_path / "own" / "train", 5)
    write_pictures(tmp_path / "own" / "test", 2, seed=500)
    dataset = load(tmp_path, tmp_path / "own")
    assert dataset.class_names == CLASSES
    assert Counter(dataset.train.labels.tolist()) == {0: 5, 1: 5, 2: 5}
    assert Counter(dataset.test.labels.tolist()) == {0: 2, 1: 2, 2: 2}
    assert dataset.train.images.shape == (15, 3, 8, 8)
    naive = {
        decode_picture(path.read_bytes(), 8, 3).tobytes(): CLASSES.index(path.parent.name)
        for path in (tmp_path / "own" / "train").rglob("*.png")
    }
    got = {image.tobytes(): label for image, label in zip(dataset.train.images, dataset.train.labels, strict=True)}
    assert got == naive


def test_class_folders_alone_are_split_by_content_one_in_five_of_every_class(tmp_path: Path) -> None:
    write_pictures(tmp_path / "own", 11)
    dataset = load(tmp_path, tmp_path / "own")
    assert Counter(dataset.test.labels.tolist()) == {0: 2, 1: 2, 2: 2}
    assert Counter(dataset.train.labels.tolist()) == {0: 9, 1: 9, 2: 9}
    for number, path in enumerate(sorted((tmp_path / "own").rglob("*.png"))):
        path.rename(path.with_name(f"renamed {97 * number % 33}.png"))
    assert load(tmp_path, tmp_path / "own").test.digest == dataset.test.digest


def pack(source: Path, target: Path, below: str) -> None:
    files = sorted(path for path in source.rglob("*") if path.is_file())
    if target.suffix == ".zip":
        with zipfile.ZipFile(target, "w") as archive:
            for file in files:
                archive.write(file, f"{below}{file.relative_to(source)}")
    else:
        with tarfile.open(target, "w:gz" if target.name.endswith("gz") else "w") as archive:
            for file in files:
                archive.add(file, f"{below}{file.relative_to(source)}")


@pytest.mark.parametrize("packed", ["own.zip", "own.tar", "own.tar.gz", "own.tgz"])
def test_archives_give_what_the_folder_gives(packed: str, tmp_path: Path) -> None:
    write_pictures(tmp_path / "own" / "train", 5)
    write_pictures(tmp_path / "own" / "test", 2, seed=500)
    expected = load(tmp_path, tmp_path / "own")
    pack(tmp_path / "own", tmp_path / packed, "around/everything/")
    dataset = load(tmp_path, tmp_path / packed)
    assert (dataset.train.digest, dataset.test.digest) == (expected.train.digest, expected.test.digest)


def test_a_folder_of_packed_splits_gives_what_the_folder_gives(tmp_path: Path) -> None:
    write_pictures(tmp_path / "own" / "train", 5)
    write_pictures(tmp_path / "own" / "test", 2, seed=500)
    expected = load(tmp_path, tmp_path / "own")
    (tmp_path / "packed").mkdir()
    pack(tmp_path / "own" / "train", tmp_path / "packed" / "train.tar.gz", "train/")
    pack(tmp_path / "own" / "test", tmp_path / "packed" / "test.zip", "")
    dataset = load(tmp_path, tmp_path / "packed")
    assert (dataset.train.digest, dataset.test.digest) == (expected.train.digest, expected.test.digest)


def test_pictures_are_decoded_once_and_again_when_a_byte_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pictures(tmp_path / "own", 5)
    decoded: list[int] = []

    def counted(content: bytes, size: int, channels: Any) -> Picture:
        decoded.append(1)
        return read_picture(content, size, channels)

    monkeypatch.setattr(image_folder, "read_picture", counted)
    first = load(tmp_path, tmp_path / "own")
    assert (len(decoded), load(tmp_path, tmp_path / "own").train.digest) == (15, first.train.digest)
    assert len(decoded) == 15
    assert len(load(tmp_path, tmp_path / "own", train_examples=6).train.labels) == 6
    assert len(decoded) == 15
    noise(9, 9, 99_999).save(tmp_path / "own" / "cat" / "0.png")
    changed = load(tmp_path, tmp_path / "own")
    assert len(decoded) == 30
    assert {changed.train.digest, changed.test.digest} != {first.train.digest, first.test.digest}


def test_relative_paths_are_those_below_the_folder_of_downloads(tmp_path: Path) -> None:
    write_pictures(tmp_path / "downloads" / "mine", 5)
    assert load(tmp_path, "mine").class_names == CLASSES


def test_every_bad_file_is_named_at_once(tmp_path: Path) -> None:
    write_pictures(tmp_path / "own", 5)
    own = tmp_path / "own"
    (own / "cat" / "notes.txt").write_text("no picture")
    whole = encoded(noise(64, 64, 1), "JPEG")
    (own / "dog" / "half.jpg").write_bytes(whole[: len(whole) // 2])
    (own / "yak" / "empty.png").write_bytes(b"")
    Image.fromarray(np.zeros((4, 4), np.float32)).save(own / "yak" / "float.tiff")
    (own / "yak" / ".DS_Store").write_bytes(b"\0")
    (own / "yak" / "Thumbs.db").write_bytes(b"\0")
    said = problems_of(tmp_path, own)
    assert [line.split(": ")[0] for line in sorted(said)] == [
        str(own / "cat" / "notes.txt"), str(own / "dog" / "half.jpg"), str(own / "yak" / "empty.png"),
        str(own / "yak" / "float.tiff"),
    ]  # fmt: skip
    assert "truncated" in sorted(said)[1]


def test_many_bad_files_are_counted(tmp_path: Path) -> None:
    write_pictures(tmp_path / "own", 5)
    for number in range(25):
        (tmp_path / "own" / "cat" / f"bad{number}.jpg").write_bytes(b"bad")
    said = problems_of(tmp_path, tmp_path / "own")
    assert len(said) == 21
    assert said[-1].startswith("5 more")


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        ([], "at least two class folders with pictures, got none"),
        (["cat/0.png"], "at least two class folders with pictures, got 1 (cat)"),
        (["train/cat/0.png", "train/dog/0.png"], "both train and test"),
        (["train/cat/0.png", "test/cat/0.png", "val/cat/0.png"], "both train and test and nothing else"),
        (["train/cat/0.png", "train/dog/0.png", "test/cat/1.png", "test/cow/1.png"], "the classes of train (cat, dog)"),
        (["0.png", "cat/0.png", "dog/0.png"], "a file in a class folder"),
    ],
)  # fmt: skip
def test_folders_that_make_no_sense_are_refused_in_one_sentence(
    layout: list[str], expected: str, tmp_path: Path
) -> None:
    (tmp_path / "own").mkdir()
    for number, name in enumerate(layout):
        (tmp_path / "own" / name).parent.mkdir(parents=True, exist_ok=True)
        noise(8, 8, number).save(tmp_path / "own" / name)
    said = problems_of(tmp_path, tmp_path / "own")
    assert len(said) == 1
    assert expected in said[0]


def test_what_is_missing_or_no_folder_or_a_torn_archive_is_said(tmp_path: Path) -> None:
    assert problems_of(tmp_path, tmp_path / "nowhere")[0].endswith(f"nothing at {tmp_path / 'nowhere'}")
    assert "(FMN_DATA says where" in problems_of(tmp_path, Path("nowhere"))[0]
    (tmp_path / "own.rar").write_bytes(b"Rar!")
    assert "a folder, or one of .zip" in problems_of(tmp_path, tmp_path / "own.rar")[0]
    write_pictures(tmp_path / "own", 5)
    for name in ("own.zip", "own.tar.gz"):
        pack(tmp_path / "own", tmp_path / name, "")
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) // 2])
        assert "a whole archive" in problems_of(tmp_path, tmp_path / name)[0]


def test_a_class_too_small_to_split_is_named_with_what_it_has_and_needs(tmp_path: Path) -> None:
    write_pictures(tmp_path / "own", 5)
    (tmp_path / "own" / "dog" / "3.png").unlink()
    assert problems_of(tmp_path, tmp_path / "own") == [
        f"{tmp_path / 'own' / 'dog'}: expected at least 5 pictures, as one in 5 of every class is kept for testing, "
        "got 4"
    ]
    write_pictures(tmp_path / "split" / "train", 1)
    write_pictures(tmp_path / "split" / "test", 1, seed=500)
    assert len(load(tmp_path, tmp_path / "split").train.labels) == 3


def test_an_empty_class_folder_is_named_and_not_passed_over(tmp_path: Path) -> None:
    write_pictures(tmp_path / "own", 5)
    (tmp_path / "own" / "emu").mkdir()
    (tmp_path / "own" / ".hidden").mkdir()
    said = problems_of(tmp_path, tmp_path / "own")
    assert said == [
        f"{tmp_path / 'own' / 'emu'}: expected pictures in every class folder, got an empty folder; fill or remove it"
    ]
    write_pictures(tmp_path / "split" / "train", 2)
    write_pictures(tmp_path / "split" / "test", 2, seed=500)
    (tmp_path / "split" / "test" / "emu").mkdir()
    empty = tmp_path / "split" / "test" / "emu"
    assert problems_of(tmp_path, tmp_path / "split")[0].startswith(f"{empty}: expected pictures")


def test_pictures_smaller_than_asked_for_are_named_and_never_enlarged(tmp_path: Path) -> None:
    write_pictures(tmp_path / "own", 5)
    noise(7, 30, 0).save(tmp_path / "own" / "cat" / "low.png")
    noise(30, 5, 0).save(tmp_path / "own" / "dog" / "narrow.png")
    assert problems_of(tmp_path, tmp_path / "own") == [
        f"{tmp_path / 'own' / 'cat' / 'low.png'}: expected at least 8 x 8 pixels (size), got 30 x 7",
        f"{tmp_path / 'own' / 'dog' / 'narrow.png'}: expected at least 8 x 8 pixels (size), got 5 x 30",
    ]


def test_too_many_images_asked_for_is_said_with_the_number_there_is(tmp_path: Path) -> None:
    write_pictures(tmp_path / "own", 5)
    (said,) = problems_of(tmp_path, tmp_path / "own", train_examples=13)
    assert said == "dataset.train_examples: expected at most 12, the number of pictures there are, got 13"


# --- single pictures -------------------------------------------------------------------------------------------------


def test_grey_becomes_colour_and_colour_grey() -> None:
    grey = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8))
    assert (decode_picture(encoded(grey), 8, 3) == np.arange(64).reshape(8, 8)).all()
    coloured = noise(8, 8, 0)
    np.testing.assert_array_equal(decode_picture(encoded(coloured), 8, 1)[0], np.asarray(coloured.convert("L")))


def test_transparent_pixels_are_white_in_rgba_grey_and_palette_pictures() -> None:
    rgba = np.zeros((4, 4, 4), np.uint8)
    rgba[:2] = (200, 100, 50, 255)
    rgba[2, :, 3] = 51  # black, one fifth opaque
    got = decode_picture(encoded(Image.fromarray(rgba)), 4, 3)
    assert got[:, 0, 0].tolist() == [200, 100, 50]
    assert got[:, 2, 0].tolist() == [204, 204, 204]
    assert got[:, 3, 0].tolist() == [255, 255, 255]
    palette = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8), "P")
    palette.putpalette([10, 20, 30, 40, 50, 60])
    assert decode_picture(encoded(palette, transparency=1), 2, 3)[:, 0].T.tolist() == [[10, 20, 30], [255, 255, 255]]
    assert decode_picture(encoded(palette), 2, 3)[:, 0].T.tolist() == [[10, 20, 30], [40, 50, 60]]


def test_sixteen_bits_keep_their_upper_eight() -> None:
    deep = Image.fromarray((np.arange(16, dtype=np.uint16) * 4096).reshape(4, 4))
    assert decode_picture(encoded(deep), 4, 1).ravel().tolist() == [16 * value for value in range(16)]


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_pictures_are_turned_as_their_camera_says(orientation: int, turns: int) -> None:
    picture, exif = noise(8, 8, 0), Image.Exif()
    exif[0x0112] = orientation
    got = decode_picture(encoded(picture, exif=exif), 8, 3)
    np.testing.assert_array_equal(got, np.rot90(np.asarray(picture), turns).transpose(2, 0, 1))


def test_the_largest_square_is_cut_out_of_the_centre() -> None:
    wide = noise(8, 14, 0)
    got = decode_picture(encoded(wide), 8, 3)
    np.testing.assert_array_equal(got, np.asarray(wide)[:, 3:11].transpose(2, 0, 1))


def test_resizing_is_antialiased_bicubic_as_torch_does_it() -> None:
    images = np.stack([np.asarray(noise(32, 32, seed)) for seed in range(4)])
    expected = F.interpolate(
        torch.from_numpy(images.transpose(0, 3, 1, 2).copy()).double(), (16, 16), mode="bicubic", antialias=True
    )
    got = resize_all(images, 16)
    assert got.shape == (4, 3, 16, 16)
    assert np.abs(got - expected.clamp(0, 255).numpy()).max() <= 1.5  # Pillow rounds after each of two passes
    one = decode_picture(encoded(Image.fromarray(images[0])), 16, 3)
    np.testing.assert_array_equal(one, got[0])


def test_a_decompression_bomb_is_no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(UnreadablePicture, match="decompression bomb"):
        decode_picture(encoded(noise(8, 8, 0)), 8, 3)


# --- subsets ---------------------------------------------------------------------------------------------------------


def test_a_subset_keeps_the_classes_in_proportion_and_does_not_depend_on_the_order_of_files() -> None:
    images = np.arange(200, dtype=np.uint8).reshape(200, 1, 1, 1)
    labels = np.repeat([0, 1, 2], [100, 60, 40])
    whole = ImageSet(images, labels)
    for count in (1, 7, 50, 199, 200):
        subset = choose_stratified(whole, count)
        sizes = np.bincount(subset.labels, minlength=3)
        assert sizes.sum() == count
        assert (np.abs(sizes - count * np.array([0.5, 0.3, 0.2])) < 1).all()
    order = np.random.default_rng(0).permutation(200)
    one, other = (choose_stratified(each, 50).in_order() for each in (whole, whole.take(order)))
    assert one.digest == other.digest
    smaller = {image.tobytes() for image in choose_stratified(whole, 20).images}
    assert smaller <= {image.tobytes() for image in one.images}
