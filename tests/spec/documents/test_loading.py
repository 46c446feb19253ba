from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import pytest

from benchmark.spec.documents.loading import InvalidDocumentError, load_spec, shipped_specs
from benchmark.spec.documents.yaml_text import MAX_BYTES

DIGITS = Path("benchmark/specs/digits.yaml")

FIVE_MISTAKES = """\
name: five
version: "1.0"
tier: gold
tasks:
  - dataset: {name: imagenet}
    encoder: {name: resnet8, width: 8}
    training: {epochs: 30, batch_size: 128}
sparsities: [0.5, 0.8, 1.5]
schedules:
  - {name: early, kind: cyclic, begin: 0.05, end: 0.30, updates: 20}
  - {name: late, kind: gradual, begin: 0.50, end: 0.75, updates: 20}
population: {models: 6}
colour: blue
"""


def refusal(name_or_path: str | Path) -> list[str]:
    with pytest.raises(InvalidDocumentError) as caught:
        load_spec(str(name_or_path))
    return str(caught.value).splitlines()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_shipped_digits_say_exactly_what_is_written() -> None:
    spec = load_spec("digits")
    assert (spec.identity, spec.tier, spec.population.models) == ("digits-1.0", "smoke", 6)
    assert spec.sparsities == tuple(map(Decimal, ("0.5", "0.8", "0.9", "0.95", "0.98")))
    assert [str(sparsity) for sparsity in spec.sparsities] == ["0.5", "0.8", "0.9", "0.95", "0.98"]
    assert [(schedule.name, schedule.kind, schedule.is_control) for schedule in spec.schedules] == [
        ("early", "gradual", False), ("late", "gradual", False), ("one-shot", "one_shot", False),
        ("one-shot-random", "one_shot", True),
    ]  # fmt: skip
    assert spec.evaluation.linear.l2 == 1e-3


@pytest.mark.parametrize("name", shipped_specs())
def test_every_shipped_document_loads_and_is_named_after_its_file(name: str) -> None:
    assert load_spec(name).name == name


def test_a_path_loads_what_the_name_loads(here: Path) -> None:
    (here / "mine.yaml").write_bytes((Path(__file__).parents[3] / DIGITS).read_bytes())
    assert load_spec("mine.yaml") == load_spec(str(here / "mine.yaml")) == load_spec("digits")


def test_a_shipped_name_wins_over_a_file_of_that_name(here: Path) -> None:
    (here / "digits").write_text("nonsense: true\n")
    assert load_spec("digits").name == "digits"


def test_five_mistakes_get_five_messages_that_name_the_offending_values(here: Path) -> None:
    (here / "five.yaml").write_text(FIVE_MISTAKES)
    assert refusal("five.yaml") == [
        "five.yaml:3: tier: expected one of smoke, qualification, full, got 'gold'",
        "five.yaml:5: tasks[0].dataset.name: expected one of digits, cifar10, cifar100, svhn, stl10, "
        "fashion_mnist, image_folder, got 'imagenet' (nearest valid: image_folder)",
        "five.yaml:8: sparsities[2]: expected a number more than 0 and less than 1, got 1.5 "
        "(nearest valid: just below 1)",
        "five.yaml:10: schedules[0].kind: expected one of one_shot, gradual, iterative, got 'cyclic'",
        "five.yaml:13: colour: expected one of name, version, tier, description, tasks, sparsities, schedules, "
        "population, evaluation, got the unknown key 'colour'",
    ]


def test_problems_of_the_text_and_of_the_document_come_together_without_repeating_each_other(here: Path) -> None:
    text = FIVE_MISTAKES.replace("{models: 6}", "{models: .inf}").replace("0.05", "yes").replace("cyclic", "gradual")
    (here / "more.yaml").write_text(text + "tier: full\n")
    found = refusal("more.yaml")
    assert [line.split(": expected")[0] for line in found] == [
        "more.yaml:3: tier", "more.yaml:3: tier", "more.yaml:5: tasks[0].dataset.name", "more.yaml:8: sparsities[2]",
        "more.yaml:10: schedules[0].begin", "more.yaml:12: population.models", "more.yaml:13: colour",
    ]  # fmt: skip
    assert found[0] == "more.yaml:3: tier: expected every key once, got a second one on line 14"


def test_a_missing_key_is_reported_where_it_should_be(here: Path) -> None:
    text = FIVE_MISTAKES.replace(", width: 8", "").replace("imagenet", "digits")
    text = text.replace("gold", "full").replace("1.5", "0.9").replace("cyclic", "gradual").replace("colour: blue\n", "")
    (here / "missing.yaml").write_text(text)
    assert refusal("missing.yaml") == [
        "missing.yaml:6: tasks[0].encoder.width: expected a whole number from 1 to 256, "
        "got nothing (the key is missing)"
    ]


def test_a_syntax_error_is_reported_with_its_line(here: Path) -> None:
    (here / "broken.yaml").write_text("name: x\ntasks: [1, 2\nversion: 3\n")
    (message,) = refusal("broken.yaml")
    assert message.startswith(("broken.yaml:3: expected valid YAML", "broken.yaml:2: expected valid YAML"))


def test_an_empty_file_is_reported_as_a_whole(here: Path) -> None:
    (here / "empty.yaml").write_text("")
    (message,) = refusal("empty.yaml")
    assert message.startswith("empty.yaml: expected a mapping with the keys name, version")


def test_an_unknown_name_lists_the_shipped_ones_and_the_nearest(here: Path) -> None:
    (message,) = refusal("digts")
    known = ", ".join(shipped_specs())
    assert message == (
        f"spec: expected a shipped benchmark ({known}) or the path of a YAML file, got 'digts' (nearest valid: digits)"
    )


@pytest.mark.parametrize("path", ["./nowhere.yaml", "a\0b.yaml", "\x1b[2J.yaml", "x" * 5000 + ".yaml"])
def test_paths_that_lead_nowhere_are_refused_in_plain_words(here: Path, path: str) -> None:
    (message,) = refusal(path)
    assert "expected a readable file" in message
    assert message.isprintable()
    assert len(message) < 250


def test_a_long_path_keeps_its_end_which_says_which_file_it_is(here: Path) -> None:
    (message,) = refusal(f"{'folder/' * 60}mine.yaml")
    assert message.startswith("'…")
    assert "folder/mine.yaml': expected a readable file" in message


def test_folders_and_pipes_are_refused_without_waiting(here: Path) -> None:
    os.mkfifo(here / "pipe.yaml")
    (here / "folder.yaml").mkdir()
    for name in ("pipe.yaml", "folder.yaml"):
        assert refusal(name) == [f"'{name}': expected a regular file, got a directory, pipe or device"]


def test_a_file_over_the_limit_is_refused_unread(here: Path) -> None:
    with (here / "huge.yaml").open("wb") as file:
        file.truncate(1 << 40)
    assert refusal("huge.yaml") == [f"huge.yaml: expected at most {MAX_BYTES} bytes, got {MAX_BYTES + 1} bytes or more"]
