"""Records on an exported site: the very bytes that were signed, their signature, and the files that they name.

Only what is believed is copied; nothing is signed here.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmark.files.bounded import read_regular
from benchmark.files.digests import sha256_of
from benchmark.recording.archive import signature_path
from benchmark.recording.record import EvaluationRecord
from benchmark.recording.record_files import beside, read_content
from benchmark.recording.signature import MAX_SIGNATURE_BYTES
from benchmark.recording.trust import Signer, Trust
from benchmark.recording.verify import open_record
from leaderboard.board.board import Entry


@dataclass(frozen=True)
class Copied:
    """One record on the site.

    Attributes:
        record: as it was copied.
        files: names and sizes in bytes of the record, its signature and what it names.
        absent: names of what it names but what was not beside it; `fmn verify` will miss that.
        altered: names, in the store, of what was beside it, changed after signing, and is therefore not on the site.
    """

    record: EvaluationRecord
    files: tuple[tuple[str, int], ...]
    absent: tuple[str, ...]
    altered: tuple[str, ...] = ()


def copy_record(entry: Entry, target: Path, trust: Trust) -> Copied:
    """Copy a record and all that belongs to it.

    Raises:
        ValueError: it is no longer the record that the board was made from.
        OSError: something cannot be read or written.
    """
    source = Path(entry.path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(read_content(source))
    signature_path(target).write_bytes(read_regular(signature_path(source), MAX_SIGNATURE_BYTES))
    record = open_record(target, trust).record  # what was copied is what is believed and shown
    if (record.evaluation_key, record.created) != (entry.evaluation_key, entry.created):
        raise ValueError(f"{source} was replaced while it was exported; run the same command again")
    kept, absent, altered = [target, signature_path(target)], list[str](), list[str]()
    for suffix, sha256 in record.attachments.items():
        copy, original = beside(target, suffix), beside(source, suffix)
        is_there = original.is_file()
        if is_there:
            shutil.copyfile(original, copy)
        if copy.is_file() and sha256_of(copy) == sha256:
            kept.append(copy)
        else:
            copy.unlink(missing_ok=True)
            if is_there:
                altered.append(original.name)
            else:
                absent.append(copy.name)
    return Copied(record, tuple((file.name, file.stat().st_size) for file in kept), tuple(absent), tuple(altered))


def keys_document(entries: Iterable[Entry], trust: Trust) -> str:
    """Write the list of keys that the records of a site are signed with, as `fmn verify --trusted-keys` reads it."""
    used = {entry.key_id for entry in entries}
    signers: list[Signer] = [signer for signer in trust.signers.values() if signer.key.id in used]
    head = (
        "# The keys that the records of this site are signed with. They come from the same place as the records: with\n"
        "# them alone you learn that nothing changed on the way. Ask whoever signed whether the keys are theirs.\n"
    )
    facts = [
        {"name": signer.name, "key": signer.key.text, "signs": sorted(signer.roles)}
        | {name: day for name, day in (("since", signer.since), ("until", signer.until)) if day}
        for signer in sorted(signers, key=lambda signer: (signer.name, signer.key.text))
    ]
    lines = [f"  - {json.dumps(each)}\n" for each in facts]  # JSON is YAML
    return f"{head}keys:\n{''.join(lines)}" if lines else f"{head}keys: []\n"
