"""Where MLflow's store is, and which records it has already; imports no MLflow, which takes seconds.

The store is a server that the user names, or an SQLite database in the home. A note per record holds the digest of the
record's file and where MLflow keeps its log.
"""

from __future__ import annotations

import logging
from pathlib import Path
from urllib.parse import quote

from benchmark.files.sealed import read_sealed, write_sealed
from benchmark.recording.record_files import content_sha256
from benchmark.settings import read_settings
from benchmark.spec.canonical import digest

logger = logging.getLogger(__name__)

PROJECTION_VERSION = 2
"""Of what MLflow shows of a record. Raised when that changes, so that what an earlier version showed is replaced.

Version 1 put every number of a record on its parent run, gave runs no duration and its experiments no kind.
"""

ARTIFACTS_FOLDER = "artifacts"
"""Folder of a home that is MLflow's, in which nothing is written under another name first."""

_NOTES = "projected"
"""Folder of the notes, in the home."""


def tracking_uri(home: Path) -> str:
    """Return where MLflow keeps its runs: `MLFLOW_TRACKING_URI`, by default an SQLite file under `home`."""
    return read_settings().mlflow_tracking_uri or sqlite_uri(database_path(home))


def database_path(home: Path) -> Path:
    """Return where the database of a home is."""
    return home / "mlflow.db"


def sqlite_uri(path: Path) -> str:
    """Return the address of a database file; `%`, `?` and `#`, which mean something in an address, are quoted.

    A quoted address names the driver, because MLflow makes a folder of the quoted name where an address begins with
    `sqlite:///`.

    >>> sqlite_uri(Path("/data/runs/mlflow.db")), sqlite_uri(Path("/data/50%/mlflow.db"))
    ('sqlite:////data/runs/mlflow.db', 'sqlite+pysqlite:////data/50%25/mlflow.db')
    """
    text = str(path)
    return f"sqlite+pysqlite:///{quote(text)}" if set(text) & set("%?#") else f"sqlite:///{text}"


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
    return home / _NOTES / digest([record.parent.name, record.name])[:32]


def _state(record: Path, home: Path) -> str:
    uri = tracking_uri(home)
    database = database_path(home).stat().st_ino if uri == sqlite_uri(database_path(home)) else None
    return digest([PROJECTION_VERSION, content_sha256(record), uri, database])
