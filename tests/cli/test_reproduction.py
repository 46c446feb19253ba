"""What repeating a shipped record needs is said first; what is not here ends in one sentence before any training."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmark.admission.gate import admit
from benchmark.cli.reproduction import bits_here, needs, reproduce
from benchmark.plan import KEY_VERSION
from benchmark.recording.archive import read_record
from benchmark.recording.record_files import record_paths
from benchmark.spec import BenchmarkSpec, UserError
from benchmark.spec.documents.validation import parse_document
from tests.conftest import ROOT

SHIPPED = list(record_paths(ROOT / "results"))
MADE_TODAY = next(path for path in SHIPPED if path.parent.name.startswith("digits") and "random_init" in path.stem)
"""The cheapest one: nothing learns."""
STUDY = next(path for path in SHIPPED if path.parent.name.startswith("corti2022") and path.stem.startswith("supcon"))


@pytest.fixture(autouse=True)
def _places_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    monkeypatch.setenv("FMN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FMN_DATA", str(tmp_path / "data"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_shipped_record_says_what_repeating_it_needs(path: Path) -> None:
    record = read_record(path)
    text = "\n".join(needs(record, parse_document(BenchmarkSpec, record.spec)))
    version = (record.definitions or {}).get("keys")
    assert ("bits      promised where" in text) == (version == str(KEY_VERSION))
    assert version is None or f"version {version}" in text
    assert not re.search(r"(?<![\d.])1 (minutes|hours)\b", text)
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
        f"  bits      not promised: version 2 of the training code made it, and here is version {KEY_VERSION}; "
        "without equal bits, numbers must lie within its intervals",
    ]


def _is_of_pictures(path: Path) -> bool:
    return any(task["dataset"]["name"] == "image_folder" for task in read_record(path).spec["tasks"])


def _is_of_gpu(path: Path) -> bool:
    return read_record(path).environment.get("device") == "cuda"


@pytest.mark.parametrize("path", [path for path in SHIPPED if _is_of_pictures(path)], ids=lambda path: path.stem)
def test_every_shipped_record_of_pictures_is_refused_where_they_are_not(path: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        reproduce(path, None, "process", "auto")
    (problem,) = caught.value.problems
    named = read_record(path).spec["tasks"][0]["dataset"]["path"]
    assert (problem.where, problem.got) == ("pictures", f"nothing at {tmp_path / 'data' / named}")
    assert problem.expected == f"the pictures {named} in FMN_DATA, or their place as --pictures PATH"


@pytest.mark.parametrize("path", [path for path in SHIPPED if _is_of_gpu(path)], ids=lambda path: path.stem)
def test_every_shipped_record_of_a_gpu_is_refused_where_there_is_none(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = read_record(path)
    for task in record.spec["tasks"]:
        (tmp_path / "data" / task["dataset"]["path"]).mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr("benchmark.executors.process.ProcessExecutor.pick_device", lambda *_: "cpu")
    with pytest.raises(UserError) as caught:
        reproduce(path, None, "process", "auto")
    (problem,) = caught.value.problems
    assert problem.where == "device"
    assert problem.expected == f"a GPU, as the record had ({record.environment['device_model']})"
    assert problem.got == "none; --device cpu takes the processor, much longer"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_code_of_every_shipped_record_is_here(path: Path, tmp_path: Path) -> None:
    record = read_record(path)
    admitted = admit(ROOT / "submissions" / record.submission.name, tmp_path / "copy")
    assert admitted.code_digest == record.submission.digest, "nobody can repeat this record: make it anew"


def test_bits_are_promised_only_where_environment_and_training_code_are_those_of_the_record() -> None:
    record = read_record(MADE_TODAY)
    assert record.definitions is not None
    assert "every bit is promised" in bits_here(record, record.environment)
    elsewhere = bits_here(record, record.environment | {"device_model": "another"})
    assert f"device_model (recorded {record.environment['device_model']}, here another)" in elsewhere
    assert "every bit" not in elsewhere
    older = record.model_copy(update={"definitions": {**record.definitions, "keys": "1"}})
    assert f"version of the training code (recorded 1, here {KEY_VERSION})" in bits_here(older, record.environment)
    unstated = record.model_copy(update={"definitions": None})
    assert "(recorded not stated" in bits_here(unstated, record.environment)


@pytest.mark.slow
def test_a_shipped_record_is_reproduced_where_its_needs_are_met(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole road, on the cheapest shipped record: about a minute of one core."""
    assert reproduce(MADE_TODAY, None, "process", "cpu")
    said = capsys.readouterr().out
    assert said.index("to repeat ") < said.index("  here  ") < said.index("again")
    promised = "every bit is promised to be the same" in said
    assert ("every bit should be and is" in said) == promised
    words = " ".join(said.split())
    assert promised or "other last digits are expected, and all lie within the recorded intervals" in words
    (again,) = (tmp_path / "home" / "reproduced").glob("*/records/*/*.json")
    repeated, record = read_record(again), read_record(MADE_TODAY)
    assert len(repeated.runs) == len(record.runs)
    assert repeated.is_complete


def test_without_its_pictures_it_ends_in_one_sentence_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
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
    monkeypatch.setattr("benchmark.executors.process.ProcessExecutor.pick_device", lambda *_: "cpu")
    with pytest.raises(UserError) as caught:
        reproduce(STUDY, None, "process", "auto")
    (problem,) = caught.value.problems
    assert (problem.where, "NVIDIA H200" in problem.expected, "--device cpu" in problem.got) == ("device", True, True)
    assert not list((tmp_path / "home").rglob("segments/*"))
