"""Packed records: the bytes that were signed come back, and a file that is not what it says is refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from benchmark.files.bounded import RefusedFile
from benchmark.files.digests import sha256_of
from benchmark.recording import record_files
from benchmark.recording.archive import (
    find_records,
    outcomes_path,
    read_record,
    record_path,
    signature_path,
    with_what_belongs,
    write_record,
)
from benchmark.recording.isolation import role_of
from benchmark.recording.record_files import (
    PACKED,
    beside,
    content_sha256,
    packed,
    plain_name,
    read_content,
    record_paths,
)
from benchmark.recording.signing_keys import signing_key
from benchmark.recording.trust import load_trust
from benchmark.recording.verify import judge
from leaderboard.reading.record_store import stamps
from tests.leaderboard.records import Knobs, add_outcomes, evaluation, shelve


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with one record, named as an archive names it, and packed by hand."""
    made = evaluation(Knobs("a.b"))
    (written,) = shelve(tmp_path, made)
    add_outcomes(written, made)
    record, records = read_record(written), written.parent.parent
    for source, target in with_what_belongs(written, record_path(records, record), record).items():
        source.rename(target)
    path = record_path(records, record)
    path.with_name(f"{path.name}.gz").write_bytes(packed(path.read_bytes()))
    path.unlink()
    return records


def test_a_packed_record_is_read_verified_and_listed_like_a_plain_one(store: Path) -> None:
    (path,) = record_paths(store)
    assert path.name.endswith(PACKED)
    assert plain_name(path) == path.name.removesuffix(".gz")
    assert signature_path(path).is_file()
    assert outcomes_path(path).is_file()
    assert judge(path, load_trust()).problem == ""
    ((record, found),), rejected = find_records(store)
    assert (found, rejected, record.submission.name) == (path, [], "a.b")
    assert [stamp.path for stamp in stamps([store])] == [str(path)]


def test_a_packed_record_is_not_written_over_and_not_doubled(store: Path) -> None:
    """Its signature and outcomes were replaced by those of a plain one beside it, and it was no longer believed."""
    (path,) = record_paths(store)
    record, bytes_before = read_record(path), {file: file.read_bytes() for file in path.parent.iterdir()}
    outcomes = outcomes_path(path).read_bytes()
    assert write_record(store, record, outcomes, key=signing_key(role_of(record.isolation))) == path
    assert {file: file.read_bytes() for file in path.parent.iterdir()} == bytes_before
    newer, plain = record.model_copy(update={"summary": {}}), path.with_name(plain_name(path))
    assert write_record(store, newer, outcomes, key=signing_key(role_of(record.isolation))) == plain
    assert list(record_paths(store)) == [plain]


def test_what_mlflow_knows_of_a_record_does_not_depend_on_how_it_is_kept(store: Path) -> None:
    (path,) = record_paths(store)
    plain = path.with_name(plain_name(path))
    plain.write_bytes(read_content(path))
    assert content_sha256(path) == content_sha256(plain) == sha256_of(plain)


def test_files_beside_a_record_have_its_name(tmp_path: Path) -> None:
    for name in ("a.b-12.json", "a.b-12.json.gz"):
        assert beside(tmp_path / name, ".maps.parquet") == tmp_path / "a.b-12.maps.parquet"


def test_packing_is_the_same_every_time() -> None:
    assert packed(b"[1]" * 999) == packed(b"[1]" * 999)
    assert gzip.decompress(packed(b"[1]" * 999)) == b"[1]" * 999


BAD = {
    "cut off": (packed(b"x" * 999)[:-4], "another end"),
    "something after it": (packed(b"x") + b"y", "another end"),
    "a second member": (packed(b"x") + packed(b"y"), "another end"),
    "nothing": (b"", "another end"),
    "no gzip": (b"{}", "incorrect header"),
    "another method": (b"\x1f\x8b\x07" + packed(b"x")[3:], "packed by gzip"),
    "a changed byte": (packed(b"x" * 999)[:-8] + b"1234" + packed(b"x" * 999)[-4:], "incorrect data check"),
    "larger than a record": (packed(b" " * 2001), "at most 2000 bytes once unpacked"),
}


@pytest.mark.parametrize(("content", "words"), BAD.values(), ids=list(BAD))
def test_a_file_that_is_not_one_packed_record_is_refused(
    content: bytes, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_files, "MAX_UNPACKED_BYTES", 2000)
    path = tmp_path / f"a{PACKED}"
    path.write_bytes(content)
    with pytest.raises(RefusedFile, match=words):
        read_content(path)


def test_a_bomb_is_not_unpacked_further_than_a_record_may_be_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tracemalloc

    monkeypatch.setattr(record_files, "MAX_UNPACKED_BYTES", 10**6)
    path = tmp_path / f"a{PACKED}"
    path.write_bytes(packed(bytes(50 * 10**6)))
    tracemalloc.start()
    with pytest.raises(RefusedFile, match="once unpacked"):
        read_content(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * 10**6
