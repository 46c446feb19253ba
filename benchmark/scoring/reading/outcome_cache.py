"""Files of the cache of outcomes: what instruments read from single models, kept between scorings. It names nothing."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from benchmark.files.atomic import write_atomically
from benchmark.scoring.metric import Outcome


def read_outcome(path: Path) -> Outcome | None:
    """Read a cached outcome; one that cannot be read (a torn disk) is simply made again."""
    try:
        with np.load(BytesIO(path.read_bytes()), allow_pickle=False) as arrays:  # np.load leaves bad files open
            parts = {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, KeyError, BadZipFile):
        return None
    values = {name[2:]: float(array) for name, array in parts.items() if name.startswith("v:")}
    return Outcome(values, {name[2:]: array for name, array in parts.items() if name.startswith("e:")})


def write_outcome(path: Path, outcome: Outcome) -> None:
    """Keep an outcome in the cache."""
    arrays: dict[str, Any] = {f"v:{name}": np.float64(value) for name, value in outcome.values.items()}
    arrays |= {f"e:{name}": array for name, array in outcome.examples.items()}
    content = BytesIO()
    np.savez(content, **arrays)
    write_atomically(path, content.getvalue(), durable=False)
