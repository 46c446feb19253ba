"""Names of states are pinned: a refactor leaves them as they are, a change of numbers raises KEY_VERSION."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from benchmark.plan import KEY_VERSION, PruneEvent, root_key, state_key
from benchmark.spec.canonical import digest

ROOT_FACTS: dict[str, Any] = {
    "train_digest": "11" * 32,
    "dataset": {"name": "letters", "flip": False},
    "encoder": {"name": "resnet8", "width": 5},
    "training": {"epochs": 7, "batch_size": 48},
    "submission_digest": "22" * 32,
    "seed": 3,
    "environment_digest": "33" * 32,
}
"""What a root key covers, every field away from its default."""

EVENT_FACTS: dict[str, Any] = {
    "step": 11, "num_pruned": (4, 5), "allocation": "layerwise", "criterion": "random", "rewind": "weights",
    "rewind_to": 2,
}  # fmt: skip
"""Every field of an event, away from its default."""

OTHER_ROOT_FACTS: dict[str, Any] = {
    "train_digest": "12" * 32,
    "dataset": {"name": "letters", "flip": True},
    "encoder": {"name": "resnet8", "width": 6},
    "training": {"epochs": 7, "batch_size": 49},
    "submission_digest": "23" * 32,
    "seed": 4,
    "environment_digest": "34" * 32,
}

OTHER_EVENT_FACTS: dict[str, Any] = {
    "step": 12, "num_pruned": (5, 4), "allocation": "global", "criterion": "magnitude", "rewind": None,
    "rewind_to": None,
}  # fmt: skip

GOLDEN = {
    1: {
        "root": "e02f8cd93a34b004487a0090124fdcf4a4df7d8883a4f42977b16ba4aa81bd71",
        "initial": "e60ed3b68b5e3aa75c71d0b12ca73e3f190f987524764f58c0d20e47c46f89a4",
        "pruned": "3c3793e6e05984a8245d492436337c6f85f92ee5354daea9a3493dcb79a3a86a",
    },
    2: {
        "root": "823c09891eaf8ad726d3df80a54ad46b8b4e366d66f804a9197bc8407d32e7ca",
        "initial": "73934a130609346f80a311f73c20bab6418a2b35cf87e10a8747872fb24a3354",
        "pruned": "fc4c4aa221abae94f55b6ef8d4c3fd51eebd0030c02bdb791ed7ed6532043971",
    },
    3: {
        "root": "ac671b16813b71b953799b41f5305d9d4a6dfcf95c9acf39eb8c693cd2343721",
        "initial": "c8d79e8700a643b267c263471aa596cae3eccfdc7f3cdf4f751c384747681272",
        "pruned": "df3ac881cbf303d044dd08b154f7c9d73eedf875f51802252fbb2d5e45d193c3",
    },
}
"""Literal keys per KEY_VERSION. A new version adds an entry; an old entry never changes.

Version 2 names what a method is told about the images (name, `flip`) beside their content. Version 3 names states whose
standard views were drawn on the device of the images.
"""


def first_event() -> PruneEvent:
    return PruneEvent(**EVENT_FACTS).model_copy(update={"step": 6, "num_pruned": (1, 2), "rewind_to": 1})


def naive_digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def test_keys_are_the_ones_of_this_key_version() -> None:
    root = root_key(**ROOT_FACTS)
    assert GOLDEN[KEY_VERSION] == {
        "root": root,
        "initial": state_key(root, (), 0),
        "pruned": state_key(root, (first_event(), PruneEvent(**EVENT_FACTS)), 13),
    }


def test_a_root_key_is_the_hash_of_its_facts_as_canonical_json() -> None:
    assert root_key(**ROOT_FACTS) == naive_digest({"key_version": KEY_VERSION, **ROOT_FACTS})


def test_a_compiled_tree_has_keys_of_its_own_and_any_other_is_named_as_before_there_were_compiled_ones() -> None:
    facts = {"key_version": KEY_VERSION, **ROOT_FACTS}
    assert root_key(**ROOT_FACTS, is_compiled=False) == naive_digest(facts)
    assert root_key(**ROOT_FACTS, is_compiled=True) == naive_digest({**facts, "compiled": True})


def test_a_state_key_is_the_hash_of_root_applied_events_and_step() -> None:
    event = {**EVENT_FACTS, "num_pruned": [4, 5]}
    expected = naive_digest({"key_version": KEY_VERSION, "root": "r" * 64, "events": [event], "step": 13})
    assert state_key("r" * 64, [PruneEvent(**EVENT_FACTS)], 13) == expected


@pytest.mark.parametrize("fact", list(ROOT_FACTS))
def test_every_fact_of_the_root_changes_its_key(fact: str) -> None:
    assert root_key(**{**ROOT_FACTS, fact: OTHER_ROOT_FACTS[fact]}) != root_key(**ROOT_FACTS)


def test_no_field_of_an_event_is_missing_here() -> None:
    assert set(EVENT_FACTS) == set(OTHER_EVENT_FACTS) == set(PruneEvent.model_fields)


@pytest.mark.parametrize("fact", list(EVENT_FACTS))
def test_every_field_of_an_event_changes_the_key_of_the_state_behind_it(fact: str) -> None:
    other = PruneEvent(**{**EVENT_FACTS, fact: OTHER_EVENT_FACTS[fact]})
    assert state_key("root", [other], 20) != state_key("root", [PruneEvent(**EVENT_FACTS)], 20)


def test_root_step_and_order_of_events_change_the_key() -> None:
    first, second = first_event(), PruneEvent(**EVENT_FACTS)
    keys = {
        state_key("root", [first, second], 20),
        state_key("other", [first, second], 20),
        state_key("root", [first, second], 21),
        state_key("root", [second, first], 20),
        state_key("root", [first], 20),
        state_key("root", [], 20),
    }
    assert len(keys) == 6


@pytest.mark.parametrize("root", ["44" * 32, 'any "text" \\ of ünicode'])
@pytest.mark.parametrize("facts", [[], [EVENT_FACTS], [OTHER_EVENT_FACTS, EVENT_FACTS]])
def test_a_state_key_is_the_digest_of_what_it_names(root: str, facts: list[dict[str, Any]]) -> None:
    """It is put together from parts that are written once, and stays the digest of the whole."""
    events = [PruneEvent.model_validate(each) for each in facts]
    named = {"key_version": KEY_VERSION, "root": root, "events": [each.model_dump() for each in events], "step": 12}
    assert state_key(root, events, 12) == digest(named)
    assert state_key(root, events, 12) == digest(named)  # from what was kept
