"""Bad pictures, archives and data sets in specifications, through the doors of `fmn`: one clear sentence, no traceback.

The other doors and bad submissions are in `tests/cli/test_bad_calls.py`.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.cli.app import main
from tests.datasets.test_image_folder import encoded, noise
from tests.datasets.test_real_layouts import changed_headers, sixteen_bits, tar_of, zip_of

ROOT = Path(__file__).resolve().parents[2]

DOORS = {
    "plan": ("plan", "--executor", "process", "--device", "cpu"),
    "evaluate": ("evaluate", "--executor", "process", "--device", "cpu"),
    "check": ("check", "--executor", "process"),
}


def picture(seed: int) -> bytes:
    return encoded(noise(9, 9, seed))


def members() -> dict[str, bytes]:
    return {f"{name}/{n}.png": picture(100 * i + n) for i, name in enumerate(("cat", "dog")) for n in range(6)}


@dataclass(frozen=True)
class Place:
    """A folder with good pictures in `own`, which a case spoils; `dataset` is what the document says."""

    folder: Path

    @property
    def own(self) -> Path:
        return self.folder / "own"

    def write(self, name: str, content: bytes) -> None:
        (self.own / name).parent.mkdir(parents=True, exist_ok=True)
        (self.own / name).write_bytes(content)

    def move_into(self, *folders: str) -> None:
        """Put copies of the good pictures, each set with other pixels, below each of these folders."""
        shutil.rmtree(self.own)
        for number, folder in enumerate(folders):
            for name, position in ((name, n) for n, name in enumerate(members())):
                self.write(f"{folder}/{name}", picture(1000 * number + position))


Spoil = Callable[[Place], "str | None"]
"""Spoils the pictures; returns the data set of the document, where that is not the folder `own`."""


def file(name: str, content: bytes) -> Spoil:
    return lambda place: place.write(name, content)


def document(text: str) -> Spoil:
    return lambda _: text


def folders(*names: str) -> Spoil:
    return lambda place: place.move_into(*names)


def archive(name: str, make: Callable[[Path], object]) -> Spoil:
    def spoil(place: Place) -> str:
        make(place.folder / name)
        return f"{{name: image_folder, path: {name}, size: 8}}"

    return spoil


def image(name: str, made: Image.Image, kind: str = "PNG") -> Spoil:
    return file(name, encoded(made, kind))


def cut(path: Path, make: Callable[[Path], object], share: float = 0.5) -> None:
    make(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


def whole_zip(path: Path) -> None:
    zip_of(path, dict(members()))


def whole_tar(path: Path) -> None:
    tar_of(path, members())


def headers(local: int, central: int, value: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        whole_zip(path)
        changed_headers(path, local, central, value)

    return make


def zip_with(**more: bytes | None) -> Callable[[Path], object]:
    return lambda path: zip_of(path, members() | more)


def linked(target: str, kind: bytes = tarfile.SYMTYPE) -> Callable[[Path], object]:
    return lambda path: tar_of(path, members(), {"cat/link.png": (kind, target)})


def cut_between(path: Path) -> None:
    whole_tar(path)
    with tarfile.open(path) as packed:
        offset = packed.getmember("dog/3.png").offset
    path.write_bytes(path.read_bytes()[:offset])


def damaged_lzma(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as packed:
        for name, held in members().items():
            packed.writestr(name, held)
    content = bytearray(path.read_bytes())
    content[60:90] = bytes(range(30))
    path.write_bytes(content)


def fifo(name: str) -> Spoil:
    return lambda place: os.mkfifo(place.folder / name)


def link(name: str, target: str) -> Spoil:
    return lambda place: (place.own / name).symlink_to(target)


def odd_name(name: bytes) -> Spoil:
    def spoil(place: Place) -> None:
        Path(os.fsdecode(os.fsencode(place.own) + b"/" + name)).write_bytes(picture(5000))

    return spoil


def unreadable(place: Place) -> str:
    (place.folder / "own.zip").write_bytes(b"")
    return "{name: image_folder, path: own.zip, size: 8}"


def copied_split(place: Place) -> None:
    place.move_into("train")
    shutil.copytree(place.own / "train", place.own / "test")


def copied_class(place: Place) -> None:
    shutil.copytree(place.own / "cat", place.own / "cow")


def few(place: Place) -> None:
    for number in range(3):
        (place.own / "cat" / f"{number}.png").unlink()


def twelve_bits(place: Place) -> None:
    sixteen_bits(1, 4096).save(place.own / "cat" / "deep.png")


def bomb(place: Place) -> None:
    header = bytearray(picture(1))
    header[16:24] = (60_000).to_bytes(4) * 2
    header[29:33] = zlib.crc32(header[12:29]).to_bytes(4)
    place.write("cat/bomb.png", bytes(header))


def huge(place: Place) -> None:
    with (place.own / "cat" / "huge.png").open("wb") as sparse:
        sparse.truncate(2**40)


def closed(place: Place) -> None:
    place.write("cat/socket", b"")
    (place.own / "cat" / "socket").unlink()
    os.mknod(place.own / "cat" / "socket", stat.S_IFSOCK | 0o600)


def emptied(place: Place) -> None:
    for name in members():
        (place.own / name).unlink()


def missing_class(place: Place) -> None:
    place.move_into("train", "test")
    shutil.rmtree(place.own / "test" / "dog")


def other_class(place: Place) -> None:
    place.move_into("train", "test")
    (place.own / "test" / "dog").rename(place.own / "test" / "Dog")


def split_in_class(place: Place) -> None:
    place.move_into("a/train", "b/test")


def packed_and_not(place: Place) -> None:
    place.move_into("train", "test")
    whole_zip(place.own / "train.zip")


def archive_inside(place: Place) -> None:
    shutil.rmtree(place.own)
    place.own.mkdir()
    whole_zip(place.own / "all.zip")


def float_picture() -> Image.Image:
    return Image.fromarray(np.zeros((9, 9), np.float32))


OWN = "{{name: image_folder, path: own, size: 8{more}}}"


def own(more: str) -> Spoil:
    return document(OWN.format(more=f", {more}"))


CASES: dict[str, tuple[Spoil, str]] = {
    # single pictures
    "text": (file("cat/notes.txt", b"no picture"), "not a picture of a known format"),
    "empty file": (file("cat/empty.png", b""), "not a picture of a known format"),
    "half a jpeg": (file("dog/half.jpg", encoded(noise(64, 64, 1), "JPEG")[:900]), "truncated"),
    "half a png": (file("dog/half.png", picture(1)[:150]), "expected a whole picture"),
    "a pdf": (file("dog/scan.pdf", b"%PDF-1.4"), "not a picture of a known format"),
    "an svg": (file("dog/drawing.svg", b"<svg/>"), "not a picture of a known format"),
    "an archive": (file("dog/more.zip", b"PK\x03\x04"), "not a picture of a known format"),
    "too small": (image("cat/low.png", noise(7, 30, 0)), "at least 8 x 8 pixels (size), got 30 x 7"),
    "floating point": (image("cat/float.tiff", float_picture(), "TIFF"), "which have no range"),
    "32 bits": (image("cat/i.tiff", Image.fromarray(np.zeros((9, 9), np.int32)), "TIFF"), "which have no range"),
    "twelve bits": (twelve_bits, "up to 65535"),
    "bomb": (bomb, "decompression bomb of 60000 x 60000"),
    "a terabyte": (huge, "at most 256 MiB"),
    # what is no regular file
    "pipe": (fifo("own/cat/pipe.png"), "a regular file"),
    "socket": (closed, "a regular file"),
    "link to nowhere": (link("cat/gone.png", "nowhere"), "a link that leads nowhere"),
    "link to itself": (link("cat/self.png", "self.png"), "a link that leads nowhere"),
    "link to a device": (link("cat/zero.png", "/dev/zero"), "a regular file"),
    "link upwards": (link("cat/up", ".."), "a link to a folder around it"),
    # names
    "no UTF-8": (odd_name(b"cat/caf\xe9.png"), "caf\\xe9.png: expected names in UTF-8"),
    "escape sequence": (odd_name(b"cat/\x1b[2J.png"), "\\x1b[2J.png: expected names in UTF-8"),
    "two lines": (odd_name(b"cat/a\nb.png"), "a\\nb.png: expected names in UTF-8"),
    # layouts
    "no class": (lambda place: shutil.rmtree(place.own / "cat") or shutil.rmtree(place.own / "dog"), "got none"),
    "one class": (lambda place: shutil.rmtree(place.own / "cat"), "at least two class folders"),
    "empty class": (lambda place: (place.own / "emu").mkdir(), "an empty folder"),
    "only empty classes": (emptied, "an empty folder"),
    "small class": (few, "at least 5 pictures"),
    "loose picture": (file("0.png", picture(9)), "a file in a class folder"),
    "train alone": (folders("train"), "both train and test"),
    "test alone": (folders("Test"), "both train and test"),
    "train and val": (folders("Train", "val"), "rename val to test"),
    "three splits": (folders("train", "test", "valid"), "move valid away"),
    "two trains": (folders("train", "training", "test"), "keep one of each"),
    "a class called test": (folders("test", "car", "bus"), "a class called test needs another name"),
    "missing class": (missing_class, "at least two class folders with pictures, got 1 (cat)"),
    "other class": (other_class, "expected the classes of train (cat, dog), got Dog, cat"),
    "splits in classes": (split_in_class, "them inside"),
    "classes by case": (file("Cat/0.png", picture(9)), "names differ in more than case"),
    "packed and unpacked": (packed_and_not, "both train and test and nothing else"),
    "an archive inside": (archive_inside, "name this archive as the path"),
    "copied split": (copied_split, "at most 5% test images that are trained on, got 12 of 12"),
    "copied class": (copied_class, "at most 5% images that stand under several labels"),
    # archives
    "cut zip": (archive("a.zip", lambda path: cut(path, whole_zip)), "a whole archive"),
    "cut tar": (archive("a.tar", lambda path: cut(path, whole_tar)), "a whole archive"),
    "cut tgz": (archive("a.tgz", lambda path: cut(path, whole_tar)), "a whole archive"),
    "cut between members": (archive("a.tar", cut_between), "cut off or damaged between two members"),
    "empty zip file": (unreadable, "a whole archive"),
    "text as tar": (archive("a.tar", lambda path: path.write_text("hello")), "a whole archive"),
    "tar as zip": (archive("a.zip", lambda path: tar_of(path, members())), "a whole archive"),
    "zip without members": (archive("a.zip", lambda path: zip_of(path, {})), "at least two class folders"),
    "encrypted": (archive("a.zip", headers(6, 8, 1)), "a zip without a password"),
    "deflate64": (archive("a.zip", headers(8, 10, 9)), "packed with Deflate64"),
    "unknown method": (archive("a.zip", headers(8, 10, 77)), "packed with method 77"),
    "damaged lzma": (archive("a.zip", damaged_lzma), "a whole archive"),
    "climbs out": (archive("a.zip", zip_with(**{"../cat/9.png": b""})), "leads out of it"),
    "empty class in zip": (archive("a.zip", zip_with(emu=None)), "an empty folder"),
    "text in zip": (archive("a.zip", zip_with(**{"cat/a.txt": b"hello"})), "not a picture of a known format"),
    "escape in zip": (archive("a.zip", zip_with(**{"cat/\x1b.png": picture(9)})), "cat/\\x1b.png"),
    "link out of tar": (archive("a.tar", linked("/etc/passwd")), "leads out of it, or in a circle"),
    "link to nothing in tar": (archive("a.tar", linked("gone.png")), "which is not there"),
    "hard link to nothing": (archive("a.tar", linked("gone", tarfile.LNKTYPE)), "which is not there"),
    "pipe in tar": (archive("a.tar", linked("", tarfile.FIFOTYPE)), "a pipe or device"),
    "device in tar": (archive("a.tar", linked("", tarfile.CHRTYPE)), "a pipe or device"),
    "a pipe as archive": (archive("a.zip", os.mkfifo),
                          "a pipe or device"),
    "a 7z": (archive("a.7z", lambda path: path.write_bytes(b"7z")), "a folder, or one of .zip"),
    "a picture as path": (document("{name: image_folder, path: own/cat/0.png, size: 8}"), "a folder, or one of .zip"),
    # documents
    "nowhere": (document("{name: image_folder, path: nowhere, size: 8}"), "nothing at"),
    "an escape in the path": (document('{name: image_folder, path: "a\\e[2Jb", size: 8}'), "\\x1b[2J"),
    "a device as path": (document("{name: image_folder, path: /dev/zero, size: 8}"), "a pipe or device"),
    "content as path": (document(f"{{name: image_folder, path: 'sha256:{'0' * 64}', size: 8}}"), "nothing at"),
    "no path": (document("{name: image_folder, size: 8}"), "path"),
    "empty path": (document("{name: image_folder, path: '', size: 8}"), "dataset.path"),
    "a number as path": (document("{name: image_folder, path: 8, size: 8}"), "dataset.path"),
    "NUL in the path": (document('{name: image_folder, path: "a\\0b", size: 8}'), "dataset.path"),
    "a path of 5,000": (document(f"{{name: image_folder, path: {'a' * 5000}, size: 8}}"), "dataset.path"),
    "a name of 300": (document(f"{{name: image_folder, path: {'a' * 300}, size: 8}}"), "dataset.path"),
    "no size": (document("{name: image_folder, path: own}"), "size"),
    "size 2": (document("{name: image_folder, path: own, size: 2}"), "from 4 to 512"),
    "size 1000": (document("{name: image_folder, path: own, size: 1000}"), "from 4 to 512"),
    "size larger than pictures": (document("{name: image_folder, path: own, size: 64}"), "at least 64 x 64 pixels"),
    "size in words": (document("{name: image_folder, path: own, size: large}"), "size"),
    "two channels": (own("channels: 2"), "channels"),
    "flip perhaps": (own("flip: perhaps"), "flip"),
    "copies of 2": (own("max_copies: 2"), "max_copies"),
    "unknown key": (own("colour: red"), "colour"),
    "evaluate on train": (own("evaluate_on: train"), "evaluate_on"),
    "no training picture": (own("train_examples: 0"), "train_examples"),
    "too many asked for": (own("train_examples: 500"), "the number of pictures there are"),
    "too many for testing": (own("test_examples: 500"), "the number of pictures there are"),
    "fewer than a batch": (own("train_examples: 2"), "training.batch_size"),
    "no tag": (document("{path: own, size: 8}"), "dataset"),
    "a list": (document("[own]"), "dataset"),
    "unknown data set": (document("{name: imagenet}"), "image_folder"),
    "digits with a size": (document("{name: digits, size: 8}"), "size"),
    "cifar10 enlarged": (document("{name: cifar10, size: 64}"), "at most 32"),
    "more than published": (document("{name: cifar10, train_examples: 60000}"), "at most 50000"),
}  # fmt: skip

NOT_BY_CHECK = ("fewer than a batch",)
"""What only a plan knows; `fmn check` looks at a submission and asks for the images alone."""

MINE = """\
extends: digits
name: mine
dataset: {dataset}
encoder: {{name: resnet8, width: 1}}
training: {{epochs: 1, batch_size: 4}}
"""


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("case", CASES)
def test_bad_data_ends_in_a_sentence(
    case: str, door: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if door == "check" and case in NOT_BY_CHECK:
        return
    place = Place(tmp_path)
    for name, held in members().items():
        place.write(name, held)
    spoil, said = CASES[case]
    dataset = spoil(place) or "{name: image_folder, path: own, size: 8}"
    (tmp_path / "mine.yaml").write_text(MINE.format(dataset=dataset))
    submission = str(ROOT / "submissions" / "random_init")
    monkeypatch.setenv("FMN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FMN_CONFIG", str(tmp_path / "config"))
    verb, *options = DOORS[door]
    monkeypatch.setattr(sys, "argv", ["fmn", verb, submission, "--spec", str(tmp_path / "mine.yaml"), *options])
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr()
    assert ended.value.code == 2
    assert said in printed.err
    lines = printed.err.strip().splitlines()
    assert 1 <= len(lines) <= 12
    assert all(": expected " in line and ", got " in line and line.isprintable() for line in lines)
    assert "Traceback" not in printed.err + printed.out


def test_the_matrix_is_as_large_as_promised() -> None:
    assert len(CASES) >= 60
