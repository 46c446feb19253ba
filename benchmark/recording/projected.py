"""Which records MLflow has already, so that nothing is imported and asked where a record did not change.

A note holds the digest of the record's file and where MLflow keeps its log. It knows nothing of MLflow itself.
"""

from __future__ import annotations

import logging
from pathlib import Path

from benchmark.files.sealed import read_sealed, write_sealed
from benchmark.recording.archive import sha256_of
from benchmark.recording.mlflow_address import database_path, sqlite_uri, tracking_uri
from benchmark.spec.canonical import digest

logger = logging.getLogger(__name__)

_FOLDER = "projected"


def is_projected(record: Path, home: Path) -> bool:
    """Return whether MLflow has a record as it is now; False where that is not known.

    Args:
        record: the record's file.
        home: the home it belongs to.
    """
    try:
        return read_sealed(_note(record, home)) == _state(record, home).encode()
    except OSError as error:
        logger.debug("MLflow is asked about %s: %s", record, error)
        return False


def note_projected(record: Path, home: Path) -> None:
    """Note that MLflow has a record as it is now."""
    try:
        write_sealed(_note(record, home), _state(record, home).encode())
    except OSError as error:
        logger.debug("it is not noted that MLflow has %s: %s", record, error)


def _note(record: Path, home: Path) -> Path:
    return home / _FOLDER / digest([record.parent.name, record.name])[:32]


def _state(record: Path, home: Path) -> str:
    uri = tracking_uri(home)
    database = database_path(home).stat().st_ino if uri == sqlite_uri(database_path(home)) else None
    return digest([sha256_of(record), uri, database])
