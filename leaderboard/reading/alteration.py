"""Which files beside a record are not the ones that were signed with it, so that a page that uses them can say so."""

from __future__ import annotations

import logging
from pathlib import Path

from benchmark.files.digests import sha256_of
from benchmark.recording.record import EvaluationRecord
from benchmark.recording.record_files import beside

logger = logging.getLogger(__name__)


def altered_files(path: Path, record: EvaluationRecord) -> tuple[str, ...]:
    """Return the names of the files beside the record at `path` that differ from those it names.

    A file that is not there is not among them: a record may be copied without its outcomes.
    """
    found: list[str] = []
    for suffix, sha256 in record.attachments.items():
        file = beside(path, suffix)
        try:
            if file.is_file() and sha256_of(file) != sha256:
                found.append(file.name)
        except OSError as error:
            logger.warning("%s cannot be read; pages say that it is absent: %s", file, error)
    return tuple(found)
