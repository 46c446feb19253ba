"""The archive of a bundle: the same bytes everywhere, and nothing but plain files with plain names comes out of it."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable

import pytest

from benchmark.bundles import packing
from benchmark.bundles.packing import BadBundle, pack, unpack

FILES = {"index.json": b"{}", "records/digits-1.0/a-1.json": b"[1]" * 400, "submission/method.py": b"pass\n"}


def zipped(content: bytes) -> bytes:
    """Pack a tar as `pack` does, so that only the tar is at fault."""
    stream = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=stream, mtime=0) as file:
        file.write(content)
    return stream.getvalue()


def tar_with(change: Callable[[tarfile.TarInfo], object], tar_format: int = tarfile.USTAR_FORMAT) -> bytes:
    """Make an archive of one file whose header is changed."""
    stream, member = io.BytesIO(), tarfile.TarInfo("submission/method.py")
    change(member)
    with tarfile.open(fileobj=stream, mode="w:", format=tar_format) as archive:
        archive.addfile(member, io.BytesIO(b"x" * member.size))
    return zipped(stream.getvalue())


def named(name: str) -> bytes:
    return tar_with(lambda member: setattr(member, "name", name))


def of_kind(kind: bytes, target: str = "") -> bytes:
    return tar_with(lambda member: (setattr(member, "type", kind), setattr(member, "linkname", target)))


def twice() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:", format=tarfile.USTAR_FORMAT) as archive:
        for _ in range(2):
            archive.addfile(tarfile.TarInfo("a"), io.BytesIO())
    return zipped(stream.getvalue())


def test_equal_files_give_equal_bytes_and_come_back() -> None:
    assert pack(FILES) == pack(dict(reversed(FILES.items())))
    assert unpack(pack(FILES)) == FILES
    with tarfile.open(fileobj=io.BytesIO(pack(FILES))) as archive:
        facts = {(each.uid, each.gid, each.uname, each.mtime, each.mode) for each in archive}
        assert archive.getnames() == sorted(FILES)
    assert facts == {(0, 0, "", 0, 0o644)}


HOSTILE = {
    "a name that leads out": (named("../../etc/passwd"), "damaged|relative names"),
    "an absolute name": (named("/etc/cron.d/x"), "damaged|relative names"),
    "a hidden name": (named(".git/config"), "relative names"),
    "a name with a terminal escape": (named("a\x1b[2J"), "relative names"),
    "a link": (of_kind(tarfile.SYMTYPE, "index.json"), "plain files only"),
    "a link that leads out": (of_kind(tarfile.SYMTYPE, "/etc/passwd"), "damaged|plain files only"),
    "a hard link": (of_kind(tarfile.LNKTYPE, "index.json"), "damaged|plain files only"),
    "a folder": (of_kind(tarfile.DIRTYPE), "plain files only"),
    "a pipe": (of_kind(tarfile.FIFOTYPE), "damaged|plain files only"),
    "a device": (of_kind(tarfile.CHRTYPE), "damaged|plain files only"),
    "a continuous file": (of_kind(tarfile.CONTTYPE), "plain files only"),
    "an owner": (tar_with(lambda member: setattr(member, "uname", "root")), "other bytes beside them"),
    "a time": (tar_with(lambda member: setattr(member, "mtime", 1)), "other bytes beside them"),
    "a program": (tar_with(lambda member: setattr(member, "mode", 0o4755)), "other bytes beside them"),
    "another format": (tar_with(lambda _: None, tarfile.GNU_FORMAT), "other bytes beside them"),
    "an extended header": (
        tar_with(lambda member: setattr(member, "pax_headers", {"comment": "x"}), tarfile.PAX_FORMAT),
        "plain files only",
    ),
    "a sparse file": (
        tar_with(
            lambda member: setattr(
                member, "pax_headers", {"GNU.sparse.major": "0", "GNU.sparse.map": "0,1", "GNU.sparse.size": "999"}
            ),
            tarfile.PAX_FORMAT,
        ), "plain files only"
    ),
    "one name twice": (twice(), "every name once"),
    "bytes after the end": (pack(FILES) + b"\0", "something follows its end"),
    "two archives": (pack(FILES) * 2, "something follows its end"),
    "a cut end": (pack(FILES)[:-1], "cut off"),
    "a time of packing": (gzip.compress(b"x", mtime=1), "another kind of file"),
    "no tar": (zipped(b"x" * 2000), "damaged"),
    "nothing": (b"", "another kind of file"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_not_exactly_such_an_archive_is_refused_in_one_line(name: str) -> None:
    packed, why = HOSTILE[name]
    with pytest.raises(BadBundle, match=why) as refused:
        unpack(packed)
    assert "\n" not in str(refused.value)
    assert "\x1b" not in str(refused.value)


def test_a_bomb_is_unpacked_no_further_than_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "MAX_UNPACKED_BYTES", 1 << 20)
    with pytest.raises(BadBundle, match="at most 1 MiB when unpacked"):
        unpack(zipped(bytes(8 << 20)))


@pytest.mark.parametrize(
    "files",
    [
        {"../x": b""}, {"": b""}, {"a//b": b""}, {"a/./b": b""}, {"a" * 200: b""}, {"a": b"", "A": b""},
        {"a": b"", "a/b": b""}, {f"a{number}": b"" for number in range(packing.MAX_FILES + 1)},
    ],
    ids=str,
)  # fmt: skip
def test_names_that_are_refused_are_not_packed_either(files: dict[str, bytes]) -> None:
    with pytest.raises(BadBundle):
        pack(files)


def test_every_flipped_bit_is_refused_or_says_the_same_files_and_in_header_and_trailer_it_is_refused() -> None:
    """What is refused is said of files: gzip's code has bits that mean the same either way, its ends have none."""
    packed, harmless = pack(FILES), set[int]()
    for bit in range(8 * len(packed)):
        changed = bytearray(packed)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            files = unpack(bytes(changed))
        except BadBundle:
            continue
        assert files == FILES
        harmless.add(bit // 8)
    assert harmless <= set(range(10, len(packed) - 8))
    assert len(harmless) < len(packed) // 4


def test_every_changed_byte_of_the_tar_is_refused_or_changes_a_content() -> None:
    """Padding, owners and order are covered by packing again; contents by digests, which are checked elsewhere."""
    content = gzip.decompress(pack(FILES))
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 1
        try:
            found = unpack(zipped(bytes(changed)))
        except BadBundle:
            continue
        assert found != FILES, position
