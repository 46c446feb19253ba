"""The archive: a record is written once, whole or not at all; what is not a record is named and never fatal."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from benchmark.recording.archive import (
    areas_path,
    find_records,
    maps_path,
    outcomes_path,
    parse_record,
    read_record,
    record_path,
    write_record,
)
from benchmark.recording.record import Cost
from tests.recording.synthetic import AREAS, KEY, MAPS, OUTCOMES, UNISOLATED_KEY, record


def facts(folder: Path) -> dict[str, tuple[int, int]]:
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in sorted(folder.rglob("*"))}


def test_what_is_written_is_read_back_with_its_outcomes_beside_it(tmp_path: Path) -> None:
    path = write_record(tmp_path, record(), OUTCOMES, MAPS, AREAS, key=KEY)
    assert path == tmp_path / "digits-1.0" / f"simclr-{'ab' * 6}.json" == record_path(tmp_path, record())
    assert read_record(path) == record()
    assert outcomes_path(path).read_bytes() == OUTCOMES
    assert maps_path(path).read_bytes() == MAPS
    assert areas_path(path).read_bytes() == AREAS


def test_the_same_evaluation_at_another_time_and_cost_leaves_the_first_record_untouched(tmp_path: Path) -> None:
    write_record(tmp_path, record(), OUTCOMES, MAPS, AREAS, key=KEY)
    before = facts(tmp_path)
    cost = Cost(train_s=0, scoring_s=0, num_updates=176, num_updates_naive=280, peak_memory_bytes=1)
    changes = {"created": "2027-01-01T00:00:00Z", "cost": cost, "provenance": {"num_cores": 64}}
    write_record(tmp_path, record().model_copy(update=changes), OUTCOMES, MAPS, AREAS, key=KEY)
    assert facts(tmp_path) == before


@pytest.mark.parametrize("changes", [{"tier": "full"}, {"summary": {}}, {"isolation": "none"}, {"spec": {"name": "x"}}])
def test_a_record_that_says_something_else_replaces_the_first(tmp_path: Path, changes: dict[str, Any]) -> None:
    write_record(tmp_path, record(), OUTCOMES, MAPS, AREAS, key=KEY)
    other = record().model_copy(update=changes)
    key = KEY if other.isolation == "docker" else UNISOLATED_KEY
    assert read_record(write_record(tmp_path, other, OUTCOMES, MAPS, AREAS, key=key)) == other


@pytest.mark.parametrize(
    "damage", ["no outcomes", "other outcomes", "no maps", "other maps", "no areas", "other areas", "torn record"]
)
def test_a_damaged_archive_is_written_again(tmp_path: Path, damage: str) -> None:
    path = write_record(tmp_path, record(), OUTCOMES, MAPS, AREAS, key=KEY)
    match damage:
        case "no outcomes":
            outcomes_path(path).unlink()
        case "other outcomes":
            outcomes_path(path).write_bytes(b"other")
        case "no maps":
            maps_path(path).unlink()
        case "other maps":
            maps_path(path).write_bytes(b"other")
        case "no areas":
            areas_path(path).unlink()
        case "other areas":
            areas_path(path).write_bytes(b"other")
        case _:
            path.write_bytes(path.read_bytes()[:100])
    write_record(tmp_path, record(), OUTCOMES, MAPS, AREAS, key=KEY)
    assert read_record(path) == record()
    assert outcomes_path(path).read_bytes() == OUTCOMES
    assert maps_path(path).read_bytes() == MAPS
    assert areas_path(path).read_bytes() == AREAS


def test_a_full_disk_leaves_the_old_record_and_nothing_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_record(tmp_path, record(), OUTCOMES, MAPS, AREAS, key=KEY)
    names = set(facts(tmp_path))

    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        write_record(tmp_path, record(complete=True), OUTCOMES, MAPS, AREAS, key=KEY)
    assert read_record(path) == record()
    assert set(facts(tmp_path)) == names


@pytest.mark.parametrize("version", [0, 3, "1", None, 1.5, [1], True])
def test_another_schema_version_is_refused_by_name(tmp_path: Path, version: Any) -> None:
    path = write_record(tmp_path, record(), OUTCOMES, MAPS, AREAS, key=KEY)
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "schema_version": version}))
    with pytest.raises(ValueError, match="expected schema version 1 or 2, got") as caught:
        read_record(path)
    assert repr(version) in str(caught.value)


BAD = {
    "empty": b"",
    "torn": b'{"schema_version": 1, "evalu',
    "a list": b"[]",
    "text": b'"1"',
    "not UTF-8": b'{"schema_version": 1, "tier": "\xff"}',
    "too deep": b"[" * 200_000,
    "a number beyond reason": b'{"schema_version": ' + b"1" * 5000 + b"}",
    "hardly anything": b'{"schema_version": 1}',
    "not a number": b'{"schema_version": 1, "cost": NaN}',
}


def test_bad_records_are_named_with_a_reason_and_never_fatal(tmp_path: Path) -> None:
    good = write_record(tmp_path, record(), OUTCOMES, MAPS, AREAS, key=KEY)
    for name, content in BAD.items():
        (good.parent / f"{name}.json").write_bytes(content)
    (good.parent / "folder.json").mkdir()
    (good.parent / "nowhere.json").symlink_to("nothing")
    found, rejected = find_records(tmp_path)
    assert found == [(record(), good)]
    assert {each.path.stem for each in rejected} == {*BAD, "folder", "nowhere"}
    assert all(each.why for each in rejected)


def test_a_number_that_is_none_is_refused_wherever_it_stands_and_its_name_is_not(tmp_path: Path) -> None:
    path = write_record(tmp_path, record(), OUTCOMES, MAPS, AREAS, key=KEY)
    facts = json.loads(path.read_bytes())
    for word in ("NaN", "Infinity", "-Infinity"):
        path.write_text(json.dumps({**facts, "spec": {"population": float(word)}}))
        with pytest.raises(ValueError, match=f"expected finite numbers, got {word}"):
            read_record(path)
    path.write_text(json.dumps({**facts, "spec": {"description": "NaN, Infinity"}}))
    assert read_record(path).spec == {"description": "NaN, Infinity"}


def test_both_ways_to_parse_a_record_agree(tmp_path: Path) -> None:
    path = write_record(tmp_path, record(complete=True), OUTCOMES, MAPS, AREAS, key=KEY)
    spelled = json.loads(path.read_bytes())
    quick = json.dumps({**spelled, "environment": {"big": 2**80, "text": "caf\u00e9", "list": [1, 1.0, None, True]}})
    thorough = json.dumps({**json.loads(quick), "provenance": {"says": "NaN"}})
    first, second = parse_record(quick.encode()), parse_record(thorough.encode())
    assert first.model_dump(exclude={"provenance"}) == second.model_dump(exclude={"provenance"})
    assert repr(first.environment) == repr(second.environment)
    assert first.runs == record(complete=True).runs


def test_a_record_is_found_where_it_lies_whatever_its_file_is_called(tmp_path: Path) -> None:
    """Places were guessed from names inside the record, so that a renamed file was looked for in vain."""
    good = write_record(tmp_path, record(), OUTCOMES, MAPS, AREAS, key=KEY)
    renamed = good.rename(good.with_name("renamed.json"))
    assert find_records(tmp_path)[0] == [(record(), renamed)]


def test_an_archive_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert find_records(tmp_path / "nothing") == ([], [])
