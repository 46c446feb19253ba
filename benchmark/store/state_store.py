"""The content-addressed store of trained states: atomic to publish, verified on reading.

It takes files from an outbox as hostile bytes: fixed names, regular files, bounded sizes, hashed while copying. It
never looks inside them; that is the scorer's business.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from benchmark.files.atomic import sync_folder, write_atomically
from benchmark.training.state import ENCODER_FILE, MASK_FILE, METHOD_FILE
from benchmark.training.trainer import REPORT_FILE
from benchmark.training.training_job import SegmentReport

MANIFEST_FILE = "manifest.json"

SIZE_LIMITS: Mapping[str, int] = {
    ENCODER_FILE: 2 << 30,
    MASK_FILE: 1 << 30,
    METHOD_FILE: 4 << 30,
    REPORT_FILE: 1 << 20,
}
"""What a state may consist of, and how large each file may be, in bytes."""

_REQUIRED = SIZE_LIMITS.keys() - {METHOD_FILE}


class RefusedFile(ValueError):  # noqa: N818 - says what happened to the file
    """A file in an outbox is missing, not a regular file, or too large."""


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
        """
        if self.has(key) and (self._is_resumable(key) or not os.path.lexists(source / METHOD_FILE)):
            return
        aside = self.folder / f".{key}.{os.getpid()}.unfinished"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        try:
            digests = {
                name: _copy_hashing(source / name, aside / name, limit)
                for name, limit in SIZE_LIMITS.items()
                if name != METHOD_FILE or os.path.lexists(source / name)
            }
            _demand_report(aside / REPORT_FILE, key)
            (aside / MANIFEST_FILE).write_text(json.dumps(digests, sort_keys=True), encoding="utf-8")
            sync_folder(aside)
            self.path(key).parent.mkdir(exist_ok=True)
            shutil.rmtree(self.path(key), ignore_errors=True)  # one that cannot be trained on gives way to one that can
            aside.rename(self.path(key))
            sync_folder(self.path(key).parent)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        self._verified.add(key)

    def drop_method_state(self, key: str) -> None:
        """Forget what is only needed to train on from a state; it can still be scored."""
        if self._is_resumable(key):
            manifest = self._manifest(key)
            del manifest[METHOD_FILE]
            # The manifest first: a crash in between leaves a file that nobody knows, not a state that looks damaged.
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
        """Compare every file with its digest, once per process; a damaged state is removed, to be trained again."""
        if key in self._verified:
            return True
        try:
            manifest = self._manifest(key)
            complete = set(manifest) >= _REQUIRED
            intact = complete and all(_sha256(self.path(key) / name) == digest for name, digest in manifest.items())
        except (OSError, ValueError):
            intact = False
        if intact:
            self._verified.add(key)
        else:
            shutil.rmtree(self.path(key), ignore_errors=True)
        return intact


def read_bounded(path: Path, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes; symbolic links and anything else are refused, never followed.

    Raises:
        RefusedFile: it is missing, not a regular file, or larger.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise RefusedFile(f"{path.name}: expected a regular file, got {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)  # Python would not even wrap that of a folder
        raise RefusedFile(f"{path.name}: expected a regular file, got another kind of file")
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise RefusedFile(f"{path.name}: expected at most {limit} bytes, got more")
    return content


def _copy_hashing(source: Path, target: Path, limit: int) -> str:
    content = read_bounded(source, limit)
    with target.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
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
