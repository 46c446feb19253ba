"""A document of a few lines on top of another: what it inherits, what it replaces, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.spec import BenchmarkSpec, ImageFolder
from benchmark.spec.documents.loading import InvalidDocumentError, load_spec

MINE = """\
extends: cifar10-mini
name: my-pictures
dataset: {name: image_folder, path: pictures, size: 16}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, text: str, name: str = "mine.yaml") -> str:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return name


def refusal(name: str) -> list[str]:
    with pytest.raises(InvalidDocumentError) as caught:
        load_spec(name)
    return str(caught.value).splitlines()


def without_names(spec: BenchmarkSpec) -> dict[str, object]:
    return spec.model_dump(exclude={"name", "description"})


def test_three_lines_are_a_whole_document(here: Path) -> None:
    spec, base = load_spec(write(here, MINE)), load_spec("cifar10-mini")
    (task,), (base_task,) = spec.tasks, base.tasks
    assert task.dataset == ImageFolder(name="image_folder", path=str(here / "pictures"), size=16)
    assert spec.identity == "my-pictures-1.0"
    assert spec.description == "cifar10-mini 1.0, except for dataset."
    assert spec.model_copy(update={"tasks": (task.model_copy(update={"dataset": base_task.dataset}),)}).model_dump(
        exclude={"name", "description"}
    ) == without_names(base)


def test_what_is_written_replaces_the_field_of_the_base_as_a_whole(here: Path) -> None:
    base = load_spec("digits")
    text = "extends: digits\nname: mine\nversion: '2.3'\nevaluation: {linear: {l2: 0.5}}\nencoder: {name: wrn-16-2}\n"
    spec = load_spec(write(here, text))
    assert (spec.identity, spec.tier, spec.schedules) == ("mine-2.3", base.tier, base.schedules)
    assert (spec.evaluation.linear.l2, spec.evaluation.corruptions) == (0.5, ())
    assert base.evaluation.corruptions != ()
    assert spec.tasks[0].encoder.name == "wrn-16-2"
    assert spec.tasks[0].training == base.tasks[0].training


def test_an_extension_read_back_from_its_record_needs_no_base(here: Path) -> None:
    spec = load_spec(write(here, MINE))
    assert BenchmarkSpec.model_validate_json(spec.model_dump_json()) == spec


@pytest.mark.parametrize("name", ["cifar10-mini", "corti2022-mini"])
def test_the_shipped_jpeg_document_differs_from_the_official_one_by_its_images_alone(name: str) -> None:
    jpeg, base = load_spec(f"{name}-jpeg"), load_spec(name)
    assert jpeg.tasks[0].model_copy(update={"dataset": base.tasks[0].dataset}) == base.tasks[0]
    assert without_names(jpeg) | {"tasks": ()} == without_names(base) | {"tasks": ()}
    assert isinstance(jpeg.tasks[0].dataset, ImageFolder)
    assert jpeg.tasks[0].dataset.path == "cifar10-jpeg"  # below FMN_DATA


def test_paths_of_pictures_belong_to_the_document_that_says_them(here: Path) -> None:
    write(here, MINE, "folder/base.yaml")
    write(here, "extends: folder/base.yaml\nname: other\npopulation: {models: 2}\n", "other.yaml")
    write(here, "extends: cifar10-mini-jpeg\nname: fewer\npopulation: {models: 2}\n", "fewer.yaml")
    paths = [load_spec(name).tasks[0].dataset for name in ("other.yaml", "fewer.yaml")]
    assert [getattr(dataset, "path", None) for dataset in paths] == [str(here / "folder" / "pictures"), "cifar10-jpeg"]
    assert load_spec("other.yaml").population.models == 2


def test_problems_have_the_lines_and_words_of_the_document_that_is_read(here: Path) -> None:
    text = MINE.replace("size: 16", "size: 2, colour: red") + "population: {models: 3}\ntranining: {epochs: 1}\n"
    assert sorted(refusal(write(here, text))) == [
        "mine.yaml:3: dataset.colour: expected one of size, train_examples, test_examples, evaluate_on, name, path, "
        "channels, flip, max_copies, got the unknown key 'colour'",
        "mine.yaml:3: dataset.size: expected a whole number from 4 to 512, got 2 (nearest valid: 4)",
        "mine.yaml:4: population.models: expected an even whole number from 2 to 1000, got 3 (nearest valid: 4)",
        "mine.yaml:5: tranining: expected one of extends, dataset, encoder, training, name, version, tier, "
        "description, tasks, sparsities, schedules, population, evaluation, got the unknown key 'tranining' "
        "(nearest valid: training)",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("extends: cifar10-mini\n", "mine.yaml:1: name: expected"),
        ("extends: cifar10-mini\nname: cifar10-mini\n", "mine.yaml:2: name: expected a name of its own"),
        ("extends: cifar11-mini\nname: mine\n", "mine.yaml:1: extends: expected a shipped benchmark (cifar10, "),
        ("extends: 10\nname: mine\n", "mine.yaml:1: extends: expected the name of a shipped benchmark or the path of"),
        ("extends: nowhere.yaml\nname: mine\n", "'nowhere.yaml': expected a readable file, got no such file"),
        ("extends: mine.yaml\nname: mine\n", "mine.yaml:1: extends: expected a document that does not build on"),
        ("extends: folder/a.yaml\nname: mine\n", "mine.yaml:1: extends: expected a document that does not build on"),
        ("extends: digits\nname: m\ntasks: []\nencoder: {}\n", "mine.yaml:3: tasks: expected a list of 1 to 16"),
    ],
)  # fmt: skip
def test_a_base_that_cannot_be_had_is_said_where_it_is_named(here: Path, text: str, expected: str) -> None:
    write(here, "extends: b.yaml\nname: a\n", "folder/a.yaml")
    write(here, "extends: ../mine.yaml\nname: b\n", "folder/b.yaml")
    assert refusal(write(here, text))[0].startswith(expected)


def test_what_is_wrong_in_a_base_has_the_place_of_the_base(here: Path) -> None:
    write(here, "extends: digits\nname: a\ntier: gold\n", "base.yaml")
    (said,) = refusal(write(here, "extends: base.yaml\nname: mine\n"))
    assert said.startswith("base.yaml:3: tier: expected one of smoke, qualification, full")


def test_tasks_and_fields_of_one_task_exclude_each_other(here: Path) -> None:
    two = "  - dataset: {name: digits}\n    encoder: {name: resnet8, width: 2}\n"
    two += "    training: {epochs: 2, batch_size: 128}\n"
    write(here, f"extends: digits\nname: two\ntasks:\n{two}{two.replace('2}', '4}')}", "two.yaml")
    (said,) = refusal(write(here, "extends: two.yaml\nname: mine\ntraining: {epochs: 3, batch_size: 8}\n"))
    assert said == "mine.yaml:3: training: expected tasks written out, as two has 2, got a field of one task"
    (said,) = refusal(write(here, f"extends: digits\nname: mine\nencoder: {{name: wrn-16-2}}\ntasks:\n{two}"))
    assert said == "mine.yaml:3: encoder: expected either tasks or dataset, encoder, training, got both"
