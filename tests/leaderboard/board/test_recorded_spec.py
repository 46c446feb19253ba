"""What a board must know of a record is there and possible, or the record is refused: a guess could raise its score."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmark.recording.archive import read_record
from benchmark.recording.record import EvaluationRecord
from benchmark.recording.record_files import record_paths
from benchmark.recording.trust import load_trust
from leaderboard.board.board import condense
from leaderboard.board.recorded_spec import chance_of
from leaderboard.reading.board_loader import read_board
from tests.leaderboard.records import SIGNER, TASK, evaluation, shelve

RESULTS = Path(__file__).resolve().parents[3] / "results"
FACTS = evaluation().datasets[TASK]


def _with_spec(**changes: Any) -> EvaluationRecord:
    record = evaluation()
    return record.model_copy(update={"spec": {**record.spec, **changes}})


@pytest.mark.parametrize(
    ("datasets", "names"),
    [
        ({}, TASK), ({"elsewhere": FACTS}, TASK), ({TASK: {}}, "classes"), ({TASK: {"classes": []}}, "classes"),
        ({TASK: {"classes": ["only"]}}, "classes"), ({TASK: {"classes": 10}}, "classes"),
        ({TASK: {"classes": None}}, "classes"), ({TASK: {"classes": "0123456789"}}, "classes"),
    ],
)  # fmt: skip
def test_a_record_without_its_classes_is_refused(datasets: dict[str, Any], names: str) -> None:
    """Missing classes were once read as chance 0, which raises every chance-corrected score."""
    with pytest.raises(ValueError, match=f"not a valid record: datasets.*{names}"):
        condense("path", evaluation().model_copy(update={"datasets": datasets}), SIGNER)


@pytest.mark.parametrize("confidence", [None, 0.0, 0.5, 1.0, 1.5, "0.95", True, [0.95]])
def test_a_record_without_a_possible_confidence_is_refused(confidence: Any) -> None:
    """A missing confidence was once read as .95."""
    with pytest.raises(ValueError, match=r"not a valid record: spec\.evaluation\.bootstrap\.confidence"):
        condense("path", _with_spec(evaluation={"bootstrap": {"confidence": confidence}}), SIGNER)


@pytest.mark.parametrize("changes", [{"bootstrap": {}}, {"bootstrap": None}, {}, None])
def test_a_record_without_settings_of_intervals_is_refused(changes: Any) -> None:
    with pytest.raises(ValueError, match=r"not a valid record: spec\.evaluation"):
        condense("path", _with_spec(evaluation=changes), SIGNER)


@pytest.mark.parametrize(
    "schedules",
    [None, "early", [None], [{"criterion": "magnitude"}], [{"name": "early"}], [{"name": "a", "criterion": "luck"}]],
)
def test_a_record_whose_schedules_say_no_name_or_criterion_is_refused(schedules: Any) -> None:
    with pytest.raises(ValueError, match=r"not a valid record: spec\.schedules"):
        condense("path", _with_spec(schedules=schedules), SIGNER)


def test_a_run_of_a_schedule_that_the_specification_lacks_is_refused() -> None:
    """It could be a random control, and would be ranked."""
    schedules = [each for each in evaluation().spec["schedules"] if each["name"] != "one-shot-random"]
    with pytest.raises(ValueError, match=r"runs: schedule 'one-shot-random' is not in its specification"):
        condense("path", _with_spec(schedules=schedules), SIGNER)


def test_what_is_refused_is_named_on_the_board_and_the_others_are_shown(tmp_path: Path) -> None:
    broken = evaluation().model_copy(update={"datasets": {TASK: {**FACTS, "classes": []}}})
    shelve(tmp_path, evaluation(), broken)
    snapshot = read_board([tmp_path], load_trust())
    assert len(snapshot.board.entries) == 1
    (rejected,) = snapshot.rejected
    assert rejected.path.endswith("0001.json")
    assert f"datasets.{TASK}.classes" in rejected.why


def test_chance_is_one_over_the_number_of_classes() -> None:
    assert chance_of({"t": {"classes": ["a", "b", "c", "d"]}, "other": {}}, ["t"]) == {"t": 0.25}


@pytest.mark.parametrize("path", list(record_paths(RESULTS)), ids=lambda path: path.stem)
def test_every_shipped_record_says_what_a_board_must_know(path: Path) -> None:
    entry = condense(str(path), read_record(path), SIGNER).entry
    assert set(entry.chance) == set(entry.tasks)
    assert set(entry.chance.values()) == {0.1}
    assert entry.confidence == 0.95
