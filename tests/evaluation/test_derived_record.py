"""A derived record holds what its outcomes determine by today's definitions, and never takes the original's place."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmark.cli.app import app
from benchmark.cli.recomputation import recompute_record
from benchmark.evaluation.derived_record import derive_record
from benchmark.recording.archive import areas_path, read_record, signature_path
from benchmark.recording.trust import load_trust
from benchmark.recording.verify import BadSignature, judge
from leaderboard.reading.board_loader import read_board
from tests.conftest import OLD_RECORD


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the old record, with all that belongs to it."""
    folder = tmp_path / "digits-1.0"
    folder.mkdir()
    for file in OLD_RECORD.parent.glob(f"{OLD_RECORD.stem}*"):
        shutil.copyfile(file, folder / file.name)
    return folder / OLD_RECORD.name


def test_a_derived_record_verifies_agrees_with_its_outcomes_and_names_its_original(
    copied: Path, tmp_path: Path
) -> None:
    told = CliRunner().invoke(app, ["derive", str(copied), "--out", str(tmp_path / "out"), "--note", "a test"])
    assert told.exit_code == 0, told.output
    path = tmp_path / "out" / "digits-1.0" / copied.name
    before, after = read_record(copied), read_record(path)
    assert after.derived is not None
    assert after.derived.original_sha256 == hashlib.sha256(copied.read_bytes()).hexdigest()
    assert after.derived.original_signature == signature_path(copied).read_text()
    assert after.derived.note == "a test"
    assert "robustness/score" in after.derived.what
    assert (after.isolation, after.created, after.evaluation_key) == ("docker", before.created, before.evaluation_key)
    assert after.summary["robustness/score"].value == pytest.approx(before.summary["robustness/score"].value, abs=1e-6)
    assert judge(path, load_trust()).problem == ""
    found = recompute_record(path, load_trust())
    assert (found.problem, found.differing) == ("", ())
    # What was kept per image was not rounded then, and no outcomes give the numbers of today.
    assert {line.partition(";")[0] for line in found.skipped} == {
        "q score: made under version 1", "calibration: made under version 1"
    }  # fmt: skip
    assert all("version 2 reads the models again" in line for line in found.skipped)
    assert areas_path(path).is_file()
    assert str(path) in read_board([tmp_path / "out"], load_trust()).board.entries


def test_the_original_stays_where_a_derived_record_would_take_its_place(copied: Path, tmp_path: Path) -> None:
    content = copied.read_bytes()
    with pytest.raises(ValueError, match="is not derived; it stays"):
        derive_record(copied, tmp_path, load_trust())
    assert copied.read_bytes() == content
    first = derive_record(copied, tmp_path / "out", load_trust())
    assert derive_record(copied, tmp_path / "out", load_trust()).path == first.path


def test_without_a_signature_only_who_says_so_derives_and_nothing_is_said_of_isolation(
    copied: Path, tmp_path: Path
) -> None:
    signature_path(copied).unlink()
    with pytest.raises(BadSignature, match="no signature"):
        derive_record(copied, tmp_path / "out", load_trust())
    assert not (tmp_path / "out").exists()
    derived = derive_record(copied, tmp_path / "out", load_trust(), unsigned=True)
    assert derived.record.isolation == "none"
    assert derived.record.derived is not None
    assert derived.record.derived.original_signature == ""
    assert judge(derived.path, load_trust()).problem == ""


def test_a_record_whose_signature_does_not_hold_is_never_derived_from(copied: Path, tmp_path: Path) -> None:
    copied.write_bytes(copied.read_bytes().replace(b"random_init", b"random_imit"))
    with pytest.raises(BadSignature, match="changed after signing"):
        derive_record(copied, tmp_path / "out", load_trust(), unsigned=True)


def test_outcomes_that_are_not_those_of_the_record_derive_nothing(copied: Path, tmp_path: Path) -> None:
    copied.with_suffix(".parquet").write_bytes(b"PAR1")
    told = CliRunner().invoke(app, ["derive", str(copied), "--out", str(tmp_path / "out")])
    assert told.exit_code == 2
    assert "was changed after signing" in told.output
    assert not (tmp_path / "out").exists()


def test_a_derived_record_may_leave_out_columns_after_everything_was_computed_and_says_so(
    copied: Path, tmp_path: Path
) -> None:
    whole = derive_record(copied, tmp_path / "whole", load_trust(), note="a test")
    told = CliRunner().invoke(
        app, ["derive", str(copied), "--out", str(tmp_path / "out"), "--note", "a test", "--key-version", "2",
              "--without", "linear/confidence", "--without", "q_score_2022/score"],
    )  # fmt: skip
    assert told.exit_code == 0, told.output
    path = tmp_path / "out" / "digits-1.0" / copied.name
    record = read_record(path)
    assert record.derived is not None
    assert record.derived.note.startswith("a test; ")
    assert "without the columns linear/confidence, q_score_2022/score" in record.derived.note
    assert record.definitions is not None
    assert (record.definitions["keys"], record.definitions["spec"]) == ("2", "1.0")
    assert (record.runs, record.cells, record.summary) == (whole.record.runs, whole.record.cells, whole.record.summary)
    assert judge(path, load_trust()).problem == ""
    assert path.with_suffix(".parquet").stat().st_size < copied.with_suffix(".parquet").stat().st_size / 1.5
    found = recompute_record(path, load_trust())
    assert (found.problem, found.differing) == ("", ())
