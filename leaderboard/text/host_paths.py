"""What a page says in the place of a path on the machine of whoever signed a record. Pure.

Records name pictures by their content. Earlier ones hold the path under which the pictures lay, which tells a reader
nothing but how that machine is laid out. A record's own file keeps it, because its signature is over every byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

ON_SIGNERS_MACHINE = "pictures on the signer's machine"
"""Stands in the place of such a path."""


def without_host_paths(value: Any) -> Any:
    """Return a part of a record with every `path` replaced that leads out of the folder of shipped data sets.

    Example:
        >>> without_host_paths([{"path": "/home/ada/pictures"}, {"path": "cifar10-jpeg"}])
        [{'path': "pictures on the signer's machine"}, {'path': 'cifar10-jpeg'}]
    """
    if isinstance(value, Mapping):
        return {name: _shown(inner) if name == "path" else without_host_paths(inner) for name, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [without_host_paths(inner) for inner in value]
    return value


def _shown(path: Any) -> Any:
    return ON_SIGNERS_MACHINE if isinstance(path, str) and is_of_a_host(path) else without_host_paths(path)


def is_of_a_host(path: str) -> bool:
    """Say whether a path leads out of the folder of shipped data sets."""
    posix, windows = PurePosixPath(path), PureWindowsPath(path)
    return posix.is_absolute() or bool(windows.anchor) or ".." in windows.parts or path.startswith(("~", "file:"))
