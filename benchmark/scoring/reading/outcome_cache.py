"""Files of the cache of outcomes: what metrics gave for single models, kept between scorings.

The names of the files are given by `model_reader`.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.files.sealed import read_sealed, write_sealed
from benchmark.scoring.metric import Outcome


def read_outcome(path: Path) -> Outcome | None:
    """Return a cached outcome; None where there is none, or a damaged one, which is measured again."""
    content = read_sealed(path)
    if content is None:
        return None
    with np.load(BytesIO(content), allow_pickle=False) as arrays:
        parts = {name: arrays[name] for name in arrays.files}
    values = {name[2:]: float(array) for name, array in parts.items() if name.startswith("v:")}
    return Outcome(values, {name[2:]: array for name, array in parts.items() if name.startswith("e:")})


def write_outcome(path: Path, outcome: Outcome) -> None:
    """Write an outcome into the cache."""
    arrays: dict[str, Any] = {f"v:{name}": np.float64(value) for name, value in outcome.values.items()}
    arrays |= {f"e:{name}": array for name, array in outcome.examples.items()}
    content = BytesIO()
    np.savez(content, **arrays)
    write_sealed(path, content.getvalue())
