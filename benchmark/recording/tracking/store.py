"""Opening MLflow's store, whatever state it is in.

The database in the home is made under another name and renamed when it is complete. One that cannot be opened is moved
aside, because everything in it can be made again from records.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.db import utils as database_tools
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError

from benchmark.files.atomic import unfinished_folder
from benchmark.recording.tracking.address import database_path, sqlite_uri, tracking_uri
from benchmark.settings import read_settings

logger = logging.getLogger(__name__)

_BUSY_S = 15.0
"""Seconds that another program may keep the database locked before it is reported."""

_TIMEOUT, _RETRIES = "MLFLOW_HTTP_REQUEST_TIMEOUT", "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
_QUIET = "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"
"""Without it MLflow prints two lines for every run that a server is told of: 250 for an evaluation of `digits`."""


def open_client(home: Path) -> tuple[MlflowClient, bool]:
    """Return a client for the store of a home, and whether a damaged database was replaced by an empty one.

    Raises:
        MlflowException: the server does not answer, or the database is locked by another program.
        OSError: the database cannot be made.
    """
    uri = tracking_uri(home)
    if read_settings().mlflow_tracking_uri:
        client = MlflowClient(uri)
        client.search_experiments(max_results=1)  # a server that does not answer is found out at once
        return client, False
    path = database_path(home)
    if not path.exists():
        _create(path)
    is_replaced = not _opens(path)
    if is_replaced:
        _move_aside(path)
        _create(path)
        _forget_connections(uri)
    return MlflowClient(uri), is_replaced


@contextmanager
def patience(timeout_s: int, retries: int = 0) -> Generator[None]:
    """Limit how long a server is waited for, and let MLflow print nothing, unless the user has set its variables."""
    chosen = {_TIMEOUT: str(timeout_s), _RETRIES: str(retries), _QUIET: "true"}
    ours = {name: value for name, value in chosen.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            del os.environ[name]


def _create(path: Path) -> None:
    """Make an empty database that is complete from the moment it can be seen; the first one of two stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with unfinished_folder(path.parent, path.name) as folder:
        new = folder / "new.db"
        engine = create_engine(sqlite_uri(new))
        try:
            database_tools._initialize_tables(engine)  # pyright: ignore[reportPrivateUsage] - no public way
        finally:
            engine.dispose()
        with suppress(FileExistsError):
            os.link(new, path)


def _opens(path: Path) -> bool:
    """Return whether a database is whole and of MLflow's present layout.

    Raises:
        MlflowException: another program has locked it.
    """
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=_BUSY_S)
        try:
            connection.execute("BEGIN IMMEDIATE")
            (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            connection.execute("ROLLBACK")
        finally:
            connection.close()
        if answer != "ok":
            raise sqlite3.DatabaseError(answer)
        engine = create_engine(sqlite_uri(path))
        try:
            database_tools._verify_schema(engine)  # pyright: ignore[reportPrivateUsage]
            complete = database_tools._all_tables_exist(engine)  # pyright: ignore[reportPrivateUsage]
        finally:
            engine.dispose()
        if not complete:
            raise sqlite3.DatabaseError("some tables are missing")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise MlflowException(f"the database {path} is locked by another program") from error
        logger.warning("the database %s cannot be opened: %s", path, error)
        return False
    except (sqlite3.DatabaseError, SQLAlchemyError, MlflowException) as error:
        logger.warning("the database %s cannot be used: %s", path, error)
        return False
    return True


def _forget_connections(uri: str) -> None:
    """Close what this process has kept open of a database, so that nothing is read of the file that was moved away."""
    engine = SqlAlchemyStore._engine_map.get(uri)  # pyright: ignore[reportPrivateUsage] - no public way
    if engine is not None:
        engine.dispose()


def _move_aside(path: Path) -> None:
    aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
    for suffix in ("", "-journal", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    logger.warning("%s is damaged and was moved to %s; a new one is made from the records", path, aside.name)
