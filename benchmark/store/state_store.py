"""The content-addressed store of trained states: atomic to publish, verified on reading.

Files from an outbox are taken as hostile bytes: fixed names, regular files, bounded sizes, hashed while copying. It
never looks inside them; that is the scorer's business.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from pydantic import ValidationError

from benchmark.files.atomic import replace_folder, unfinished_folder, write_atomically, write_new_durably
from benchmark.files.bounded import RefusedFile
from benchmark.files.digests import sha256_of
from benchmark.printable import counted
from benchmark.recording.isolation import Isolation, is_at_least
from benchmark.recording.signing_keys import PublicKey, Role, public_keys
from benchmark.store.claim import taken
from benchmark.store.damaged import keep_damaged
from benchmark.store.handed_over import copy_handed_over, demand_size
from benchmark.store.layout import DAMAGED_FOLDER, Home
from benchmark.store.origin import ORIGIN_FILE, UNKNOWN, JobOrigin, isolation_of, state_origin
from benchmark.store.sizes import SIZE_LIMITS, StateSizes
from benchmark.training.state_files import METHOD_FILE, REPORT_FILE
from benchmark.training.training_job import SegmentReport

logger = logging.getLogger(__name__)

MANIFEST_FILE = "manifest.json"

_REQUIRED = SIZE_LIMITS.keys() - {METHOD_FILE}


class Store:
    """States under one folder, each a folder of its own named by its key.

    Several processes may use it at once. Who publishes a state, or drops a part of one, holds the claim of its tree.

    Args:
        folder: of all states, in a home.
        demand: called at the last moment before anything is changed; raises where this process has lost its claims.
    """

    def __init__(self, folder: Path, demand: Callable[[], None] = lambda: None) -> None:
        self.folder, self._demand = folder, demand
        self._verified: set[str] = set()
        self._isolation: dict[str, Isolation] = {}
        self._keys: dict[Role, PublicKey] | None = None

    def path(self, key: str) -> Path:
        """Where the state of that name is, or would be."""
        return self.folder / key[:2] / key

    def has(self, key: str, *, resumable: bool = False, at_least: Isolation = "none") -> bool:
        """Return whether the state is there and intact.

        Args:
            key: its name.
            resumable: whether it must be complete enough to train on.
            at_least: how isolated the code must have been that made it.
        """
        return (
            os.path.lexists(f"{self.folder}/{key[:2]}/{key}")  # a large plan asks a million times: no Path
            and self._verify(key)
            and (not resumable or self._is_resumable(key))
            and (at_least == "none" or is_at_least(self.isolation(key), at_least))
        )

    def isolation(self, key: str) -> Isolation:
        """Return how isolated the code was that made a stored state; `none` where nothing proves more.

        Raises:
            UserError: this machine's keys cannot be read.
        """
        if key not in self._isolation:
            if self._keys is None:
                self._keys = public_keys()
            self._isolation[key] = isolation_of(key, self.path(key), self._manifest(key), self._keys)
        return self._isolation[key]

    def forget_isolation(self) -> None:
        """Look again how isolated states were made, because another dispatcher may have made some anew."""
        self._isolation.clear()

    def report(self, key: str) -> SegmentReport:
        """What the trainer said about a state."""
        return SegmentReport.model_validate_json((self.path(key) / REPORT_FILE).read_bytes())

    def method_bytes(self, key: str) -> int:
        """Return the size of a stored method's state; 0 where there is none."""
        try:
            return (self.path(key) / METHOD_FILE).lstat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return 0

    def publish(self, key: str, source: Path, made_by: JobOrigin = UNKNOWN) -> None:
        """Take a state from an outbox.

        One that is there already stays, unless it cannot be trained on and the new one can, or the code that made the
        new one was more isolated. It is never replaced by one that is less isolated.

        Args:
            key: name of the state.
            source: its folder in the outbox.
            made_by: what is known of the job that made it.

        Raises:
            RefusedFile: a required file is missing, or one is not a regular file of a permitted size.
            OSError: it cannot be kept: a full disk, a failing one.
            UserError: this machine's keys cannot be used.
        """
        if self._keeps(key, made_by.isolation, resumable=os.path.lexists(source / METHOD_FILE)):
            return
        names = [name for name in SIZE_LIMITS if name != METHOD_FILE or os.path.lexists(source / name)]
        limits = {name: size_limits(name, made_by.sizes) for name in names}
        for name, (smallest, largest) in limits.items():  # all of them, before a byte of any is read
            demand_size(source / name, smallest, largest)
        with unfinished_folder(self.folder, key) as new:
            digests = {name: copy_handed_over(source / name, new / name, *limits[name]) for name in names}
            _demand_report(new / REPORT_FILE, key)
            write_new_durably(new / ORIGIN_FILE, state_origin(key, digests, made_by))
            write_new_durably(new / MANIFEST_FILE, json.dumps(digests, sort_keys=True).encode())
            with self._changing():
                self._demand()
                replace_folder(new, self.path(key))
        self._verified.add(key)
        self._isolation.pop(key, None)
        self._keys = None  # the first key of a role may be a moment old

    def _keeps(self, key: str, isolation: Isolation, *, resumable: bool) -> bool:
        """Return whether the state that is there stays where a new one is handed over."""
        if not self.has(key):
            return False
        there = self.isolation(key)
        if there != isolation:
            return is_at_least(there, isolation)
        return self._is_resumable(key) or not resumable

    def drop_method_state(self, key: str) -> None:
        """Forget what is only needed to train on from a state; it can still be scored."""
        if self._is_resumable(key):
            manifest = self._manifest(key)
            del manifest[METHOD_FILE]
            with self._changing():
                self._demand()
                # The manifest first: a crash in between leaves a file without a digest, not a state that looks damaged.
                write_atomically(self.path(key) / MANIFEST_FILE, json.dumps(manifest, sort_keys=True).encode())
                (self.path(key) / METHOD_FILE).unlink()

    def _changing(self) -> AbstractContextManager[None]:
        """Hold what keeps others from judging a state that changes at this moment; for milliseconds."""
        return taken(Home(self.folder.parent).claims / "states", "storing a state")

    def _is_resumable(self, key: str) -> bool:
        try:
            return METHOD_FILE in self._manifest(key)
        except FileNotFoundError:
            return False  # another process replaces it at this moment

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
        with self._changing():
            if not os.path.lexists(self.path(key)):
                return False  # another process has moved it away
            damage = self._damage(key)
            if damage is None:
                return True  # another process was changing it
            kept = keep_damaged(self.path(key), self.folder.parent / DAMAGED_FOLDER)
        logger.warning("the state %s is damaged (%s): moved to %s; it will be trained again", key[:12], damage, kept)
        return False

    def _damage(self, key: str) -> str | None:
        """Say what is wrong with a state; None where every byte is as it was written."""
        try:
            manifest = self._manifest(key)
            if not _REQUIRED <= manifest.keys() <= SIZE_LIMITS.keys():
                return f"{MANIFEST_FILE} names other files than a state has"
            changed = (name for name, digest in manifest.items() if sha256_of(self.path(key) / name) != digest)
            name = next(changed, None)
            return name and f"{name} is not what {MANIFEST_FILE} says"
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            return f"{Path(error.filename).name}: {(error.strerror or '').lower()}"
        except ValueError:
            return f"{MANIFEST_FILE} is not JSON of a known layout"


def size_limits(name: str, sizes: StateSizes | None) -> tuple[int, int]:
    """Return the smallest and the largest size that a file may have, in bytes."""
    if sizes is None:
        return 0, SIZE_LIMITS[name]
    if name in sizes.exact:
        return sizes.exact[name], sizes.exact[name]
    return 0, min(SIZE_LIMITS[name], sizes.method_limit)


def _demand_report(path: Path, key: str) -> None:
    try:
        report = SegmentReport.model_validate_json(path.read_bytes())
    except ValidationError as error:
        problems = counted(error.error_count(), "problem")
        raise RefusedFile(f"{path.name}: not a report of a state ({problems})") from error
    if report.key != key:
        raise RefusedFile(f"{path.name}: expected a report of {key[:12]}, got one of {report.key[:12]!r}")
