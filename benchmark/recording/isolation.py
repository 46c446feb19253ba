"""How well submitted code was kept apart from the machine that ran it: the ordered levels of isolation.

A level says where code ran. It never says that nothing was broken out of.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

Isolation = Literal["none", "apptainer", "podman", "docker"]
"""Where submitted code ran: as a process of the user, or in a container of one of these engines."""

ISOLATION_LEVELS: tuple[Isolation, ...] = ("none", "apptainer", "podman", "docker")
"""Weakest first. Apptainer shares the user and often the network; rootless Podman lacks some of Docker's limits."""

Role = Literal["isolated", "unisolated"]
"""What a signing key is for: records of isolated code, or of code that ran without isolation."""


def is_at_least(level: Isolation, wanted: Isolation) -> bool:
    """Return whether a level is as strong as another one, or stronger.

    >>> is_at_least("docker", "podman"), is_at_least("none", "docker")
    (True, False)
    """
    return ISOLATION_LEVELS.index(level) >= ISOLATION_LEVELS.index(wanted)


def weakest(levels: Iterable[Isolation]) -> Isolation:
    """Return the weakest of some levels; `none` where there are none, because nothing is known then.

    >>> weakest(["docker", "podman"]), weakest([])
    ('podman', 'none')
    """
    found = set(levels)
    for level in ISOLATION_LEVELS:
        if level in found:
            return level
    return "none"


def role_of(isolation: Isolation) -> Role:
    """Return which kind of key signs records of this isolation."""
    return "unisolated" if isolation == "none" else "isolated"
