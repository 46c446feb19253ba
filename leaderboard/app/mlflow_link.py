"""Where MLflow shows an evaluation: addresses of its run and of its training curves.

MLflow is asked only on request, as it takes seconds to import and a server may be away. What it answers becomes a link,
never a number. A password that an address may hold is never shown, nor logged.
"""

from __future__ import annotations

import json
import logging
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import streamlit as st

from benchmark.recording.record import EvaluationRecord
from benchmark.recording.tracking.address import database_path, sqlite_uri
from benchmark.settings import read_settings
from benchmark.shipped import command_words
from leaderboard.app.open_board import full_record
from leaderboard.board.board import Entry
from leaderboard.board.wording import one_line, web_address
from leaderboard.reading.record_store import homes

if TYPE_CHECKING:
    from benchmark.recording.tracking.projection import Projected

logger = logging.getLogger(__name__)

REMEMBERED_S = 60
"""How long an answer is kept, so that an absent server holds a reader up once and not on every click."""
USUAL_ADDRESS = "http://127.0.0.1:5000"
"""Where `mlflow ui` answers by default."""
_FILE = "sqlite:///"


@dataclass(frozen=True)
class Answer:
    """What there is to say.

    Attributes:
        sentence: for people.
        run: address of the run; None where there is none to link to.
        curves: address of its training curves.
        command: what serves a store that has no server.
    """

    sentence: str
    run: str | None = None
    curves: str | None = None
    command: str = ""


def whereabouts(entry: Entry) -> Answer:
    """Return where MLflow shows an evaluation."""
    settings = read_settings()
    named = settings.mlflow_tracking_uri, settings.mlflow_address
    return _remembered(entry.path, entry.created, str(homes()[0]), *named)


@st.cache_data(max_entries=64, ttl=REMEMBERED_S, show_spinner="Asking MLflow ...")
def _remembered(path: str, created: str, home: str, tracking_uri: str, address: str) -> Answer:
    record = full_record(path, created)
    if record is None:
        return Answer("The record of this evaluation is gone.")
    return ask(record, Path(home), tracking_uri, address)


def ask(record: EvaluationRecord, home: Path, tracking_uri: str = "", address: str = "") -> Answer:
    """Ask MLflow where it shows a record.

    Args:
        record: the evaluation.
        home: folder of the default store.
        tracking_uri: `MLFLOW_TRACKING_URI`; empty for the default, an SQLite file under `home`.
        address: what people's browsers call that server, where it is not `tracking_uri`.
    """
    is_default = not tracking_uri
    tracking_uri = tracking_uri or sqlite_uri(database_path(home))
    file = database_path(home) if is_default else Path(tracking_uri.removeprefix(_FILE))
    if tracking_uri.startswith(_FILE) and not file.is_file():
        return Answer(f"MLflow has no log here yet. {_how_to_rebuild()}")  # opening it would make an empty one
    server = _public(address or tracking_uri)
    try:
        from benchmark.recording.tracking.projection import find

        found = find(record, home)
    except Exception as error:  # whatever a client of a server, or of a damaged database, may raise
        # the text of the error may hold a password: only its kind is logged
        logger.warning("MLflow does not answer (%s); the page says so", type(error).__name__)
        return Answer(f"MLflow does not answer{f' at {server}' if server else ''}. The board does not need it.")
    if found is None:
        return Answer(f"MLflow does not know this evaluation. {_how_to_rebuild()}")
    return _answer(record, found, server, tracking_uri)


def _how_to_rebuild() -> str:
    rebuild = command_words("make rebuild-mlflow", "fmn rebuild-mlflow")
    return f"{rebuild} projects the records of this store into it."


def _answer(record: EvaluationRecord, found: Projected, server: str | None, tracking_uri: str) -> Answer:
    ids = (found.experiment_id, found.run_id, *found.curves)
    if not all(re.fullmatch(r"\w+", each) for each in ids):
        return Answer("MLflow answered with something that is no run.")
    name = f"experiment {one_line(record.spec_identity, 80)}, run {one_line(record.submission.name, 80)}"
    run, curves = _paths(found)
    if server:
        return Answer(f"In MLflow: {name}, {found.run_id}.", server + run, server + curves if found.curves else None)
    # A database may have a password in its address; only that of a file is shown.
    shown = shlex.quote(tracking_uri) if tracking_uri.startswith(_FILE) else '"$MLFLOW_TRACKING_URI"'
    sentence = f"In MLflow: {name}, {found.run_id}. This command serves it; the links lead there then."
    links = USUAL_ADDRESS + run, USUAL_ADDRESS + curves if found.curves else None
    return Answer(sentence, *links, command=f"mlflow ui --backend-store-uri {shown}")


def _paths(found: Projected) -> tuple[str, str]:
    """Spell where MLflow's pages show the run, and the training losses of some of its models in one figure."""
    chosen = {"runs": found.curves, "experiments": [found.experiment_id], "metric": "train/loss",
              "plot_metric_keys": ["train/loss"]}  # fmt: skip
    query = "&".join(f"{name}={quote(json.dumps(value), safe='')}" for name, value in chosen.items())
    return f"/#/experiments/{found.experiment_id}/runs/{found.run_id}", f"/#/metric?{query}&x_axis=step"


def _public(address: str) -> str | None:
    """Return the address of a server without the name and password that may be in it; None for anything else."""
    clean = web_address(address)
    if clean is None:
        return None
    parts = urlsplit(clean)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
