"""The content-addressed store of trained states: atomic to publish, verified on reading.

Files from an outbox are taken as hostile bytes: fixed names, regular files, bounded sizes, hashed while copying. It
never looks inside them; that is the scorer's business.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from benchmark.files.atomic import replaced_folder, write_atomically, write_new_durably
from benchmark.files.bounded import RefusedFile, read_handed_over
from benchmark.store.damaged import keep_damaged
from benchmark.store.layout import DAMAGED_FOLDER
from benchmark.training.state_files import ENCODER_FILE, MASK_FILE, METHOD_FILE, REPORT_FILE
from benchmark.training.training_job import SegmentReport

logger = logging.getLogger(__name__)

MANIFEST_FILE = "manifest.json"

SIZE_LIMITS: Mapping[str, int] = {
    ENCODER_FILE: 2 << 30,
    MASK_FILE: 1 << 30,
    METHOD_FILE: 4 << 30,
    REPORT_FILE: 1 << 20,
}
"""What a state may consist of, and how large each file may be, in bytes."""

_REQUIRED = SIZE_LIMITS.keys() - {METHOD_FILE}


class Store:
    """States under one folder, each a folder of its own named by its key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._verified: set[str] = set()

    def path(self, key: str) -> Path:
        """Where the state of that name is, or would be."""
        return self.folder / key[:2] / key

    def has(self, key: str, *, resumable: bool = False) -> bool:
        """Whether the state is there and intact (with `resumable`, complete enough to train on)."""
        return self.path(key).exists() and self._verify(key) and (not resumable or self._is_resumable(key))

    def report(self, key: str) -> SegmentReport:
        """What the trainer said about a state."""
        return SegmentReport.model_validate_json((self.path(key) / REPORT_FILE).read_bytes())

    def publish(self, key: str, source: Path) -> None:
        """Take a state from an outbox; publishing the same name twice keeps the first.

        Raises:
            RefusedFile: a required file is missing, or one is not a bounded regular file.
            OSError: it cannot be kept: a full disk, a failing one.
        """
        if self.has(key) and (self._is_resumable(key) or not os.path.lexists(source / METHOD_FILE)):
            return
        # One that cannot be trained on is replaced by one that can.
        with replaced_folder(self.path(key), written_in=self.folder) as new:
            digests = {
                name: _copy_hashing(source / name, new / name, limit)
                for name, limit in SIZE_LIMITS.items()
                if name != METHOD_FILE or os.path.lexists(source / name)
            }
            _demand_report(new / REPORT_FILE, key)
            write_new_durably(new / MANIFEST_FILE, json.dumps(digests, sort_keys=True).encode())
        self._verified.add(key)

    def drop_method_state(self, key: str) -> None:
        """Forget what is only needed to train on from a state; it can still be scored."""
        if self._is_resumable(key):
            manifest = self._manifest(key)
            del manifest[METHOD_FILE]
            # The manifest first: a crash in between leaves a file without a digest, not a state that looks damaged.
            write_atomically(self.path(key) / MANIFEST_FILE, json.dumps(manifest, sort_keys=True).encode())
            (self.path(key) / METHOD_FILE).unlink()

    def _is_resumable(self, key: str) -> bool:
        return METHOD_FILE in self._manifest(key)

    def _manifest(self, key: str) -> dict[str, str]:
        manifest = json.loads((self.path(key) / MANIFEST_FILE).read_bytes())
        if not isinstance(manifest, dict):
            raise ValueError(f"{MANIFEST_FILE}: expected names and digests, got a {type(manifest).__name__}")
        return manifest

    def _verify(self, key: str) -> bool:
        """Compare every file with its digest, once per process; a damaged state is moved away, to be trained again.

        Raises:
            OSError: a file cannot be read, which says nothing about the state: too many open files, a network file
                system that does not answer. The state stays where it is.
        """
        if key in self._verified:
            return True
        damage = self._damage(key)
        if damage is None:
            self._verified.add(key)
            return True
        kept = keep_damaged(self.path(key), self.folder.parent / DAMAGED_FOLDER)
        logger.warning("the state %s is damaged (%s): moved to %s; it will be trained again", key[:12], damage, kept)
        return False

    def _damage(self, key: str) -> str | None:
        """Say what is wrong with a state; None where every byte is as it was written."""
        try:
            manifest = self._manifest(key)
            if not _REQUIRED <= manifest.keys() <= SIZE_LIMITS.keys():
                return f"{MANIFEST_FILE} names other files than a state has"
            changed = (name for name, digest in manifest.items() if _sha256(self.path(key) / name) != digest)
            name = next(changed, None)
            return name and f"{name} is not what {MANIFEST_FILE} says"
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            return f"{Path(error.filename).name}: {(error.strerror or '').lower()}"
        except ValueError:
            return f"{MANIFEST_FILE} is not JSON of a known layout"


def _copy_hashing(source: Path, target: Path, limit: int) -> str:
    content = read_handed_over(source, limit)
    write_new_durably(target, content)
    return hashlib.sha256(content).hexdigest()


def _demand_report(path: Path, key: str) -> None:
    try:
        report = SegmentReport.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise RefusedFile(f"{path.name}: not a report of a state ({error.error_count()} problems)") from error
    if report.key != key:
        raise RefusedFile(f"{path.name}: expected a report of {key[:12]}, got one of {report.key[:12]!r}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
