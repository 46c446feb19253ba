"""Where records are found and how they are read: `FMN_HOME` (default `runs/`) and the shipped `results/`.

It owns the only place of the leaderboard that opens files. It refuses to write, and a bad record is counted and
named, never fatal.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.recording.archive import read_record
from benchmark.recording.record import EvaluationRecord

SHIPPED = Path(__file__).resolve().parent.parent / "results"
MAX_RECORD_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Rejected:
    """A file that looked like a record and is none."""

    path: str
    why: str


@dataclass(frozen=True)
class Stamp:
    """What tells that a file changed without reading it."""

    path: str
    size_bytes: int
    modified_ns: int
    changed_ns: int


def homes() -> tuple[Path, ...]:
    """Folders that hold records: the user's store first, then what ships with the code."""
    return Path(os.environ.get("FMN_HOME", "runs")).absolute(), SHIPPED


def stamps(folders: Sequence[Path]) -> tuple[Stamp, ...]:
    """List the record files of some stores, without opening any."""
    found: list[Stamp] = []
    for folder in folders:
        root = folder / "records" if (folder / "records").is_dir() else folder
        for path in sorted(root.glob("*/*.json")):
            try:
                facts = path.stat()
            except OSError:  # replaced between listing and looking; the next visit sees it
                continue
            found.append(Stamp(str(path), facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns))
    return tuple(found)


def read(path: Path) -> EvaluationRecord | Rejected:
    """Read one record; whatever is wrong with it comes back as a reason."""
    try:
        if path.stat().st_size > MAX_RECORD_BYTES:
            return Rejected(str(path), f"larger than {MAX_RECORD_BYTES} bytes")
        return read_record(path)
    except (OSError, ValueError, RecursionError) as error:
        return Rejected(str(path), str(error))
