"""Evaluations of a home that have no record yet: what their files say, and whether somebody is at work on them."""

from __future__ import annotations

import logging
import re
from itertools import islice
from pathlib import Path

from benchmark.files.bounded import read_regular
from benchmark.recording.status import (
    CLAIMS_FOLDER,
    EVALUATION_CLAIM,
    MAX_STATUS_BYTES,
    STATUS_FOLDER,
    EvaluationStatus,
    Unfinished,
)
from benchmark.store.claim import holder_of

logger = logging.getLogger(__name__)

_MAX_FILES = 200
_NAME = re.compile(r"[0-9a-f]{16}")


def read_unfinished(home: Path) -> list[Unfinished]:
    """Read the status of every evaluation in a home, running ones first, then the most recent; bad files are ignored.

    One is running while a process holds its claim.
    """
    try:
        paths = [path for path in islice((home / STATUS_FOLDER).iterdir(), _MAX_FILES) if _is_status(path)]
    except OSError as error:
        logger.debug("no status is read: %s", error)  # most often nothing was ever evaluated here
        return []
    found: list[Unfinished] = []
    for path in paths:
        try:
            status = EvaluationStatus.model_validate_json(read_regular(path, MAX_STATUS_BYTES))
        except (OSError, ValueError, RecursionError) as error:
            logger.debug("%s is passed over, for it is no status: %s", path, error)
            continue
        found.append(Unfinished(status, _is_claimed(home, path.stem)))
    return sorted(found, key=lambda each: (not each.is_running, -each.status.heard))


def _is_status(path: Path) -> bool:
    return path.suffix == ".json" and _NAME.fullmatch(path.stem) is not None


def _is_claimed(home: Path, name: str) -> bool | None:
    """Return whether anybody holds the claim of an evaluation, by the name of its status.

    None where that cannot be known: the claim may not be opened, or the file system knows no locks.
    Asking holds the claim for a moment, shared, where it is free; so a dispatcher tries more than once to take it.
    """
    path = home / CLAIMS_FOLDER / f"{EVALUATION_CLAIM}{name}"
    try:
        return holder_of(path) is not None
    except OSError as error:
        logger.debug("it is not known who holds %s: %s", path, error)
        return None
