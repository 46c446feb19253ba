"""The key of a state: a digest of everything that decides its bits, and so its only name.

Where training is cut into segments is not part of a key. Another schedule, or one run evaluated alone, therefore finds
the states that are trained already, unless a GPU compiles encoders for the one and not for the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from benchmark.plan.events import PruneEvent
from benchmark.spec.canonical import canonical_json, digest

KEY_VERSION = 3
"""Raised whenever the same key would otherwise name different numbers, so that no old state is taken for a new one."""


def root_key(
    *, train_digest: str, dataset: dict[str, Any], encoder: dict[str, Any], training: dict[str, Any],
    submission_digest: str, seed: int, environment_digest: str, is_compiled: bool = False,
) -> str:  # fmt: skip
    """Return the key of a seed's tree: of everything that decides bits, except what is pruned and when.

    Args:
        train_digest: sha256 of the training tensors.
        dataset: what a method is told about the images: `name` and `flip`.
        encoder: the encoder of the specification, as JSON values.
        training: the budget of the specification, as JSON values.
        submission_digest: digest of code, supervision and hyperparameters.
        seed: the model's seed.
        environment_digest: digest of everything about the machine that can change bits.
        is_compiled: whether encoders are compiled; not named where they are not, as on every CPU.

    Returns:
        A sha256 in hexadecimal digits.
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
            **({"compiled": True} if is_compiled else {}),
        }
    )


def state_key(root: str, applied: Iterable[PruneEvent], step: int) -> str:
    """Return the key of the state after `step` updates.

    Args:
        root: the seed's root key.
        applied: the events applied so far, in order, all at or before `step`.
        step: number of updates made.

    Returns:
        A sha256 in hexadecimal digits.
    """
    events = b",".join([event.canonical for event in applied])
    # The digest of canonical JSON, put together from parts: a large plan has a million keys, of few roots and events.
    return hashlib.sha256(b'{"events":[%b],%b"step":%d}' % (events, _version_and_root(root), step)).hexdigest()


@lru_cache(maxsize=1000)
def _version_and_root(root: str) -> bytes:
    return b'"key_version":%d,"root":%b,' % (KEY_VERSION, canonical_json(root))


def evaluation_key(spec_identity: str, submission: str, states: Iterable[str]) -> str:
    """Return the name of an evaluation: which states it reads, under which specification, of whom.

    Args:
        spec_identity: name and version of the specification.
        submission: its name.
        states: the key of every run, in any order.
    """
    return digest({"spec": spec_identity, "submission": submission, "states": sorted(states)})
