"""Published datasets, read from small files in the formats in which they are published; only the checksums are ours."""

from __future__ import annotations

import gzip
import hashlib
import pickle
import struct
import tarfile
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import savemat

from benchmark.datasets import published
from benchmark.datasets.dataset import DataFolders, MissingDataError, declared_facts, load_dataset
from benchmark.datasets.torchvision_import import import_torchvision
from benchmark.spec import DatasetSpec, Task, UserError
from benchmark.spec.documents.validation import parse_document

datasets = import_torchvision("torchvision.datasets")
NO_SERVER = "http://127.0.0.1:9/"
"""Nothing listens there: a download fails as it does without a network."""

NUM_TRAIN, NUM_TEST = 30, 10


def spec_of(**fields: Any) -> DatasetSpec:
    budget = {"epochs": 1, "batch_size": 2}
    raw = {"dataset": fields, "encoder": {"name": "resnet8", "width": 2}, "training": budget}
    return parse_document(Task, raw).dataset


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def pixels(count: int, *shape: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, *shape)).astype(np.uint8)


def labels_of(count: int) -> list[int]:
    return [position % 10 for position in range(count)]


@pytest.fixture
def folders(tmp_path: Path) -> DataFolders:
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    return DataFolders(downloads, tmp_path / "decoded")


Split = tuple[NDArray[np.uint8], list[int]]


def by_content(images: NDArray[np.uint8], labels: Any) -> list[tuple[bytes, int]]:
    return sorted((image.tobytes(), int(label)) for image, label in zip(images, labels, strict=True))


class OldPickler(pickle._Pickler):  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue, reportUntypedBaseClass]
    """Writes bytes as Python 2 wrote its strings, which is what is in the published batches."""

    dispatch: ClassVar[dict[Any, Any]] = dict(pickle._Pickler.dispatch)  # pyright: ignore

    def save_string(self, data: bytes) -> None:
        self.write(b"T" + struct.pack("<i", len(data)) + data)  # pyright: ignore - opcode BINSTRING
        self.memoize(data)  # pyright: ignore

    dispatch[bytes] = save_string


def write_cifar(folder: Path, source: Any, monkeypatch: pytest.MonkeyPatch, *, fine: bool) -> tuple[Split, Split]:
    """Pickled batches of a dict of bytes keys: rows of 3072 values, all reds, all greens, all blues."""
    batches = folder / source.base_folder
    batches.mkdir()
    label_key = b"fine_labels" if fine else b"labels"
    train, test = (pixels(count, 3, 32, 32, seed=count) for count in (NUM_TRAIN, NUM_TEST))
    written: dict[str, list[list[str]]] = {"train_list": [], "test_list": []}
    for field, images in (("train_list", train), ("test_list", test)):
        labels, names = labels_of(len(images)), [name for name, _ in getattr(source, field)]
        for part, name in enumerate(names):
            rows = slice(part * len(images) // len(names), (part + 1) * len(images) // len(names))
            with (batches / name).open("wb") as file:
                OldPickler(file, 2).dump({b"data": images[rows].reshape(-1, 3072), label_key: labels[rows]})
            written[field].append([name, md5(batches / name)])
    classes = [f"class {number}".encode() for number in range(100 if fine else 10)]
    meta = batches / source.meta["filename"]
    with meta.open("wb") as file:
        OldPickler(file, 2).dump({source.meta["key"].encode(): classes})
    with tarfile.open(folder / source.filename, "w:gz") as archive:
        archive.add(batches, source.base_folder)
    for field, files in written.items():
        monkeypatch.setattr(source, field, files)
    monkeypatch.setattr(source, "meta", {**source.meta, "md5": md5(meta)})
    monkeypatch.setattr(source, "tgz_md5", md5(folder / source.filename))
    monkeypatch.setattr(source, "url", NO_SERVER)
    return (train, labels_of(NUM_TRAIN)), (test, labels_of(NUM_TEST))


def write_svhn(folder: Path, source: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Split, Split]:
    """MATLAB files with X of (32, 32, 3, N) and y from 1 to 10, 10 being the digit 0."""
    splits: list[Split] = []
    listed = dict(source.split_list)
    for split, count in (("train", NUM_TRAIN), ("test", NUM_TEST)):
        images, labels = pixels(count, 3, 32, 32, seed=count), labels_of(count)
        file = folder / listed[split][1]
        savemat(file, {"X": images.transpose(2, 3, 1, 0), "y": np.array([[label or 10] for label in labels])})
        listed[split] = [NO_SERVER, file.name, md5(file)]
        splits.append((images, labels))
    monkeypatch.setattr(source, "split_list", listed)
    return splits[0], splits[1]


def write_stl10(folder: Path, source: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Split, Split]:
    """Raw bytes, column by column: (N, 3, 96, 96) with width before height, and labels from 1 to 10."""
    base = folder / source.base_folder
    base.mkdir()
    train, test = (pixels(count, 3, 96, 96, seed=count) for count in (NUM_TRAIN, NUM_TEST))
    content = {
        "train_X.bin": train.transpose(0, 1, 3, 2).tobytes(), "train_y.bin": bytes(y + 1 for y in labels_of(NUM_TRAIN)),
        "test_X.bin": test.transpose(0, 1, 3, 2).tobytes(), "test_y.bin": bytes(y + 1 for y in labels_of(NUM_TEST)),
        "unlabeled_X.bin": b"", "class_names.txt": "\n".join(f"class {number}" for number in range(10)).encode(),
    }  # fmt: skip
    for name, data in content.items():
        (base / name).write_bytes(data)
    for field in ("train_list", "test_list"):
        monkeypatch.setattr(source, field, [[name, md5(base / name)] for name, _ in getattr(source, field)])
    monkeypatch.setattr(source, "url", NO_SERVER)
    return (train, labels_of(NUM_TRAIN)), (test, labels_of(NUM_TEST))


def write_fashion_mnist(folder: Path, source: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Split, Split]:
    """IDX files, gzipped: two zero bytes, type 8, number of dimensions, sizes as big-endian words, then the values."""
    raw = folder / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    train, test = (pixels(count, 1, 28, 28, seed=count) for count in (NUM_TRAIN, NUM_TEST))
    resources: list[tuple[str, str]] = []
    for name, _ in source.resources:
        images = train if name.startswith("train") else test
        count = len(images)
        data = struct.pack(">HBBI", 0, 8, 1, count) + bytes(labels_of(count))
        if "idx3" in name:
            data = struct.pack(">HBBIII", 0, 8, 3, count, 28, 28) + images.tobytes()
        (raw / name).write_bytes(gzip.compress(data))
        resources.append((name, md5(raw / name)))
    monkeypatch.setattr(source, "resources", resources)
    monkeypatch.setattr(source, "mirrors", [NO_SERVER])
    return (train, labels_of(NUM_TRAIN)), (test, labels_of(NUM_TEST))


def write(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Split, Split]:
    match name:
        case "cifar10":
            return write_cifar(folder, datasets.CIFAR10, monkeypatch, fine=False)
        case "cifar100":
            return write_cifar(folder, datasets.CIFAR100, monkeypatch, fine=True)
        case "svhn":
            return write_svhn(folder, datasets.SVHN, monkeypatch)
        case "stl10":
            return write_stl10(folder, datasets.STL10, monkeypatch)
        case _:
            return write_fashion_mnist(folder, datasets.FashionMNIST, monkeypatch)


ALL = ["cifar10", "cifar100", "svhn", "stl10", "fashion_mnist"]


@pytest.mark.parametrize("name", ALL)
def test_images_and_labels_are_those_in_the_files(
    name: str, folders: DataFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, test = write(name, folders.downloads, monkeypatch)
    spec = spec_of(name=name)
    dataset = load_dataset(spec, folders)
    assert by_content(dataset.train.images, dataset.train.labels) == by_content(*train)
    assert by_content(dataset.test.images, dataset.test.labels) == by_content(*test)
    facts = declared_facts(spec)
    assert facts is not None
    assert dataset.train.images.shape[1:] == facts.image_shape
    assert dataset.num_classes == facts.num_classes
    assert (dataset.facts.flip, facts.flip) == (name != "svhn",) * 2
    if name in ("cifar10", "cifar100", "stl10"):
        assert dataset.class_names[7] == "class 7"


@pytest.mark.parametrize("name", ALL)
def test_decoded_once_the_files_are_not_needed_again(
    name: str, folders: DataFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(name, folders.downloads, monkeypatch)
    first = load_dataset(spec_of(name=name, size=8), folders)
    assert first.train.images.shape[2:] == (8, 8)
    folders.downloads.rename(folders.downloads.with_name("gone"))
    again = load_dataset(spec_of(name=name, size=8), folders)
    assert (again.train.digest, again.test.digest) == (first.train.digest, first.test.digest)


def test_a_damaged_store_of_decoded_images_is_decoded_again(
    folders: DataFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("cifar10", folders.downloads, monkeypatch)
    first = load_dataset(spec_of(name="cifar10"), folders)
    (kept,) = folders.decoded.iterdir()
    content = bytearray(kept.read_bytes())
    content[-1000] ^= 1
    kept.write_bytes(content)
    assert load_dataset(spec_of(name="cifar10"), folders).train.digest == first.train.digest


def test_an_archive_alone_is_unpacked(folders: DataFolders, monkeypatch: pytest.MonkeyPatch) -> None:
    train, _ = write("cifar10", folders.downloads, monkeypatch)
    for file in (folders.downloads / "cifar-10-batches-py").iterdir():
        file.unlink()
    dataset = load_dataset(spec_of(name="cifar10"), folders)
    assert by_content(dataset.train.images, dataset.train.labels) == by_content(*train)


@pytest.mark.parametrize("name", ALL)
def test_without_files_and_without_a_connection_there_is_one_sentence(
    name: str, folders: DataFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(name, folders.downloads, monkeypatch)
    empty = DataFolders(folders.downloads.with_name("empty"), folders.decoded)
    with pytest.raises(UserError) as refused:
        load_dataset(spec_of(name=name), empty)
    for problem in refused.value.problems:
        assert problem.where.startswith(str(empty.downloads))
        assert "a connection to download it" in problem.expected
        assert problem.got.startswith("neither (")
        assert "downloading" in problem.got or "refused" in problem.got
    with pytest.raises(MissingDataError, match="FMN_DATA"):
        load_dataset(spec_of(name=name), empty, download=False)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("cifar10", "cifar-10-batches-py/data_batch_3"), ("svhn", "train_32x32.mat"),
        ("stl10", "stl10_binary/test_X.bin"), ("fashion_mnist", "FashionMNIST/raw/train-images-idx3-ubyte.gz"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_named(name: str, file: str, folders: DataFolders, monkeypatch: pytest.MonkeyPatch) -> None:
    write(name, folders.downloads, monkeypatch)
    path = folders.downloads / file
    path.write_bytes(path.read_bytes()[:-20] + bytes(20))
    with pytest.raises(UserError) as refused:
        load_dataset(spec_of(name=name), folders)
    (problem,) = refused.value.problems
    assert problem.where == str(path)
    assert "fetched again" in problem.got


def test_published_counts_are_those_of_the_papers_and_of_torchvision() -> None:
    counts = {name: declared_facts(spec_of(name=name)) for name in ALL}
    assert {name: facts.num_train for name, facts in counts.items() if facts} == {
        "cifar10": 50_000, "cifar100": 50_000, "svhn": 73_257, "stl10": 5_000, "fashion_mnist": 60_000
    }  # fmt: skip
    facts = declared_facts(spec_of(name="cifar10", train_examples=10_000, size=16, evaluate_on="validation"))
    assert facts is not None
    assert (facts.num_train, facts.image_shape) == (8_000, (3, 16, 16))


def test_more_images_or_pixels_than_are_published_are_refused_with_what_there_is() -> None:
    with pytest.raises(UserError) as refused:
        spec_of(name="stl10", train_examples=5_001, test_examples=9_000, size=97)
    assert [(each.where, each.nearest) for each in refused.value.problems] == [
        ("dataset.train_examples", "5000"), ("dataset.test_examples", "8000"), ("dataset.size", "96")
    ]  # fmt: skip


def test_checksums_are_read_from_torchvision_for_every_file() -> None:
    for name, source in (("cifar10", datasets.CIFAR10), ("svhn", datasets.SVHN), ("stl10", datasets.STL10)):
        fetched, unpacked = published._files(name, source)  # pyright: ignore[reportPrivateUsage]
        assert all(len(file.md5) == 32 for file in (*fetched, *unpacked))
        assert fetched
