"""The folder of an exported site, replaced as a whole: readers see the old site or the new one, never a part.

A folder that holds anything which no earlier export wrote is never replaced.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from benchmark.files.atomic import replaced_folder
from benchmark.files.bounded import read_regular
from benchmark.files.destination import why_no_folder

MARKER = "export.json"
"""Lists what an export wrote, so that the next one knows what it may replace."""
_MAX_MARKER_BYTES = 64 * 2**20
_NAMED = 3

logger = logging.getLogger(__name__)


class ForeignFolder(ValueError):  # noqa: N818 - says in plain words why a folder is left alone
    """A folder that must not be replaced."""


def check_replaceable(folder: Path) -> None:
    """Make sure that a folder is absent, empty, or an earlier export and nothing else.

    Raises:
        ForeignFolder: it is not; says what is in the way and what to do.
    """
    _demand_place(folder)
    if not folder.exists():
        return
    ends = [path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir() or not any(path.iterdir())]
    foreign = sorted({path.relative_to(folder).as_posix() for path in ends} - _listed(folder))
    if foreign:
        more = f" and {len(foreign) - _NAMED} more" if len(foreign) > _NAMED else ""
        raise ForeignFolder(
            f"{folder}: expected an empty folder or an earlier export, got {', '.join(foreign[:_NAMED])}{more}, "
            "which no export wrote; move that away or name another folder"
        )


def _demand_place(folder: Path) -> None:
    """Refuse a folder that cannot be made, before minutes are spent; other words would name files of ours."""
    got = why_no_folder(folder)
    if got is not None:
        raise ForeignFolder(f"{folder}: expected a folder to write the site to, got {got}")


@contextmanager
def replaced_site(folder: Path) -> Generator[Path]:
    """Give a new folder to write the site to; it takes the place of `folder` in the end, or is deleted on failure."""
    folder = folder.resolve()
    check_replaceable(folder)
    with replaced_folder(folder) as new:
        yield new
        files = sorted(path.relative_to(new).as_posix() for path in new.rglob("*") if path.is_file())
        (new / MARKER).write_text(json.dumps({"by": "forget-me-not", "format": 1, "files": files}, indent=1))
        check_replaceable(folder)  # rendering takes a while


def _listed(folder: Path) -> set[str]:
    """Return what an earlier export says it wrote; nothing where there was none."""
    try:
        raw = json.loads(read_regular(folder / MARKER, _MAX_MARKER_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        logger.debug("%s lists nothing that an export wrote; its files are kept: %s", folder / MARKER, error)
        return set()
    is_ours = isinstance(raw, dict) and raw.get("by") == "forget-me-not" and isinstance(raw.get("files"), list)
    return {MARKER, *(str(name) for name in raw["files"])} if is_ours else set()
