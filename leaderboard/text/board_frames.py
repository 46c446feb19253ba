"""What a board says beside its ranking, as plain frames of text: failed runs, every number, rejected records. Pure.

It does not rank, and it does not know how a table is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from benchmark.scoring.metric import Column
from leaderboard.board.board import Entry
from leaderboard.board.wording import one_line, percent
from leaderboard.reading.record_store import Rejected

BETTER = {"higher": "higher ↑", "lower": "lower ↓", "neither": "-"}


def failed_run_frame(entries: Iterable[Entry]) -> pd.DataFrame:
    """List every failed run of some evaluations: Submission, Schedule, Sparsity, Model, Reason, Message."""
    return pd.DataFrame(
        [
            {"Submission": one_line(entry.name, 80), "Schedule": one_line(run.schedule, 40),
             "Sparsity": percent(run.sparsity), "Model": run.seed, "Reason": run.reason.replace("_", " "),
             "Message": one_line(run.message)}
            for entry in entries for run in entry.failed
        ],
        columns=["Submission", "Schedule", "Sparsity", "Model", "Reason", "Message"],
    )  # fmt: skip


def number_frame(columns: Iterable[Column]) -> pd.DataFrame:
    """List every number that records describe: Name, Better, Unit, What it is, Key."""
    return pd.DataFrame(
        [
            {"Name": one_line(column.title, 80), "Better": BETTER[column.better],
             "Unit": one_line(column.unit, 30) or "-", "What it is": one_line(column.description, 400),
             "Key": one_line(column.name, 80)}
            for column in columns
        ],
        columns=["Name", "Better", "Unit", "What it is", "Key"],
    )  # fmt: skip


def rejected_frame(rejected: Sequence[Rejected]) -> pd.DataFrame:
    """List the records that a board does not show: Record (folder and file name), Why, Place (the whole path)."""
    return pd.DataFrame(
        [
            {"Record": one_line("/".join(Path(each.path).parts[-2:])), "Why": one_line(each.why, 400),
             "Place": one_line(each.path, 400)}
            for each in rejected
        ],
        columns=["Record", "Why", "Place"],
    )  # fmt: skip
