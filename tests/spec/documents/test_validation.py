from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError, field_validator

from benchmark.spec import BenchmarkSpec, Gradual
from benchmark.spec.base import Document, Problem, PrunedSparsity, TrainingFraction
from benchmark.spec.canonical import canonical_json
from benchmark.spec.documents.loading import load_spec
from benchmark.spec.documents.validation import InvalidDocumentError, parse_document


class Digits(Document):
    """One member of a union."""

    name: Literal["digits"]
    """Tag."""


class Folder(Document):
    """Another member, with a field of its own."""

    name: Literal["folder"]
    """Tag."""
    path: Annotated[str, Field(min_length=1, max_length=20)]
    """Where the images are."""


Dataset = Annotated[Digits | Folder, Field(discriminator="name")]


class Everything(Document):
    """One field of every kind that documents use, or may use one day."""

    dataset: Dataset
    """A tagged union."""
    spare: Dataset | None = None
    """An optional tagged union."""
    count: Annotated[int, Field(ge=1, le=8)] = 1
    """Whole number."""
    share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Binary fraction."""
    at: TrainingFraction = Decimal("0.5")
    """Exact fraction."""
    flag: bool = False
    """Yes or no."""
    limit: int | None = None
    """An optional whole number."""
    size: Annotated[tuple[int, int], Field(description="two sizes")] = (1, 1)
    """Height and width."""
    levels: Annotated[tuple[PrunedSparsity, ...], Field(max_length=4)] = ()
    """Sparsities."""
    words: list[str] = []  # noqa: RUF012
    """Text."""
    weights: dict[str, Annotated[float, Field(ge=0)]] = {}  # noqa: RUF012
    """Numbers by name."""

    @classmethod
    def contradictions(cls, values: Mapping[str, Any]) -> Iterator[Problem]:
        """Refuse more levels than the count; proves what the check is given."""
        if "count" in values and "levels" in values and len(values["levels"]) > values["count"]:
            yield Problem("levels", f"at most count ({values['count']}) levels", str(len(values["levels"])))


def refusals(raw: Any, model: type[Document] = Everything, where: str = "") -> list[str]:
    with pytest.raises(InvalidDocumentError) as caught:
        parse_document(model, raw, where)
    assert str(caught.value).splitlines() == [str(problem) for problem in caught.value.problems]
    return [str(problem) for problem in caught.value.problems]


def problems_of(raw: Any) -> tuple[Problem, ...]:
    try:
        parse_document(Everything, raw)
    except InvalidDocumentError as error:
        return error.problems
    return ()


def valid(**changes: Any) -> dict[str, Any]:
    return {"dataset": {"name": "digits"}, **changes}


def test_a_valid_document_equals_what_pydantic_makes_of_it() -> None:
    raw = valid(
        spare={"name": "folder", "path": "x"}, count=3, share=Decimal("0.1"), at=Decimal("0.250"), flag=True, limit=4,
        size=[2, 3], levels=[Decimal("0.5"), Decimal("0.9500")], words=["a"], weights={"a": 1},
    )  # fmt: skip
    parsed = parse_document(Everything, raw)
    assert parsed == Everything.model_validate(raw)
    assert (parsed.share, parsed.at, parsed.levels[1]) == (0.1, Decimal("0.25"), Decimal("0.95"))
    assert str(parsed.levels[1]) == "0.95"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cuont": 3}, "cuont: expected one of {fields}, got the unknown key 'cuont' (nearest valid: count)"),
        ({"count": 9}, "count: expected a whole number from 1 to 8, got 9 (nearest valid: 8)"),
        ({"count": -3}, "count: expected a whole number from 1 to 8, got -3 (nearest valid: 1)"),
        ({"count": Decimal("2.5")}, "count: expected a whole number from 1 to 8, got 2.5 (nearest valid: 3)"),
        ({"count": "3"}, "count: expected a whole number from 1 to 8, got '3' (nearest valid: 3, without quotes)"),
        ({"count": True}, "count: expected a whole number from 1 to 8, got true"),
        ({"count": None}, "count: expected a whole number from 1 to 8, got nothing"),
        ({"count": [3]}, "count: expected a whole number from 1 to 8, got a list of 1"),
        ({"count": {"a": 1}}, "count: expected a whole number from 1 to 8, got a mapping with 'a'"),
        ({"share": 0}, "share: expected a number more than 0 and at most 1, got 0 (nearest valid: just above 0)"),
        ({"share": 2}, "share: expected a number more than 0 and at most 1, got 2 (nearest valid: 1)"),
        ({"share": float("nan")}, "share: expected a number more than 0 and at most 1, got nan"),
        ({"at": Decimal("-0.5")}, "at: expected a number from 0 to 1, got -0.5 (nearest valid: 0)"),
        ({"at": "half"}, "at: expected a number from 0 to 1, got 'half'"),
        ({"at": "1e-999999"}, "at: expected a number from 0 to 1, got '1e-999999'"),
        ({"flag": 1}, "flag: expected true or false, got 1"),
        ({"flag": "true"}, "flag: expected true or false, got 'true'"),
        ({"limit": "x"}, "limit: expected a whole number, got 'x'"),
        ({"size": [1]}, "size: expected a list of 2 entries, got 1 entry"),
        ({"size": [1, "x"]}, "size[1]: expected a whole number, got 'x'"),
        ({"levels": "x"}, "levels: expected a list of at most 4 entries, got 'x'"),
        ({"words": ["a", 1]}, 'words[1]: expected text, got 1 (nearest valid: "1", in quotes)'),
        ({"weights": {"a.b": -1}}, "weights['a.b']: expected a number at least 0, got -1 (nearest valid: 0)"),
        ({"weights": [1]}, "weights: expected a mapping, got a list of 1"),
        ({"dataset": {}}, "dataset.name: expected one of digits, folder, got nothing (the key is missing)"),
        (
            {"dataset": {"name": "digit"}},
            "dataset.name: expected one of digits, folder, got 'digit' (nearest valid: digits)",
        ),
        ({"dataset": {"name": 3, "x": 1}}, "dataset.name: expected one of digits, folder, got 3"),
        ({"dataset": "digits"}, "dataset: expected a mapping with name: one of digits, folder, got 'digits'"),
        (
            {"dataset": {"name": "folder"}},
            "dataset.path: expected text of 1 to 20 characters, got nothing (the key is missing)",
        ),
        ({"spare": {"name": "folder", "path": ""}}, "spare.path: expected text of 1 to 20 characters, got ''"),
        ({"spare": {"name": "x"}}, "spare.name: expected one of digits, folder, got 'x'"),
    ],
)  # fmt: skip
def test_every_mistake_is_said_in_plain_words(change: dict[str, Any], message: str) -> None:
    assert refusals(valid(**change)) == [message.format(fields=", ".join(Everything.model_fields))]


def test_all_problems_come_together_in_the_order_of_the_document() -> None:
    raw = {"spare": 3, "count": 0, "flag": "x", "weights": {"a": "y", "b": -1}, "zzz": 1}
    assert [line.partition(":")[0] for line in refusals(raw)] == [
        "zzz", "dataset", "spare", "count", "flag", "weights.a", "weights.b",
    ]  # fmt: skip


@pytest.mark.parametrize("raw", [None, [], "text", 3])
def test_what_is_no_mapping_is_no_document(raw: Any) -> None:
    (message,) = refusals(raw)
    assert message.startswith("document: expected a mapping with the keys dataset, spare, count")


def test_paths_start_with_the_place_of_the_document() -> None:
    assert refusals(valid(count=0), where="tasks[2]") == [
        "tasks[2].count: expected a whole number from 1 to 8, got 0 (nearest valid: 1)"
    ]


def test_a_misspelt_required_key_is_one_mistake() -> None:
    (message,) = refusals({"datasets": {"name": "digits"}})
    assert message.endswith("got the unknown key 'datasets' (nearest valid: dataset)")


def test_contradictions_are_found_although_other_fields_failed() -> None:
    raw = valid(flag="x", count=1, levels=[Decimal("0.5"), Decimal("0.9")])
    assert refusals(raw) == [
        "flag: expected true or false, got 'x'",
        "levels: expected at most count (1) levels, got 2",
    ]


def test_contradictions_see_defaults_and_gaps_but_never_fields_that_failed() -> None:
    seen: list[Mapping[str, Any]] = []

    class Watching(Everything):
        @classmethod
        def contradictions(cls, values: Mapping[str, Any]) -> Iterator[Problem]:
            """Remember what was given."""
            seen.append(values)
            yield from ()

    raw = valid(count="x", levels=[Decimal("0.5"), 2, Decimal("0.9")], weights={"a": 1, "b": "x"})
    assert len(refusals(raw, Watching)) == 3
    (values,) = seen
    assert "count" not in values
    assert values["levels"] == (Decimal("0.5"), None, Decimal("0.9"))
    assert values["weights"] == {"a": 1.0, "b": None}
    assert values["at"] == Decimal("0.5")


def test_a_single_tag_that_does_not_match_is_one_mistake_too() -> None:
    """Before a second dataset exists there is no union yet; the keys of another dataset are not `unknown`."""

    class Single(Document):
        dataset: Digits

    assert refusals({"dataset": {"name": "folder", "path": "x"}}, Single) == [
        "dataset.name: expected digits, got 'folder'"
    ]


def test_validators_of_a_model_itself_are_reported_in_their_own_words() -> None:
    class Odd(Document):
        count: int

        @field_validator("count")
        @classmethod
        def _odd(cls, value: int) -> int:
            if value % 2 == 0:
                raise ValueError("an odd number")
            return value

    assert refusals({"count": 4}, Odd) == ["count: expected an odd number, got 4"]


def test_sparsities_beside_a_bad_one_are_still_compared_at_their_positions() -> None:
    spec = json.loads(canonical_json(load_spec("digits").model_dump()))
    spec["sparsities"] = ["0.5", "1.5", "0.3"]
    assert refusals(spec, BenchmarkSpec) == [
        "sparsities[1]: expected a number more than 0 and less than 1, got '1.5' "
        "(nearest valid: just below 1, without quotes)",
        "sparsities[2]: expected more than the one before it (0.5), got 0.3",
    ]  # fmt: skip


def test_a_schedule_that_failed_does_not_turn_the_others_into_controls_only() -> None:
    spec = json.loads(canonical_json(load_spec("digits").model_dump()))
    spec["schedules"] = [{"kind": "cyclic"}, spec["schedules"][3]]
    kinds = "one of one_shot, gradual, iterative"
    assert refusals(spec, BenchmarkSpec) == [f"schedules[0].kind: expected {kinds}, got 'cyclic'"]


def test_a_document_comes_back_from_its_canonical_json() -> None:
    spec = load_spec("digits")
    assert parse_document(BenchmarkSpec, json.loads(canonical_json(spec.model_dump()))) == spec


@pytest.mark.parametrize("text", ["\x1b[2J\x00", "x" * 5000, "\u202e" * 300, "\ud800", "'\"\\", "a\nb: c"])
def test_what_is_quoted_is_short_and_on_one_printable_line(text: str) -> None:
    for raw in (valid(count=text), valid(**{text: 1}), valid(dataset={"name": text}), valid(weights={text: "x"})):
        for message in refusals(raw):
            assert message.isprintable()
            assert len(message) < 400
            assert message.count("x" * 79) == 0


def test_a_document_that_is_wrong_everywhere_does_not_flood_anybody() -> None:
    messages = refusals(valid(words=[1] * 5000))
    assert len(messages) == 101
    assert messages[-1] == "document: expected a document of this kind, got more than 100 mistakes"


def test_huge_numbers_are_named_by_their_size() -> None:
    (message,) = refusals(valid(limit=None, count=10**5000))
    assert message == "count: expected a whole number from 1 to 8, got a whole number of 16610 bits"


fractions = st.decimals(min_value=-1, max_value=2, places=2).filter(lambda value: value.is_finite())


@given(begin=fractions, end=fractions, updates=st.integers(-5, 1100))
def test_parsing_and_pydantic_agree_on_what_is_valid(begin: Decimal, end: Decimal, updates: int) -> None:
    raw = {"name": "late", "kind": "gradual", "begin": begin, "end": end, "updates": updates}
    expected = 0 <= begin < end <= 1 and 1 <= updates <= 1000
    if expected:
        assert parse_document(Gradual, raw) == Gradual.model_validate(raw)
        return
    with pytest.raises(InvalidDocumentError) as caught:
        parse_document(Gradual, raw)
    assert {problem.where for problem in caught.value.problems} <= {"begin", "end", "updates"}
    with pytest.raises(ValidationError):
        Gradual.model_validate(raw)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats() | st.decimals(),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*Everything.model_fields, "name", "path", "x"]), inner, max_size=4),
        max_leaves=12,
    )
)
def test_no_data_makes_validation_fail_otherwise(raw: Any) -> None:
    found = problems_of(raw)
    assert found or parse_document(Everything, raw)
    assert all(str(problem).isprintable() for problem in found)


def test_transfer_to_other_channels_or_twice_to_one_dataset_is_refused() -> None:
    spec = json.loads(canonical_json(load_spec("cifar10").model_dump()))
    spec["evaluation"]["transfer"] = [{"name": "fashion_mnist"}, {"name": "svhn"}]
    with pytest.raises(InvalidDocumentError) as refused:
        parse_document(BenchmarkSpec, spec)
    assert str(refused.value) == (
        "evaluation.transfer: expected datasets with 3 channels, as cifar10 has, got fashion_mnist, which has 1"
    )
    spec["evaluation"]["transfer"] = [{"name": "svhn"}, {"name": "svhn", "size": 16}]
    expected = r"evaluation.transfer: expected every dataset once, got 2 times svhn"
    with pytest.raises(InvalidDocumentError, match=expected):
        parse_document(BenchmarkSpec, spec)
