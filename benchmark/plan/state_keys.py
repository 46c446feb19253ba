"""One name for one state: content addresses of everything that training produces.

Cut points are never hashed, so another schedule or a run evaluated alone finds the same trunk.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from benchmark.plan.events import PruneEvent
from benchmark.spec.canonical import digest

KEY_VERSION = 2
"""Raised whenever the same key would name different numbers, so that old states are never mistaken for new ones."""


def root_key(
    *, train_digest: str, dataset: dict[str, Any], encoder: dict[str, Any], training: dict[str, Any],
    submission_digest: str, seed: int, environment_digest: str,
) -> str:  # fmt: skip
    """Name the origin of a seed's whole tree: everything that decides bits except what is pruned, and when.

    `dataset` is what a method is told about the images beside the images themselves: name and `flip`.
    """
    return digest(
        {
            "key_version": KEY_VERSION,
            "train_digest": train_digest,
            "dataset": dataset,
            "encoder": encoder,
            "training": training,
            "submission_digest": submission_digest,
            "seed": seed,
            "environment_digest": environment_digest,
        }
    )


def state_key(root: str, applied: Iterable[PruneEvent], step: int) -> str:
    """Name the state after `step` updates with the `applied` events (all of them at or before `step`)."""
    events = [event.model_dump(mode="json") for event in applied]
    return digest({"key_version": KEY_VERSION, "root": root, "events": events, "step": step})
