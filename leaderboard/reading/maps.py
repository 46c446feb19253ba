"""The maps of one evaluation, read from the parquet file beside its record.

A file whose digest is not the one that the record names is not used.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import pandas as pd

from benchmark.recording.archive import maps_path

logger = logging.getLogger(__name__)

_FIELDS = ("task", "schedule", "sparsity", "seed", "example", "label", "x_dense", "y_dense", "x_sparse", "y_sparse")


def read_maps(record: Path, sha256: str | None) -> pd.DataFrame | None:
    """Read where maps place test images; None where there is no map, or the file is altered.

    Args:
        record: path of the record.
        sha256: digest of the file, as the record states it; None in records from before there were maps.

    Returns:
        One row per panel and image: task, schedule, sparsity, seed, example, label, and both positions.
    """
    path = maps_path(record)
    if sha256 is None or not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        return None
    try:
        frame = pd.read_parquet(path, columns=list(_FIELDS))
    except (ValueError, KeyError, OSError) as error:
        logger.warning("%s cannot be read; pages say that there is no map: %s", path, error)
        return None
    return frame if len(frame) else None
