"""Neutral places for what a container of submitted code mounts: their paths say nothing about this machine.

A container reads in /proc/self/mountinfo where on its host each mount comes from. No option of the engine hides it. So
nothing is mounted from `FMN_HOME`, whose path names users, projects and jobs. Inputs get a second name (a hard link,
or a copy where that is another disk) in a folder with a random name under /var/tmp, which keeps large files everywhere.
The outbox of a trainer is moved there, and its job keeps a link to it.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from benchmark.executors.docker.limits import grant_read
from benchmark.store.claims import Claims, tree_of_job
from benchmark.store.layout import Home

logger = logging.getLogger(__name__)

_NEUTRAL = Path("/var/tmp")
"""For the user alone where it is not writable: the system's temporary folder, which may be held in memory."""


class Staging:
    """The staged folders of one executor, in one folder that other users cannot enter.

    Args:
        home: whose jobs are staged.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._root: Path | None = None
        self._shared: dict[Path, Path] = {}
        self._outboxes: dict[Path, Path] = {}
        self._left_by_others: list[Path] = []

    def share(self, path: Path) -> Path:
        """Stage a file that many containers read, once; return its path."""
        if path not in self._shared:
            self._shared[path] = self._stage(path, self._folder())
        return self._shared[path]

    def stage(self, *paths: Path) -> list[Path]:
        """Stage files and folders that one container reads; return their paths, in one new folder."""
        folder = self._folder()
        return [self._stage(path, folder) for path in paths]

    def move_outbox(self, outbox: Path, beside: Path) -> Path:
        """Move an empty outbox to the folder of something staged, leave a link to it, and return its path there."""
        moved = beside.parent / "outbox"
        moved.mkdir()
        moved.chmod(0o777)
        outbox.rmdir()
        outbox.symlink_to(moved)
        self._outboxes[outbox] = moved
        return moved

    def remove(self, staged: Path) -> None:
        """Remove the folder that something has been staged in."""
        shutil.rmtree(staged.parent, ignore_errors=True)

    def note_leftovers(self, claims: Claims | None = None) -> int:
        """Note the folders of dispatchers that have died, to be removed by `close`; return how many.

        Their outboxes are still needed: the caller takes what is finished from them next.

        Args:
            claims: of this dispatcher; what belongs to trees that others hold is passed over.
        """
        roots: set[Path] = set()
        for folder in self._home.jobs.glob("*"):
            with claims.borrowed(tree_of_job(folder.name)) if claims is not None else nullcontext(True) as is_nobodys:
                roots |= _staged_root(folder) if is_nobodys else set()
        self._left_by_others += [root for root in roots if root.parent in _places() and root != self._root]
        return len(self._left_by_others)

    def remove_collected(self, clear: Callable[[Path], None]) -> None:
        """Remove what was staged for jobs that are gone; `clear` empties an outbox that is closed to us."""
        for link, outbox in list(self._outboxes.items()):
            if not os.path.lexists(link):
                self._remove_outbox(outbox, clear)
                del self._outboxes[link]

    def close(self, clear: Callable[[Path], None]) -> None:
        """Remove everything; `clear` empties an outbox in which a trainer has closed folders to us."""
        for outbox in self._outboxes.values():
            self._remove_outbox(outbox, clear)
        self._outboxes.clear()
        needed = {root for folder in self._home.jobs.glob("*") for root in _staged_root(folder)}
        left = [root for root in self._left_by_others if root not in needed]  # else another one takes states from it
        for root in left:
            for outbox in root.glob("*/outbox"):
                self._remove_outbox(outbox, clear)
        for root in [*left, self._root]:
            if root is not None:
                shutil.rmtree(root, ignore_errors=True)
        self._root, self._left_by_others = None, []
        self._shared.clear()

    def _remove_outbox(self, outbox: Path, clear: Callable[[Path], None]) -> None:
        shutil.rmtree(outbox.parent, ignore_errors=True)
        if outbox.exists():
            clear(outbox)
            shutil.rmtree(outbox.parent, ignore_errors=True)

    def _folder(self) -> Path:
        if self._root is None:
            self._root = Path(tempfile.mkdtemp(prefix="", dir=_places()[0]))  # mode 0700
        return Path(tempfile.mkdtemp(prefix="", dir=self._root))

    @staticmethod
    def _stage(path: Path, folder: Path) -> Path:
        grant_read(path)
        staged = folder / str(len(list(folder.iterdir())))
        if path.is_dir():
            shutil.copytree(path, staged, copy_function=_link_or_copy)
        else:
            _link_or_copy(path, staged)
        return staged


def _staged_root(job: Path) -> set[Path]:
    """Return the folder in which the outbox of a job is staged; none where it is not, or no longer."""
    try:
        return {(job / "outbox").readlink().parents[1]}
    except (OSError, IndexError):
        return set()


def _places() -> list[Path]:
    """Return the folders where things are staged, the preferred one first."""
    return [folder for folder in (_NEUTRAL, Path(tempfile.gettempdir())) if os.access(folder, os.W_OK | os.X_OK)]


def _link_or_copy(source: str | Path, target: str | Path) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        logger.debug("%s is copied, since it cannot be linked: %s", source, error)
        shutil.copyfile(source, target)
        grant_read(Path(target))
