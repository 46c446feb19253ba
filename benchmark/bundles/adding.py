"""Adding what was judged to a home: the code as a private copy, then records where the leaderboard finds them.

A record has the digest of its bytes in its name: nothing is ever replaced, and adding twice changes nothing. It comes
last, after all that it names, so that it is never seen half written.
"""

from __future__ import annotations

from pathlib import Path

from benchmark.bundles.judging import Judged, JudgedRecord
from benchmark.bundles.packing import MAX_FILE_BYTES
from benchmark.files.atomic import write_atomically
from benchmark.files.bounded import read_regular
from benchmark.files.digests import sha256_of
from benchmark.recording.archive import record_path, with_what_belongs
from benchmark.recording.record_files import PACKED, content_sha256, existing
from benchmark.store.layout import Home
from benchmark.store.submission_copies import admit_a_copy


def place_of(judged: JudgedRecord, home: Home) -> Path:
    """Return where a record of a bundle is kept: where the home has it already, or under the name in the bundle."""
    own = existing(record_path(home.records, judged.record))
    if own is not None and content_sha256(own) == sha256_of(judged.path):
        return own
    return home.records / judged.record.spec_identity / judged.path.name


def add(judged: Judged, home: Home) -> list[Path]:
    """Add code and records to a home; what is there already is not touched.

    Returns:
        Where the records are now, in the order of the bundle.

    Raises:
        OSError: something cannot be written. The same call again goes on.
    """
    admit_a_copy(judged.code, home)
    return [_add_record(each, home) for each in judged.records]


def _add_record(judged: JudgedRecord, home: Home) -> Path:
    path = place_of(judged, home)
    for source, target in with_what_belongs(judged.path, path, judged.record).items():
        if target.name.endswith(PACKED):
            continue  # the same record, as a home that was copied from shipped ones has it
        content = read_regular(source, MAX_FILE_BYTES)
        if not (target.is_file() and target.read_bytes() == content):
            write_atomically(target, content)
    return path
