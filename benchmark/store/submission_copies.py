"""Private copies of submitted code, named by the code that they contain. Trainers read these and nothing else.

A copy is there from the moment it is complete, and its folder is never moved: damaged files in it are replaced one by
one. So any number of evaluations may admit the same submission at once, while trainers read it.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
from dataclasses import replace
from pathlib import Path

from benchmark.admission.gate import MANIFEST, Admitted, admit
from benchmark.files.atomic import sync_folder, unfinished_folder, write_atomically
from benchmark.store.layout import Home

logger = logging.getLogger(__name__)


def admit_a_copy(submission: Path, home: Home) -> Admitted:
    """Admit a submission into a private copy; a copy of the same code that is there already is used.

    Raises:
        InvalidDocumentError: the submission is refused, with every problem.
        OSError: the copy cannot be written.
    """
    with unfinished_folder(home.submissions, "submission") as new:
        admitted = admit(submission, new)
        final = home.submissions / f"{admitted.name}-{admitted.code_digest[:16]}"
        if not _is_first(new, final):
            _repair(final, new)
    return replace(admitted, directory=final)


def _is_first(new: Path, final: Path) -> bool:
    """Rename a complete copy to its final name, unless there is one of that name.

    What is no folder makes way. A folder never does: another evaluation may have put its complete copy there meanwhile.
    """
    try:
        new.rename(final)
    except NotADirectoryError:
        try:
            final.unlink(missing_ok=True)
        except OSError:
            if not final.is_dir() or final.is_symlink():
                raise
        return _is_first(new, final)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    sync_folder(final.parent)
    return True


def _repair(there: Path, intact: Path) -> None:
    """Make a copy hold exactly the code of an intact one; files that do already are not touched.

    Of the manifest any version may stay: it is no part of the code, and trainers do not read it.
    """
    wanted = {path.relative_to(intact): path for path in intact.rglob("*") if path.is_file()}
    folders = {parent for name in wanted for parent in name.parents}
    for path in sorted(there.rglob("*")):
        name = path.relative_to(there)
        is_folder = path.is_dir() and not path.is_symlink()
        if path.name.endswith(".unfinished") or not os.path.lexists(path):
            continue  # another evaluation repairs the copy at this moment, or the folder around it is removed
        if not (name in folders and is_folder) and not (name in wanted and path.is_file() and not path.is_symlink()):
            level = logging.DEBUG if path.name == "__pycache__" else logging.WARNING  # a trainer as a process leaves it
            logger.log(level, "%s is no part of the submission and is removed", path)
            _remove(path)
    for name, path in wanted.items():
        if path.name != MANIFEST or not (there / name).exists():
            _restore(there / name, path.read_bytes())


def _restore(path: Path, content: bytes) -> None:
    try:
        if path.read_bytes() == content:
            return
        logger.warning("%s was damaged and is written again", path)
    except FileNotFoundError:
        logger.warning("%s was missing and is written again", path)
    write_atomically(path, content)


def _remove(path: Path) -> None:
    """Remove whatever has a name, if it is still there; no link is followed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
