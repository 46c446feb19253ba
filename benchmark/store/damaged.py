"""Damaged states, kept as evidence: the latest few of them, within a bound on the disk. Nothing reads them again."""

from __future__ import annotations

import logging
import shutil
import time
from pathlib import Path

logger = logging.getLogger(__name__)

MAX_STATES = 8
MAX_BYTES = 1 << 30
"""Of all damaged states together; the latest one is kept whatever its size."""


def keep_damaged(state: Path, damaged: Path) -> Path:
    """Move a state into the folder of damaged ones, and remove the oldest ones there that exceed its bounds.

    Returns:
        Where the state is now.

    Raises:
        OSError: it cannot be moved.
    """
    damaged.mkdir(parents=True, exist_ok=True)
    kept = damaged / f"{time.time_ns():020d}-{state.name}"
    state.rename(kept)
    _drop_oldest(damaged)
    return kept


def _drop_oldest(damaged: Path) -> None:
    num_bytes = 0
    for place, folder in enumerate(sorted(damaged.iterdir(), reverse=True)):
        num_bytes += sum(path.lstat().st_size for path in folder.rglob("*"))
        if place and (place >= MAX_STATES or num_bytes > MAX_BYTES):
            logger.warning("%s is removed: only the latest damaged states are kept", folder)
            shutil.rmtree(folder, ignore_errors=True)
