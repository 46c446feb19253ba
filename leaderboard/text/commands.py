"""The shell commands that make a record again, for where the reader is; foreign words in them do no harm."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from benchmark.recording.record import EvaluationRecord
from benchmark.shipped import command_words
from leaderboard.board.wording import one_line

_PROJECT = Path(__file__).resolve().parents[2]
_HARMLESS = re.compile(r"\w[\w.+/-]*|/[\w.+/-]+", re.ASCII)
"""Words that may be given to make, which runs what is in `$(...)` and quotes nothing; for any other word the command
calls `fmn` itself."""


def reproduce_command(record: EvaluationRecord) -> str:
    """Return the shell command that evaluates the submission again; foreign words are quoted."""
    name, spec = one_line(record.submission.name), one_line(record.spec_identity.rpartition("-")[0])
    return _command(f"evaluate SUBMISSION={name} SPEC={spec}",
                    f"evaluate --spec {shlex.quote(spec)} -- {shlex.quote(name)}", name, spec)  # fmt: skip


def repeat_command(path: str) -> str:
    """Return the shell command that evaluates a record's submission again and compares, from the project's folder."""
    record = Path(path)
    here = one_line(str(record.relative_to(_PROJECT) if record.is_relative_to(_PROJECT) else record), 1000)
    return _command(f"reproduce RESULT={here}", f"reproduce -- {shlex.quote(here)}", here)


def _command(make: str, fmn: str, *foreign: str) -> str:
    """Return the command for where the user is now; foreign words that make would run or misread go past it."""
    is_harmless = all(_HARMLESS.fullmatch(word) for word in foreign)
    return command_words(f"make {make}" if is_harmless else f".venv/bin/fmn {fmn}", f"fmn {fmn}")
