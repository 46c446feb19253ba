"""Search spaces in manifests: bad ones are refused in one sentence each, by name."""

from __future__ import annotations

import pytest

from benchmark.admission.gate import submission_digest
from benchmark.admission.manifest import read_manifest
from benchmark.admission.tuning import Dimension
from tests.admission.test_manifest import HONEST, refusal


def with_space(text: str) -> bytes:
    return f"{HONEST}search_space: {text}\n".encode()


def test_a_space_is_read_and_is_no_part_of_the_identity() -> None:
    space = "{temperature: {low: 0.1, high: 1, log: true}, layers: {low: 1, high: 4, integer: true}, "
    manifest = read_manifest(with_space(space + "activation: {choices: [relu, gelu]}}"))
    assert manifest.search_space["temperature"] == Dimension(low=0.1, high=1.0, log=True)
    says = [each.says() for each in manifest.search_space.values()]
    assert says == ["0.1 to 1 (log)", "1 to 4 (whole numbers)", "relu or gelu"]
    plain = read_manifest(HONEST.encode())
    assert plain.search_space == {}
    assert submission_digest(manifest, "c" * 64, "digits") == submission_digest(plain, "c" * 64, "digits")


@pytest.mark.parametrize(
    ("space", "sentence"),
    [
        ("{temprature: {low: 0.1, high: 1}}", "search_space.temprature: expected the name of a hyperparameter"),
        ("{activation: {low: 0.1, high: 1}}", "search_space.activation: expected text, as under hyperparameters"),
        ("{temperature: {choices: [a, b]}}", "search_space.temperature: expected a number, as under hyperparameters"),
        ("{temperature: {low: 1, high: 0.1}}", "search_space.temperature.high: expected more than low (1), got 0.1"),
        ("{temperature: {low: 0, high: 1, log: true}}", "search_space.temperature.low: expected more than 0, as log"),
        ("{temperature: {low: 0.5, high: 2, integer: true}}", "search_space.temperature.low: expected a whole number"),
        ("{temperature: {low: 0.5}}", "search_space.temperature: expected low and high, or choices"),
        ("{temperature: {}}", "search_space.temperature: expected low and high, or choices"),
        ("{temperature: {choices: [1]}}", "search_space.temperature.choices: expected two or more different values"),
        ("{temperature: {choices: [1, 1]}}", "search_space.temperature.choices: expected two or more different"),
        ("{temperature: {choices: [1, a]}}", "search_space.temperature.choices: expected values of one kind"),
        ("{temperature: {low: 1, choices: [1, 2]}}", "search_space.temperature.low: expected choices alone"),
        ("{temperature: {low: -1, high: 1}}", "search_space.temperature.low: expected"),
        ("{temperature: {low: 0.1, high: 1, step: 2}}", "search_space.temperature.step: expected"),
        ("{temperature: 0.5}", "search_space.temperature: expected a mapping"),
        ("[temperature]", "search_space: expected a mapping"),
    ],
)
def test_a_bad_space_is_refused_in_one_sentence(space: str, sentence: str) -> None:
    (line,) = refusal(with_space(space))
    assert sentence in line


def test_what_is_said_of_one_specification_wins_there_and_holds_nowhere_else() -> None:
    general = "tuning: {budget: 0, search: as published, split: none}\n"
    own = "{digits: {budget: 16, search: TPE, split: validation, best: 0.93, date: 2026-11-28}}"
    manifest = read_manifest(f"{HONEST}{general}specification_tuning: {own}\n".encode())
    tuned = manifest.under("digits").tuning
    assert tuned is not None
    assert (tuned.budget, tuned.best, tuned.date) == (16, 0.93, "2026-11-28")
    assert manifest.under("cifar10").tuning == manifest.tuning
    assert manifest.under("digits").under("digits") == manifest.under("digits")


