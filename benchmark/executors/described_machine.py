"""What trainers on this machine see of it, without importing torch where the answer is known already.

Importing torch takes seconds, and the description of a processor is a function of what can be read in milliseconds: the
installed versions, the processor's fields, and the code that describes them. It is kept in the user's cache folder
under the digest of these. Trainers get no variable of the environment that could change it. A GPU is always asked.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmark import machine
from benchmark.files.sealed import read_sealed, write_sealed
from benchmark.settings import read_settings
from benchmark.spec.canonical import digest

logger = logging.getLogger(__name__)

_GPU_DEVICES = ("nvidia*", "nvhost*", "nvmap", "dxg", "kfd")
"""Below /dev, where a driver of a GPU is: NVIDIA's, those of its boards, Windows' for Linux, AMD's."""


def may_have_gpu(devices: Path = Path("/dev")) -> bool:
    """Return False where Linux has no device of a GPU's driver, so that torch can see none."""
    return sys.platform != "linux" or any(next(devices.glob(name), None) for name in _GPU_DEVICES)


def remembered_environment(describe: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return everything about this Python and its processor that can change bits.

    Args:
        describe: describes it as a trainer sees it; called where nothing is remembered.
    """
    path = _remembered_at()
    known = _read(path) if path is not None else None
    if known is not None:
        return known
    described = describe()
    if path is not None:
        try:
            write_sealed(path, json.dumps(described).encode())
        except OSError as error:
            logger.debug("the description of this machine is not kept: %s", error)
    return described


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content = read_sealed(path)
        return None if content is None else json.loads(content)
    except (OSError, ValueError) as error:
        logger.debug("the description of this machine is made again: %s", error)
        return None


def _remembered_at() -> Path | None:
    """Return the file of the description; None where what it depends on cannot be read."""
    fields = machine.processor_fields()
    found = importlib.util.find_spec("torch")
    if not fields or found is None or found.origin is None:
        return None
    inputs = {
        "python": [platform.python_version(), sys.prefix, platform.machine()],
        "processor": {name: value for name, value in fields.items() if name not in _MOMENTARY},
        "files": {str(path): [stat.st_size, stat.st_mtime_ns] for path, stat in _files(Path(found.origin).parent)},
    }
    return read_settings().cache_folder / "machines" / digest(inputs)


_MOMENTARY = {
    "processor", "physical id", "core id", "apicid", "initial apicid", "siblings", "cpu cores", "cpu MHz", "bogomips",
    "microcode",
}  # fmt: skip
"""Fields of the last processor that differ from moment to moment, or from core to core."""


def _files(torch: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield the files that the description depends on: torch, the libraries of its versions, and our own code."""
    patterns = [f"{name}-*.dist-info/METADATA" for name in machine.LIBRARIES]
    metadata = [path for pattern in patterns for path in sorted(torch.parent.glob(pattern))]
    ours = [Path(machine.__file__), Path(machine.__file__).parent / "training" / "environment.py"]
    for path in [*sorted(torch.glob("lib/libtorch_cpu.*")), torch / "version.py", *metadata, *ours]:
        yield path, path.stat()
