"""Corruptions as the specification says them: a tagged union with five increasing strengths each."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from benchmark.spec import Evaluation
from benchmark.spec.corruptions import ALL_CORRUPTIONS, NUM_SEVERITIES, Jpeg
from benchmark.spec.documents.validation import InvalidDocumentError, parse_document


def problems_of(corruptions: object) -> list[str]:
    with pytest.raises(InvalidDocumentError) as refused:
        parse_document(Evaluation, {"corruptions": corruptions})
    return [str(problem) for problem in refused.value.problems]


def test_a_document_without_corruptions_asks_for_none() -> None:
    assert parse_document(Evaluation, {}).corruptions == ()


def test_every_corruption_can_be_asked_for_by_name_alone() -> None:
    names = [corruption.name for corruption in ALL_CORRUPTIONS]
    parsed = parse_document(Evaluation, {"corruptions": [{"name": name} for name in names]})
    assert parsed.corruptions == ALL_CORRUPTIONS
    assert len(set(names)) == 10
    assert all(len(corruption.severities) == NUM_SEVERITIES for corruption in ALL_CORRUPTIONS)


def test_severities_are_part_of_the_canonical_document() -> None:
    parsed = parse_document(Evaluation, {"corruptions": [{"name": "jpeg", "severities": [90, 70, 50, 30, 10]}]})
    assert parsed.model_dump(mode="json")["corruptions"] == [{"name": "jpeg", "severities": [90, 70, 50, 30, 10]}]


def test_strengths_out_of_range_or_out_of_order_are_refused_together() -> None:
    found = problems_of(
        [
            {"name": "jpeg", "severities": [90, 70, 70, 30, 10]},
            {"name": "gaussian_noise", "severities": [0.1, 0.2, 0.3, 0.4, 1.5]},
            {"name": "contrast", "severities": [0.1, 0.2]},
            {"name": "gaussian_nois"},
        ]
    )
    assert any("corruptions[0].severities[2]: expected less than the one before it (70" in each for each in found)
    assert any(each.startswith("corruptions[1].severities[4]") for each in found)
    assert any(each.startswith("corruptions[2].severities") for each in found)
    assert any("corruptions[3]" in each and "gaussian_noise" in each for each in found)


def test_the_same_corruption_twice_is_refused() -> None:
    assert problems_of([{"name": "jpeg"}, {"name": "jpeg"}]) == [
        "corruptions: expected every corruption once, got 2 corruptions named 'jpeg'"
    ]


def test_models_built_in_code_are_checked_as_well() -> None:
    with pytest.raises(ValidationError, match="less than the one before it"):
        Jpeg(name="jpeg", severities=(10, 20, 30, 40, 50))
