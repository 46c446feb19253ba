from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.admission.gate import submission_digest
from benchmark.admission.manifest import MAX_MANIFEST_BYTES, Manifest, read_manifest
from benchmark.admission.tuning import Tuning
from benchmark.spec.documents.loading import InvalidDocumentError

HONEST = """\
name: my_method
authors: [Ada Lovelace]
description: Attracts views.
paper: arXiv:2002.05709
supervision: none
hyperparameters: {temperature: 0.5, layers: 2, cosine: true, activation: relu}
overrides: {digits: {temperature: 1e-1}}
"""


def changed(**lines: str) -> bytes:
    """The honest manifest with the lines of some keys replaced (or removed, where empty)."""
    kept = [line for line in HONEST.splitlines() if line.split(":")[0].strip() not in lines]
    return "\n".join([*(line for line in lines.values() if line), *kept]).encode()


def refusal(data: bytes) -> list[str]:
    with pytest.raises(InvalidDocumentError) as caught:
        read_manifest(data)
    messages = str(caught.value).splitlines()
    assert all(message.startswith("submission.yaml") and message.isprintable() for message in messages)
    return messages


def test_an_honest_manifest_says_what_is_written() -> None:
    manifest = read_manifest(HONEST.encode())
    assert (manifest.name, manifest.supervision, manifest.authors) == ("my_method", "none", ("Ada Lovelace",))
    assert manifest.hyperparameters == {"temperature": 0.5, "layers": 2, "cosine": True, "activation": "relu"}
    assert [type(value) for value in manifest.hyperparameters.values()] == [float, int, bool, str]


def test_overrides_apply_to_their_dataset_alone() -> None:
    manifest = read_manifest(HONEST.encode())
    assert manifest.resolved("digits") == {"temperature": 0.1, "layers": 2, "cosine": True, "activation": "relu"}
    assert manifest.resolved("cifar10") == dict(manifest.hyperparameters)
    manifest.resolved("cifar10")["temperature"] = 9.0
    assert manifest.resolved("cifar10")["temperature"] == 0.5


def test_overrides_for_a_specification_win_over_those_for_its_dataset_and_hold_there_alone() -> None:
    text = HONEST + "specification_overrides: {digits-deep: {temperature: 0.3, layers: 4}}\n"
    manifest = read_manifest(text.encode())
    under = manifest.under("digits-deep")
    assert under.resolved("digits") == {"temperature": 0.3, "layers": 4, "cosine": True, "activation": "relu"}
    assert under.resolved("cifar10") == under.resolved("digits")
    assert manifest.under("digits").resolved("digits") == manifest.resolved("digits")
    assert under.under("digits-deep") == under


def test_a_manifest_may_say_how_it_was_tuned_and_that_is_no_part_of_its_identity() -> None:
    """S11: tuning is part of a result."""
    plain = read_manifest(HONEST.encode())
    stated = "tuning: {budget: 16, search: grid over temperature, split: validation}\n"
    tuned = read_manifest(f"{HONEST}{stated}".encode())
    assert plain.tuning is None
    assert tuned.tuning == Tuning(budget=16, search="grid over temperature", split="validation")
    assert submission_digest(plain, "c" * 64, "digits") == submission_digest(tuned, "c" * 64, "digits")


@pytest.mark.parametrize(
    ("tuning", "named"),
    [
        ("{budget: -1, search: grid, split: validation}", "tuning.budget"),
        ("{budget: 2, search: '', split: validation}", "tuning.search"),
        ("{budget: 2, search: grid, split: everything}", "tuning.split"),
        ("{budget: 2, search: grid}", "tuning.split"),
    ],
)
def test_a_tuning_that_says_too_little_is_refused_by_name(tuning: str, named: str) -> None:
    assert any(named in line for line in refusal(f"{HONEST}tuning: {tuning}\n".encode()))


SHIPPED = sorted((Path(__file__).parents[2] / "submissions").glob("[!_]*/submission.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_the_shipped_manifests_are_valid_and_named_after_their_folder(path: Path) -> None:
    assert read_manifest(path.read_bytes()).name == path.parent.name


def test_a_promise_is_false_until_it_is_given_and_the_shipped_submissions_give_it() -> None:
    assert read_manifest(HONEST.encode()).capturable is False
    assert read_manifest(changed(capturable="capturable: true")).capturable is True
    assert refusal(changed(capturable="capturable: perhaps"))
    promised = {path.parent.name: read_manifest(path.read_bytes()).capturable for path in SHIPPED}
    # These call the encoder with other weights, which was never tried in a CUDA graph.
    assert {name for name, capturable in promised.items() if not capturable} == {"nested", "sam", "sdclr"}


def test_every_field_has_a_sentence() -> None:
    assert all((field.description or "").endswith(".") for field in Manifest.model_fields.values())


@pytest.mark.parametrize("name", ["../x", "a/b", "x" * 65, "", "-x", "Method", "a b", "ä", "x\\n", "\\e[2J"])
def test_bad_names_are_refused(name: str) -> None:
    (message,) = refusal(changed(name=f'name: "{name}"'))
    assert message.startswith("submission.yaml:1: name: expected")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("-1", "got -1"), ("-0.5", "got -0.5"), ("1e13", "got 1E+13"), ("1000000000001", "got 1000000000001"),
        (".nan", "a finite number"), (".inf", "a finite number"), ("nan", "a finite number"), ("1e999", "1e300"),
        ("9" * 100, "at most 64 characters"), ("!!float 1", "without a YAML tag"), ("[1]", "got a list of 1"),
        ("{a: 1}", "got a mapping with 'a'"), ("~", "got nothing"), ("x" * 201, "201 characters"),
        ("yes", "true or false"), ('"a\\nb"', "on one line"), ('"\\e[2J"', "control characters"),
        ("!!python/name:os.system", "without a YAML tag"),
    ],
)  # fmt: skip
def test_impossible_hyperparameters_are_refused_by_name_and_line(value: str, says: str) -> None:
    data = changed(hyperparameters=f"hyperparameters:\n  rate: {value}", overrides="")
    (message,) = refusal(data)
    assert message.startswith("submission.yaml:2: hyperparameters.rate: expected ")
    assert says in message


@pytest.mark.parametrize(
    ("paper", "valid"),
    [
        ("https://arxiv.org/abs/2002.05709", True), ("arXiv:2002.05709v2", True), ('"2002.05709"', True), ('""', True),
        ("http://arxiv.org", False), ("javascript:alert(1)", False), ("https://x.org/<script>", False),
        ("https://good.org@evil.org/", False), ('"https://x.org/ y"', False), ("2002.05709", False), ("none", False),
    ],
)  # fmt: skip
def test_papers_are_https_addresses_or_arxiv_identifiers(paper: str, valid: bool) -> None:
    data = changed(paper=f"paper: {paper}")
    if valid:
        assert read_manifest(data).paper == paper.strip('"')
    else:
        (message,) = refusal(data)
        assert message.startswith("submission.yaml:1: paper: expected address of the paper (https://...)")


@pytest.mark.parametrize(
    ("key", "line", "where"),
    [
        ("authors", "authors: []", "authors"),
        ("authors", 'authors: ["a\\nb"]', "authors[0]"),
        ("authors", 'authors: [" "]', "authors[0]"),
        ("authors", f"authors: [{'x' * 201}]", "authors[0]"),
        ("authors", f"authors: [{', '.join('x' * 33)}]", "authors"),
        ("description", f"description: {'x' * 2001}", "description"),
        ("supervision", "supervision: label", "supervision"),
        ("overrides", "overrides: {'../x': {}}", "overrides"),
        ("hyperparameters", "hyperparameters: {'__x__': 1, temperature: 1}", "hyperparameters"),
        ("name", "name: a\nname: b", "name"),
    ],
)
def test_fields_out_of_bounds_are_refused(key: str, line: str, where: str) -> None:
    (message,) = refusal(changed(**{key: line}))
    assert message.startswith(f"submission.yaml:1: {where}: expected")


def test_a_missing_and_an_unknown_key_are_named() -> None:
    messages = refusal(changed(supervision="", extra="extra: 1"))
    assert [message.split(":")[2].strip() for message in messages] == ["extra", "supervision"]


def test_overrides_for_a_specification_must_fit_what_they_override() -> None:
    text = HONEST + "specification_overrides: {corti2022: {temprature: 1, layers: many}}\n"
    first, second = refusal(text.encode())
    assert "specification_overrides.corti2022.temprature: expected the name of a hyperparameter" in first
    expected = "specification_overrides.corti2022.layers: expected a number, as under hyperparameters, got text"
    assert second.endswith(expected)


def test_overrides_must_fit_what_they_override() -> None:
    overrides = "overrides: {digits: {temprature: 1, layers: many, cosine: 1, temperature: 1}}"
    assert refusal(changed(overrides=overrides)) == [
        "submission.yaml:1: overrides.digits.temprature: expected the name of a hyperparameter that is set under "
        "hyperparameters, got 'temprature' (nearest valid: temperature)",
        "submission.yaml:1: overrides.digits.layers: expected a number, as under hyperparameters, got text",
        "submission.yaml:1: overrides.digits.cosine: expected true or false, as under hyperparameters, got a number",
    ]


def test_an_override_of_a_hyperparameter_that_failed_is_not_unknown() -> None:
    data = changed(hyperparameters="hyperparameters: {temperature: -1}")
    (message,) = refusal(data)
    assert "hyperparameters.temperature" in message


def test_a_manifest_over_the_limit_is_refused() -> None:
    (message,) = refusal(HONEST.encode() + b"#" * MAX_MANIFEST_BYTES)
    assert message.startswith(f"submission.yaml: expected at most {MAX_MANIFEST_BYTES} bytes")


@pytest.mark.parametrize("name", ["supervised", "supcon", "simclr"])
def test_shipped_submissions_share_one_augmentation_and_treat_jpeg_copies_like_the_originals(name: str) -> None:
    manifest = read_manifest((Path("submissions") / name / "submission.yaml").read_bytes())
    settings = {dataset: manifest.resolved(dataset) for dataset in ("digits", "cifar10", "image_folder")}
    assert {each["augmentation"] for each in settings.values()} == {0.5}
    assert settings["cifar10"] == settings["image_folder"]
    assert settings["digits"] == dict(manifest.hyperparameters)
