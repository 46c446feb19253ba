"""The layout of a record is pinned: a change of it is a change of the golden file, and of the schema version."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from benchmark.recording.record import SCHEMA_VERSION, EvaluationRecord
from benchmark.spec.canonical import canonical_json
from tests.recording.synthetic import record

FOLDER = Path(__file__).parents[1] / "golden"
GOLDEN, GOLDEN_OF_VERSION_1 = FOLDER / "record-schema-2.json", FOLDER / "record-schema-1.json"
SINCE_VERSION_2 = (
    "states_isolation", "definitions", "images_per_update", "floor", "penalties", "worst_seed", "tuning", "derived",
    "areas_sha256",
)  # fmt: skip


def parts(value: Any) -> list[BaseModel]:
    """Every model inside a model, itself first."""
    if isinstance(value, BaseModel):
        return [value, *(part for name in type(value).model_fields for part in parts(getattr(value, name)))]
    if isinstance(value, dict):
        return [part for each in value.values() for part in parts(each)]  # pyright: ignore[reportUnknownVariableType]
    return [part for each in value for part in parts(each)] if isinstance(value, tuple) else []  # pyright: ignore[reportUnknownVariableType]


def test_the_canonical_json_of_a_record_is_golden() -> None:
    assert canonical_json(record().model_dump(mode="json")) + b"\n" == GOLDEN.read_bytes()


def test_the_golden_record_is_read_back_as_it_was() -> None:
    assert EvaluationRecord.model_validate_json(GOLDEN.read_bytes()) == record()


def of_version_1() -> EvaluationRecord:
    return record().model_copy(update={"schema_version": 1, **dict.fromkeys(SINCE_VERSION_2)})


def test_a_record_of_version_1_is_read_as_it_was() -> None:
    assert EvaluationRecord.model_validate_json(GOLDEN_OF_VERSION_1.read_bytes()) == of_version_1()


@pytest.mark.parametrize("name", SINCE_VERSION_2)
def test_a_record_of_version_1_has_no_newer_field(name: str) -> None:
    newer = json.loads(GOLDEN.read_bytes())[name]
    raw = {**json.loads(GOLDEN_OF_VERSION_1.read_bytes()), name: newer}
    with pytest.raises(ValidationError, match=f"expected the fields of schema version 1, got {name}"):
        EvaluationRecord.model_validate(raw)


def test_a_record_from_before_there_were_maps_is_read() -> None:
    raw = json.loads(GOLDEN_OF_VERSION_1.read_bytes())
    del raw["maps_sha256"]
    older = EvaluationRecord.model_validate(raw)
    assert older == of_version_1().model_copy(update={"maps_sha256": None})
    assert list(older.attachments.values()) == [older.outcomes_sha256]


def test_every_field_of_every_part_is_somewhere_not_its_default() -> None:
    """Else a field could be dropped from the golden record, or renamed, and nobody would notice."""
    set_somewhere: set[tuple[str, str]] = set()
    optional: set[tuple[str, str]] = set()
    for part in parts(record()):
        for name, field in type(part).model_fields.items():
            place = (type(part).__name__, name)
            if field.is_required() or getattr(part, name) != field.default:
                set_somewhere.add(place)
            else:
                optional.add(place)
    assert optional - set_somewhere == {("EvaluationRecord", "schema_version")}


def test_the_schema_version_is_the_one_of_the_golden_file() -> None:
    assert GOLDEN.name == f"record-schema-{SCHEMA_VERSION}.json"


def test_one_failed_run_makes_an_evaluation_incomplete() -> None:
    assert record(complete=True).is_complete
    assert not record().is_complete


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("created",), "yesterday"),
        (("isolation",), "vm"),
        (("surprise",), 1),
        (("runs", 0, "status"), "running"),
        (("runs", 3, "failure", "reason"), "bad luck"),
        (("cells", 0, "metrics", "linear/accuracy", "value"), "high"),
        (("submission", "supervision"), "some"),
        (("cost", "surprise"), 1),
    ],
)
def test_values_outside_the_layout_are_refused(where: tuple[str | int, ...], value: Any) -> None:
    raw = json.loads(GOLDEN.read_bytes())
    place = raw
    for step in where[:-1]:
        place = place[step]
    place[where[-1]] = value
    with pytest.raises(ValidationError):
        EvaluationRecord.model_validate(raw)
