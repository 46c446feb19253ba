"""The address of MLflow's store: a server that the user names, or an SQLite database in the home. Imports no MLflow."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from benchmark.settings import read_settings


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
