"""What repeating a shipped record needs is said first; what is not here ends in one sentence before any training."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.cli.reproduction import needs, reproduce
from benchmark.recording.archive import read_record
from benchmark.spec import BenchmarkSpec, UserError
from benchmark.spec.documents.validation import parse_document
from tests.conftest import ROOT

SHIPPED = sorted((ROOT / "results").glob("*/*.json"))
STUDY = next(path for path in SHIPPED if path.parent.name.startswith("corti2022") and path.stem.startswith("supcon"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_shipped_record_says_what_repeating_it_needs(path: Path) -> None:
    record = read_record(path)
    text = "\n".join(needs(record, parse_document(BenchmarkSpec, record.spec)))
    for word in ("data ", "device ", "time ", "settings ", "bits ", f"{record.cost.num_updates:,} updates"):
        assert word in text


def test_the_needs_of_the_studys_record_are_its_pictures_its_gpu_and_its_own_settings() -> None:
    record = read_record(STUDY)
    assert list(needs(record, parse_document(BenchmarkSpec, record.spec))) == [
        "to repeat supcon on corti2022-mini-jpeg-1.0:",
        "  data      image_folder cifar10-jpeg, 50,000 training and 10,000 test images",
        "  device    GPU: NVIDIA H200",
        "  time      about 9 minutes on that device: 90,084 updates, and scoring",
        "  settings  augmentation 0.5, learning_rate 0.3, projection_dim 32, temperature 0.5, weight_decay 0.0001 "
        "(of the record, whatever the manifest says today)",
        "  bits      the same where the environment and the training code, version 2, are; else within its intervals",
    ]


def test_without_its_pictures_it_ends_in_one_sentence_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FMN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FMN_DATA", str(tmp_path / "data"))
    with pytest.raises(UserError) as caught:
        reproduce(STUDY, None, "process", "cpu")
    (problem,) = caught.value.problems
    assert problem.where == "pictures"
    assert "cifar10-jpeg in FMN_DATA" in problem.expected
    assert "about 9 minutes" in capsys.readouterr().out
    assert not (tmp_path / "home").exists()


def test_without_a_gpu_a_record_of_one_is_not_silently_trained_for_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data" / "cifar10-jpeg").mkdir(parents=True)
    monkeypatch.setenv("FMN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FMN_DATA", str(tmp_path / "data"))
    monkeypatch.setattr("benchmark.executors.process.ProcessExecutor.pick_device", lambda *_: "cpu")
    with pytest.raises(UserError) as caught:
        reproduce(STUDY, None, "process", "auto")
    (problem,) = caught.value.problems
    assert (problem.where, "NVIDIA H200" in problem.expected, "--device cpu" in problem.got) == ("device", True, True)
    assert not list((tmp_path / "home").rglob("segments/*"))
