"""Which files are read as records: bad ones are named, changed ones are noticed."""

from __future__ import annotations

import os
from pathlib import Path

from benchmark.recording.archive import signature_path
from benchmark.recording.signature import sign
from benchmark.recording.signing_keys import signing_key
from benchmark.recording.trust import load_trust
from benchmark.recording.verify import Believed
from leaderboard.reading import record_store
from tests.leaderboard.records import evaluation, shelve


def test_bad_files_are_named_and_the_others_still_read(tmp_path: Path) -> None:
    (good,) = shelve(tmp_path, evaluation())
    bad = {"half.json": good.read_text()[:500], "list.json": "[]", "newer.json": '{"schema_version": 99}',
           "deep.json": "[" * 100_000}  # fmt: skip
    for name, text in bad.items():
        good.with_name(name).write_text(text)
        signature_path(good.with_name(name)).write_bytes(sign(text.encode(), {}, "none", signing_key("unisolated")))
    paths = [Path(stamp.path) for stamp in record_store.stamps((tmp_path,))]
    read = {path.name: record_store.read(path, load_trust()) for path in paths}
    assert isinstance(read.pop(good.name), Believed)
    assert set(read) == set(bad)
    assert all(isinstance(each, record_store.Rejected) and each.why for each in read.values())


def test_a_rewritten_record_gets_another_stamp(tmp_path: Path) -> None:
    (path,) = shelve(tmp_path, evaluation())
    before = record_store.stamps((tmp_path, tmp_path / "absent"))
    facts = path.stat()
    path.write_text(path.read_text())
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))  # same size, same time of modification
    assert record_store.stamps((tmp_path, tmp_path / "absent")) != before
