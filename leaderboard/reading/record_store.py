"""Where records are found and how they are read: `FMN_HOME` (default `runs/`) and the shipped `results/`.

This is the only module of the leaderboard that opens records. It never writes. Only records whose signature holds are
given out; a bad one becomes a `Rejected` that names the reason, never an error.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from benchmark.recording.archive import signature_path
from benchmark.recording.record_files import record_paths
from benchmark.recording.status import LOCK_FILE, Unfinished
from benchmark.recording.trust import Trust
from benchmark.recording.verify import UNSIGNED, Believed, Sealed, in_words, open_sealed, unseal
from benchmark.settings import read_settings
from benchmark.shipped import shipped
from benchmark.store.claims import read_unfinished

Parsed = TypeVar("Parsed")

logger = logging.getLogger(__name__)

SHIPPED = shipped("results")


@dataclass(frozen=True)
class Rejected:
    """A file that looks like a record and is not believed, with the reason."""

    path: str
    why: str

    @property
    def is_unsigned(self) -> bool:
        """Whether nothing but a signature is missing, as far as anybody looked."""
        return self.why == UNSIGNED


@dataclass(frozen=True)
class Stamp:
    """What tells that a record or its signature changed, without reading them.

    `record` and `signature` are (bytes, modified ns, changed ns); of a signature that is not there, zeros.
    """

    path: str
    record: tuple[int, int, int]
    signature: tuple[int, int, int]


def homes() -> tuple[Path, ...]:
    """Folders that hold records: the user's store first, then what ships with the code (`FMN_RESULTS`)."""
    settings = read_settings()
    return settings.home.absolute(), settings.results.absolute() if settings.results else SHIPPED


def unfinished() -> list[Unfinished]:
    """Return what is being evaluated in the user's store, or was interrupted there; none of it is ranked."""
    return read_unfinished(homes()[0])


def stamps(folders: Sequence[Path]) -> tuple[Stamp, ...]:
    """List the record files of some stores, without opening any."""
    found: list[Stamp] = []
    for folder in folders:
        root = folder / "records" if (folder / "records").is_dir() else folder
        if root == folder and (folder / LOCK_FILE).exists():
            continue  # a home in which the first evaluation is still at work: what lies there is no record
        for path in record_paths(root):
            try:
                facts = _facts(path)
            except OSError as error:
                logger.debug("%s vanished while records were listed; the next visit looks again: %s", path, error)
                continue
            try:
                found.append(Stamp(str(path), facts, _facts(signature_path(path))))
            except OSError as error:
                logger.debug("%s has no signature that can be looked at; reading it says why: %s", path, error)
                found.append(Stamp(str(path), facts, (0, 0, 0)))
    return tuple(found)


def _facts(path: Path) -> tuple[int, int, int]:
    facts = path.stat()
    return facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


def read(path: Path, trust: Trust) -> Believed | Rejected:
    """Read one record and who signed it; whatever is wrong with it comes back as a reason.

    Files beside a record are checked against the digests in it when they are used; hashing all of them at once would
    keep visitors waiting.
    """
    return read_as(path, trust, unseal)


def read_as(path: Path, trust: Trust, parse: Callable[[Sealed], Parsed]) -> Parsed | Rejected:
    """Check the signature of one record; return what `parse` makes of its bytes, or the reason why there is nothing."""
    try:
        return parse(open_sealed(path, trust))
    except (OSError, ValueError, RecursionError) as error:
        return Rejected(str(path), in_words(error))
