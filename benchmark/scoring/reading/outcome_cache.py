"""Files of the cache of outcomes: what metrics gave for single models, kept between scorings.

The names of the files are given by `model_reader`.
"""

from __future__ import annotations

import logging
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from benchmark.files.atomic import write_atomically
from benchmark.scoring.metric import Outcome

logger = logging.getLogger(__name__)


def read_outcome(path: Path) -> Outcome | None:
    """Return a cached outcome; None where there is none, or where it cannot be read (a torn disk): it is made again."""
    try:
        with np.load(BytesIO(path.read_bytes()), allow_pickle=False) as arrays:  # np.load leaves bad files open
            parts = {name: arrays[name] for name in arrays.files}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError, KeyError, BadZipFile) as error:
        logger.warning("the cached outcome %s cannot be read and is measured again: %r", path, error)
        return None
    values = {name[2:]: float(array) for name, array in parts.items() if name.startswith("v:")}
    return Outcome(values, {name[2:]: array for name, array in parts.items() if name.startswith("e:")})


def write_outcome(path: Path, outcome: Outcome) -> None:
    """Write an outcome into the cache."""
    arrays: dict[str, Any] = {f"v:{name}": np.float64(value) for name, value in outcome.values.items()}
    arrays |= {f"e:{name}": array for name, array in outcome.examples.items()}
    content = BytesIO()
    np.savez(content, **arrays)
    write_atomically(path, content.getvalue(), durable=False)
