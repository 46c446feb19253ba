"""Records that ship with the code: copied, with all that belongs to them, to where everybody's leaderboard looks.

The record itself is packed there (`record_files.py`).

A record goes together with its signature, the files that it names, and the test images that it was scored on. It
refuses what is not to be believed, and what is too large for a repository.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmark.files.atomic import write_atomically
from benchmark.files.bounded import read_regular
from benchmark.recording.archive import with_what_belongs
from benchmark.recording.record import EvaluationRecord
from benchmark.recording.record_files import MAX_RECORD_BYTES, PACKED, beside, packed, plain_name, read_content
from benchmark.recording.trust import Trust
from benchmark.recording.verify import check_attachments, open_record

MAX_SHIPPED_BYTES = 20 * 2**20
"""Of one record and everything that goes with it."""
_DIGEST = re.compile(r"[0-9a-f]{64}")


def ship(path: Path, home: Path, results: Path, trust: Trust, max_bytes: int = MAX_SHIPPED_BYTES) -> Path:
    """Copy a record and everything that belongs to it; what is there already is replaced. The record comes last.

    Args:
        path: of the record.
        home: store in which its evaluation kept the test images.
        results: folder to copy to.
        trust: whose records may be shipped.
        max_bytes: how large all of it may be.

    Returns:
        Where the record is now.

    Raises:
        ValueError: it is not to be believed, names a path of this machine, or is larger than `max_bytes`.
        OSError: something cannot be read or written.
    """
    record = open_record(path, trust).record
    check_attachments(path, record)
    _refuse_paths(record)
    target = beside(results / record.spec_identity / path.name, PACKED)
    files: dict[Path, Path] = {}
    for facts in record.datasets.values():
        if _DIGEST.fullmatch(digest := str(facts.get("test_digest", ""))):
            images = Path("data") / digest / "labelled.safetensors"
            if (home / images).is_file():
                files[home / images] = results / images
    files |= with_what_belongs(path, target, record)
    del files[path]
    content = packed(read_content(path))
    total = sum(source.stat().st_size for source in files) + len(content)
    if total > max_bytes:
        raise ValueError(
            f"expected at most {max_bytes / 2**20:.3g} MiB with all that belongs to it, got {total / 2**20:.3g} MiB"
        )
    for source, goal in files.items():
        write_atomically(goal, read_regular(source, MAX_RECORD_BYTES))
    write_atomically(target, content)
    target.with_name(plain_name(target)).unlink(missing_ok=True)
    return target


def _refuse_paths(record: EvaluationRecord) -> None:
    """Refuse a record from before pictures were named by content: it says where they lay, which concerns nobody."""
    tasks: list[Mapping[str, Any]] = list(record.spec.get("tasks", ()))
    for task in tasks:
        if str(task.get("dataset", {}).get("path", "")).startswith("/"):
            raise ValueError(
                "expected pictures that are named by their content, got a path of the machine that made the record; "
                "evaluate again, which trains nothing twice"
            )
