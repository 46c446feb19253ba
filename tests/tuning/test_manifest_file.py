"""What a search found, written into a manifest as a person would: comments and other boards stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.admission.manifest import read_manifest
from benchmark.admission.tuning import Tuning
from benchmark.spec import UserError
from benchmark.tuning.manifest_file import with_found, write_found

MANIFEST = """\
name: my_method            # as its directory
authors: [Ada Lovelace, "Grace Hopper"]
description: >-
  Attracts views.
supervision: none
hyperparameters:           # chosen by hand
  learning_rate: 0.3
  weight_decay: 1.0e-4
  augmentation: 0.5        # half of the usual
specification_overrides:   # per board
  cifar10: {learning_rate: 0.1}
search_space:
  learning_rate: {low: 0.02, high: 1, log: true}
"""
FOUND = {"learning_rate": 0.217, "augmentation": 0.75}
TUNING = Tuning(budget=16, search="TPE", split="validation", specification="digits-1.0", best=0.93, date="2026-11-28")


def test_values_are_added_for_their_specification_and_every_comment_stays() -> None:
    text = with_found(MANIFEST.encode(), "digits", FOUND, TUNING).decode()
    manifest = read_manifest(text.encode())
    assert manifest.specification_overrides == {"cifar10": {"learning_rate": 0.1}, "digits": FOUND}
    assert manifest.specification_tuning == {"digits": TUNING}
    assert manifest.hyperparameters == read_manifest(MANIFEST.encode()).hyperparameters
    for comment in ("# as its directory", "# chosen by hand", "# half of the usual", "# per board"):
        assert comment in text
    kept = [line for line in MANIFEST.splitlines() if line in text.splitlines()]
    assert len(kept) == len(MANIFEST.splitlines())


def test_a_second_search_replaces_the_first_and_leaves_other_values() -> None:
    once = with_found(MANIFEST.encode(), "cifar10", {"augmentation": 0.25}, TUNING)
    longer = TUNING.model_copy(update={"budget": 32})
    manifest = read_manifest(with_found(once, "cifar10", {"augmentation": 0.5}, longer))
    assert manifest.specification_overrides == {"cifar10": {"learning_rate": 0.1, "augmentation": 0.5}}
    assert manifest.specification_tuning["cifar10"].budget == 32


def test_a_manifest_that_is_refused_is_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "submission.yaml"
    path.write_text(MANIFEST)
    with pytest.raises(UserError, match="rate"):
        write_found(tmp_path, "digits", {"rate": 0.2}, TUNING)
    assert path.read_text() == MANIFEST
    path.write_text("name: [")
    with pytest.raises(UserError):
        write_found(tmp_path, "digits", FOUND, TUNING)
    assert path.read_text() == "name: ["
