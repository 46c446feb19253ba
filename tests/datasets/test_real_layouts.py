"""Data sets as strangers store them: nothing is lost in silence, nothing hangs, nothing is read in one of two ways."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.datasets.dataset import Dataset
from benchmark.datasets.pictures import UnreadablePicture, decode_picture
from tests.datasets.test_image_folder import CLASSES, encoded, load, noise, problems_of, write_pictures


def picture(seed: int) -> bytes:
    return encoded(noise(9, 9, seed))


def class_counts(dataset: Dataset) -> dict[str, int]:
    labels = Counter([*dataset.train.labels.tolist(), *dataset.test.labels.tolist()])
    return {name: labels[label] for label, name in enumerate(dataset.class_names)}


def zip_of(path: Path, members: dict[str, bytes | None], **links: str) -> Path:
    """Write a zip: bytes are files, None is a folder, links are symbolic."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            if content is None:
                archive.mkdir(name)
            else:
                archive.writestr(name, content)
        for name, target in links.items():
            info = zipfile.ZipInfo(name.replace("__", "/"))
            info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, target)
    return path


def tar_of(path: Path, members: dict[str, bytes], links: dict[str, tuple[bytes, str]] | None = None) -> Path:
    """Write a tar: files, and links as (type, target)."""
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name, (kind, target) in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            archive.addfile(info)
    return path


def six_each(*classes: str, first: int = 0) -> dict[str, bytes]:
    return {f"{name}/{n}.png": picture(first + 100 * i + n) for i, name in enumerate(classes) for n in range(6)}


# --- P1, P2: archives as their makers meant them -----------------------------------------------------------------


def test_hard_and_symbolic_links_in_a_tar_are_the_pictures_they_lead_to(tmp_path: Path) -> None:
    members = six_each("cat", "dog")
    links = {
        "dog/again.png": (tarfile.LNKTYPE, "dog/5.png"),
        "cat/before.png": (tarfile.SYMTYPE, "../cat/0.png"),
        "yak": (tarfile.SYMTYPE, "dog"),
    }
    path = tar_of(tmp_path / "own.tgz", members, links)
    assert class_counts(load(tmp_path, path, max_copies=1)) == {"cat": 7, "dog": 7, "yak": 7}


def test_a_class_of_links_alone_stays_a_class(tmp_path: Path) -> None:
    members = {f"store/{n}.png": picture(n) for n in range(6)} | six_each("cat", first=500)
    members = {name if not name.startswith("store") else f".{name}": held for name, held in members.items()}
    links = {f"yak/{n}.png": (tarfile.SYMTYPE, f"../.store/{n}.png") for n in range(6)}
    assert class_counts(load(tmp_path, tar_of(tmp_path / "own.tar", members, links))) == {"cat": 6, "yak": 6}


def test_symbolic_links_in_a_zip_are_the_pictures_they_lead_to(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "own.zip", dict(six_each("cat", "dog")), cat__linked="1.png", yak="dog")
    assert class_counts(load(tmp_path, path, max_copies=1)) == {"cat": 7, "dog": 6, "yak": 6}


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("/etc/passwd", "leads out of it, or in a circle"),
        ("../../secret.png", "leads out of it, or in a circle"),
        ("gone.png", "cat/gone.png, which is not there"),
        ("link.png", "leads out of it, or in a circle"),
        ("..", "one to cat/"),
    ],
)  # fmt: skip
def test_links_that_lead_nowhere_in_an_archive_are_named(target: str, said: str, tmp_path: Path) -> None:
    path = tar_of(tmp_path / "own.tar", six_each("cat", "dog"), {"cat/link.png": (tarfile.SYMTYPE, target)})
    (problem,) = problems_of(tmp_path, path)
    assert problem.startswith(f"{path}: cat/link.png: expected a link to something in the archive, got one")
    assert said in problem or target == ".."


def test_pipes_and_devices_in_an_archive_are_named(tmp_path: Path) -> None:
    links = {"cat/pipe": (tarfile.FIFOTYPE, ""), "dog/null": (tarfile.CHRTYPE, "")}
    said = problems_of(tmp_path, tar_of(tmp_path / "own.tar", six_each("cat", "dog"), links))
    assert [line.split(": expected")[0] for line in said] == [f"{tmp_path}/own.tar: {name}" for name in links]


def test_members_of_a_zip_may_begin_with_a_dot_and_a_slash(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "own.zip", {f"./own/./{name}": held for name, held in six_each("cat", "dog").items()})
    assert class_counts(load(tmp_path, path)) == {"cat": 6, "dog": 6}


def test_a_name_that_leads_out_of_an_archive_is_refused(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "own.zip", {**six_each("cat", "dog"), "../cat/9.png": picture(9)})
    assert "a name that leads out of it" in problems_of(tmp_path, path)[0]


# --- P3: splits whatever they are called -------------------------------------------------------------------------


@pytest.mark.parametrize(("train", "test"), [("Train", "Test"), ("TRAIN", "testing"), ("training", "test")])
def test_splits_are_recognised_whatever_the_case(train: str, test: str, tmp_path: Path) -> None:
    write_pictures(tmp_path / "own" / train, 5)
    write_pictures(tmp_path / "own" / test, 2, seed=500)
    dataset = load(tmp_path, tmp_path / "own")
    assert (dataset.class_names, len(dataset.train.labels), len(dataset.test.labels)) == (CLASSES, 15, 6)


@pytest.mark.parametrize(
    ("folders", "remedy"),
    [
        (("train", "val"), "rename val to test if its pictures are those to be scored"),
        (("training", "valid"), "rename valid to test"),
        (("Train", "Test", "Validation"), "move Validation away"),
        (("train", "Train", "test"), "keep one of each"),
        (("train", "car", "plane"), "a class called train needs another name"),
        (("Test",), "expected both train and test"),
    ],
)  # fmt: skip
def test_splits_that_can_be_meant_in_two_ways_are_refused_with_a_word(
    folders: tuple[str, ...], remedy: str, tmp_path: Path
) -> None:
    for number, name in enumerate(folders):
        write_pictures(tmp_path / "own" / name, 5, seed=10 * number)
    (said,) = problems_of(tmp_path, tmp_path / "own")
    assert "both train and test and nothing else" in said
    assert remedy in said


def test_splits_inside_of_class_folders_are_no_pictures_to_mix(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        write_pictures(tmp_path / "own" / name / "train", 5, seed=hash(name) % 1000)
    (said,) = problems_of(tmp_path, tmp_path / "own")
    assert said.endswith("got them inside: cat/train, dog/train")


def test_classes_called_valid_and_dev_are_classes(tmp_path: Path) -> None:
    assert class_counts(load(tmp_path, zip_of(tmp_path / "a.zip", dict(six_each("dev", "valid"))))) == {
        "dev": 6, "valid": 6,
    }  # fmt: skip


# --- P5, P8: what is no regular file, and names that cannot be printed -------------------------------------------


def test_what_is_no_regular_file_is_named_and_nothing_hangs(tmp_path: Path) -> None:
    write_pictures(tmp_path / "own", 5)
    os.mkfifo(tmp_path / "own" / "cat" / "pipe.png")
    (tmp_path / "own" / "dog" / "gone.png").symlink_to("nowhere")
    (tmp_path / "own" / "yak" / "zero").symlink_to("/dev/zero")
    (tmp_path / "own" / "yak" / "loop").symlink_to("..")
    said = problems_of(tmp_path, tmp_path / "own")
    assert [line.removeprefix(f"{tmp_path}/own/").split(": expected")[0] for line in said] == [
        "cat/pipe.png", "dog/gone.png", "yak/loop", "yak/zero",
    ]  # fmt: skip


def test_a_pipe_in_the_place_of_an_archive_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "own.zip")
    assert "a pipe or device" in problems_of(tmp_path, tmp_path / "own.zip")[0]
    (tmp_path / "packed").mkdir()
    os.mkfifo(tmp_path / "packed" / "train.zip")
    assert "a regular file" in problems_of(tmp_path, tmp_path / "packed")[0]


@pytest.mark.parametrize("name", [b"caf\xe9.png", b"\x1b[2Jgone.png", b"two\nlines.png"])
def test_names_that_cannot_be_printed_are_named_and_spelled_out(name: bytes, tmp_path: Path) -> None:
    write_pictures(tmp_path / "own", 5)
    Path(os.fsdecode(os.fsencode(tmp_path / "own" / "cat") + b"/" + name)).write_bytes(picture(7))
    (tmp_path / "own" / os.fsdecode(b"cl\xe9")).mkdir()
    said = problems_of(tmp_path, tmp_path / "own")
    assert len(said) == 1
    assert "names in UTF-8 without control characters" in said[0]
    assert said[0].isprintable()


def test_spaces_and_accents_of_any_language_are_names(tmp_path: Path) -> None:
    members = six_each("ch\u00e2t", "\u72ac")
    members["ch\u00e2t/Screenshot 10.00\u202fAM.png"] = picture(99)
    assert class_counts(load(tmp_path, zip_of(tmp_path / "own.zip", dict(members)))) == {"ch\u00e2t": 7, "\u72ac": 6}


# --- P6: archives that are not read ------------------------------------------------------------------------------


def changed_headers(path: Path, local: int, central: int, value: int) -> None:
    """Change a field of all headers of a zip: two bytes at these offsets."""
    content = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", local), (b"PK\x01\x02", central)):
        start = content.find(mark)
        while start >= 0:
            content[start + offset : start + offset + 2] = value.to_bytes(2, "little")
            start = content.find(mark, start + 4)
    path.write_bytes(content)


def test_a_zip_with_a_password_or_in_deflate64_is_named_with_what_to_do(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "own.zip", dict(six_each("cat", "dog")))
    changed_headers(path, 6, 8, 0x1)
    assert "expected a zip without a password" in problems_of(tmp_path, path)[0]
    changed_headers(path, 6, 8, 0)
    changed_headers(path, 8, 10, 9)
    assert "packed with Deflate64; unpack it and name the folder" in problems_of(tmp_path, path)[0]


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, zipfile.ZIP_DEFLATED])
def test_damage_in_any_compression_is_a_damaged_archive(method: int, tmp_path: Path) -> None:
    path = tmp_path / "own.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, held in six_each("cat", "dog").items():
            archive.writestr(name, held)
    content = bytearray(path.read_bytes())
    content[60:90] = bytes(range(30))
    path.write_bytes(content)
    assert "expected a whole archive" in problems_of(tmp_path, path)[0]


def test_a_tar_that_was_cut_between_two_members_is_no_whole_one(tmp_path: Path) -> None:
    path = tar_of(tmp_path / "own.tar", six_each("cat", "dog", "yak"))
    with tarfile.open(path) as archive:
        cut = archive.getmember("yak/0.png").offset
    path.write_bytes(path.read_bytes()[:cut])
    assert "cut off or damaged between two members" in problems_of(tmp_path, path)[0]


# --- P7: values of 12 bits ---------------------------------------------------------------------------------------


def sixteen_bits(seed: int, most: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, most, (9, 9)).astype(np.uint16))


def test_twelve_bits_in_sixteen_are_refused_unless_another_picture_uses_the_whole_range(tmp_path: Path) -> None:
    write_pictures(tmp_path / "own", 5)
    for number in range(3):
        sixteen_bits(number, 4096).save(tmp_path / "own" / "cat" / f"deep{number}.png")
    (said,) = problems_of(tmp_path, tmp_path / "own", channels=1)
    assert said.startswith(
        f"{tmp_path}/own: expected values over the whole range of 16 bits, up to 65535, got none above"
    )
    assert "4095 in 3 pictures" in said
    sixteen_bits(9, 65536).save(tmp_path / "own" / "dog" / "bright.png")
    assert len(load(tmp_path, tmp_path / "own", channels=1).class_names) == 3


# --- P10: named by content ---------------------------------------------------------------------------------------


def test_pictures_have_one_name_wherever_they_lie_and_however_they_are_packed(tmp_path: Path) -> None:
    members = six_each("cat", "dog")
    for place in ("here", "elsewhere/there"):
        for name, held in members.items():
            (tmp_path / place / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / place / name.replace("0.png", f"x{len(place)}.png")).write_bytes(held)
    zipped = zip_of(tmp_path / "own.zip", dict(members))
    places = [tmp_path / "here", tmp_path / "elsewhere" / "there", zipped, zipped, tar_of(tmp_path / "a.tgz", members)]
    (content,) = {load(tmp_path, path).content for path in places}
    assert content is not None
    assert content.startswith("sha256:")
    members["cat/0.png"] = picture(12345)
    assert load(tmp_path, zip_of(tmp_path / "other.zip", dict(members))).content != content


def test_a_changed_bit_in_the_cache_never_gives_pictures_another_name(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "own.zip", dict(six_each("cat", "dog")))
    content = load(tmp_path, path).content
    (cached,) = (tmp_path / "decoded").glob("*.content")
    whole = cached.read_bytes()
    for position in range(0, len(whole), 7):
        cached.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        assert load(tmp_path, path).content == content
    assert cached.read_bytes() == whole


# --- more of the kind --------------------------------------------------------------------------------------------


def test_what_systems_leave_beside_pictures_is_passed_over(tmp_path: Path) -> None:
    members: dict[str, bytes | None] = dict(six_each("cat", "dog"))
    rubbish = ("cat/._0.png", "__MACOSX/cat/._0.png", ".DS_Store", "dog/Thumbs.db", "dog/desktop.ini", "cat/Icon\r",
               "@eaDir/cat/0.png", "$RECYCLE.BIN/x.png", "cat/.ipynb_checkpoints/0.png", "lost+found/x")  # fmt: skip
    dataset = load(tmp_path, zip_of(tmp_path / "own.zip", members | dict.fromkeys(rubbish, b"rubbish")))
    assert (class_counts(dataset), dataset.notes) == ({"cat": 6, "dog": 6}, ())


def test_hidden_pictures_and_documents_are_counted_in_a_note(tmp_path: Path) -> None:
    members = six_each("cat", "dog") | {"cat/.hidden.png": picture(1), "labels.csv": b"a,b", "README": b"hello"}
    expected = (
        "1 passed over, as names with a dot in front are hidden: cat/.hidden.png",
        "2 passed over, as documents beside class folders: README, labels.csv",
    )
    for _ in range(2):  # the second time from what is decoded
        dataset = load(tmp_path, zip_of(tmp_path / "own.zip", dict(members)))
        assert (class_counts(dataset), dataset.notes) == ({"cat": 6, "dog": 6}, expected)


def test_documents_beside_splits_and_around_everything_are_passed_over(tmp_path: Path) -> None:
    members = {"set/README.md": b"hello", "set/train/labels.csv": b"a"}
    members |= {f"set/train/{name}": held for name, held in six_each("cat", "dog").items()}
    members |= {f"set/test/{name}": held for name, held in six_each("cat", "dog", first=500).items()}
    dataset = load(tmp_path, zip_of(tmp_path / "own.zip", dict(members)))
    assert (len(dataset.train.labels), len(dataset.test.labels)) == (12, 12)
    assert "set/README.md, set/train/labels.csv" in dataset.notes[0]


def test_a_zip_from_windows_with_backslashes_has_folders(tmp_path: Path) -> None:
    path = zip_of(
        tmp_path / "own.zip", {name.replace("/", "\\"): held for name, held in six_each("cat", "dog").items()}
    )
    assert class_counts(load(tmp_path, path)) == {"cat": 6, "dog": 6}


def test_pictures_in_folders_of_a_class_folder_are_said_to_be_of_the_class(tmp_path: Path) -> None:
    members = six_each("cat", "dog") | {f"cat/tabby/{n}.png": picture(800 + n) for n in range(3)}
    dataset = load(tmp_path, zip_of(tmp_path / "own.zip", dict(members)))
    assert class_counts(dataset) == {"cat": 9, "dog": 6}
    assert dataset.notes == (
        "1 folders inside class folders, whose pictures count to the outer class: cat/tabby",
    )  # fmt: skip


@pytest.mark.parametrize(("one", "other"), [("cat", "Cat"), ("ch\u00e2t", "cha\u0302t")])
def test_class_folders_that_some_systems_cannot_tell_apart_are_refused(one: str, other: str, tmp_path: Path) -> None:
    path = zip_of(tmp_path / "own.zip", dict(six_each(one, other, "dog")))
    assert "names differ in more than case or the form of their accents" in problems_of(tmp_path, path)[0]


def test_accents_in_the_form_of_macos_are_the_same_class(tmp_path: Path) -> None:
    members = {f"train/{name}": held for name, held in six_each("ch\u00e2t", "dog").items()}
    members |= {f"test/{name}": held for name, held in six_each("cha\u0302t", "dog", first=500).items()}
    assert load(tmp_path, zip_of(tmp_path / "own.zip", dict(members))).class_names == ("ch\u00e2t", "dog")


def test_a_member_that_is_stored_twice_counts_as_when_it_is_unpacked_and_is_said(tmp_path: Path) -> None:
    path = tar_of(tmp_path / "own.tar", six_each("cat", "dog"))
    with tarfile.open(path, "a") as archive:
        info = tarfile.TarInfo("./cat/0.png")
        info.size = len(picture(777))
        archive.addfile(info, io.BytesIO(picture(777)))
    dataset = load(tmp_path, path)
    assert dataset.notes == ("1 stored more than once in the archive, of which the last counts: cat/0.png",)
    used = {image.tobytes() for part in (dataset.train, dataset.test) for image in part.images}
    assert decode_picture(picture(777), 8, 3).tobytes() in used
    assert len(used) == 12


def test_class_folders_that_are_links_to_one_folder_are_both_classes(tmp_path: Path) -> None:
    write_pictures(tmp_path / "elsewhere", 5)
    write_pictures(tmp_path / "own", 5, seed=50)
    (tmp_path / "own" / "emu").symlink_to(tmp_path / "elsewhere" / "cat")
    (tmp_path / "own" / "fox").symlink_to(tmp_path / "elsewhere" / "cat")
    assert class_counts(load(tmp_path, tmp_path / "own", max_copies=1)) == dict.fromkeys((*CLASSES, "emu", "fox"), 5)


def test_an_empty_class_in_an_archive_is_named(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "own.zip", {**six_each("cat", "dog"), "emu": None})
    assert problems_of(tmp_path, path) == [
        f"{path}: emu: expected pictures in every class folder, got an empty folder; fill or remove it"
    ]


def test_animations_and_pages_are_used_by_their_first_frame_and_said(tmp_path: Path) -> None:
    members = six_each("cat", "dog")
    frames = [noise(9, 9, seed) for seed in (1001, 1002)]
    members["cat/moving.gif"] = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    members["dog/pages"] = encoded(frames[1], "TIFF", save_all=True, append_images=frames[:1])
    dataset = load(tmp_path, zip_of(tmp_path / "own.zip", dict(members)))
    assert dataset.notes == (
        "2 pictures have several frames or pages, of which the first is used: cat/moving.gif, dog/pages",
    )
    np.testing.assert_array_equal(decode_picture(members["dog/pages"], 9, 3), np.asarray(frames[1]).transpose(2, 0, 1))


def test_files_without_an_ending_and_with_a_wrong_one_are_read_by_content(tmp_path: Path) -> None:
    members = {
        name.replace(".png", ("", ".jpg")[n % 2]): held for n, (name, held) in enumerate(six_each(*CLASSES).items())
    }
    assert class_counts(load(tmp_path, zip_of(tmp_path / "own.zip", dict(members)))) == dict.fromkeys(CLASSES, 6)


def one_bit() -> tuple[bytes, list[int]]:
    return encoded(Image.fromarray(np.array([[True, False], [False, True]]))), [255, 0, 0, 255]


def cmyk(profile: bytes | None = None) -> tuple[bytes, list[int]]:
    inks = np.array([[[0, 0, 0, 0], [0, 0, 0, 255]], [[0, 0, 0, 255], [0, 0, 0, 0]]], np.uint8)
    return encoded(Image.fromarray(inks, "CMYK"), "TIFF", icc_profile=profile), [255, 0, 0, 255]


def clear_sixteen_bits() -> tuple[bytes, list[int]]:
    deep = Image.fromarray(np.array([[65535, 300], [0, 65535]], np.uint16))
    return encoded(deep, transparency=300), [255, 255, 0, 255]


def alpha_in_a_palette() -> tuple[bytes, list[int]]:
    palette = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8), "P")
    palette.putpalette([255, 255, 255, 0, 0, 0])
    return encoded(palette, transparency=bytes([255, 0])), [255, 255, 255, 255]


@pytest.mark.parametrize("made", [one_bit, cmyk, lambda: cmyk(b"no profile"), clear_sixteen_bits, alpha_in_a_palette])
def test_rare_modes_give_the_pixels_that_a_viewer_shows(made: Callable[[], tuple[bytes, list[int]]]) -> None:
    content, expected = made()
    assert decode_picture(content, 2, 1).ravel().tolist() == expected
    assert decode_picture(content, 2, 3)[0].ravel().tolist() == expected


def test_photographs_of_a_hundred_million_pixels_are_read_and_larger_ones_refused() -> None:
    """Pillow warns of more than 89 million, which telephones make."""
    white = np.full((1, 1), 255, np.uint8)
    large = Image.fromarray(white).resize((12_000, 9_000))
    assert decode_picture(encoded(large, compress_level=1), 8, 1).min() == 255
    header = bytearray(encoded(Image.fromarray(white)))
    header[16:24] = (60_000).to_bytes(4) * 2
    header[29:33] = zlib.crc32(header[12:29]).to_bytes(4)
    with pytest.raises(UnreadablePicture, match="decompression bomb of 60000 x 60000"):
        decode_picture(bytes(header), 8, 1)


def test_packed_splits_beside_unpacked_ones_are_refused(tmp_path: Path) -> None:
    write_pictures(tmp_path / "own" / "train", 5)
    zip_of(tmp_path / "own" / "Train.zip", dict(six_each("cat", "dog")))
    zip_of(tmp_path / "own" / "TEST.zip", dict(six_each("cat", "dog", first=300)))
    assert "both train and test and nothing else" in problems_of(tmp_path, tmp_path / "own")[0]


def test_an_archive_in_the_folder_that_is_named_is_said_to_be_the_path(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    zip_of(tmp_path / "own" / "pictures.zip", dict(six_each("cat", "dog")))
    assert problems_of(tmp_path, tmp_path / "own")[0].endswith("name this archive as the path")
