"""Which records of several stores say the same thing, so that each evaluation is shown once.

Pure. A record of one signer never makes a record of another signer a duplicate.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from benchmark.recording.record_files import plain_name
from leaderboard.board.board import Condensed, Entry


def own_before_shipped(found: Iterable[Condensed], shipped: Path) -> list[Condensed]:
    """Leave out what ships with the code, in the folder `shipped`, where the user's store holds the same evaluation.

    The same evaluation is one by the same signer, of the same submission, on the same specification: a record that
    only repeats the evaluation key of somebody else hides nothing.
    """
    found = tuple(found)
    own = {_evaluation(each.entry) for each in found if not Path(each.entry.path).is_relative_to(shipped)}
    return [
        each for each in found
        if not Path(each.entry.path).is_relative_to(shipped) or _evaluation(each.entry) not in own
    ]  # fmt: skip


def _evaluation(entry: Entry) -> tuple[str, ...]:
    return entry.key_id, entry.name, entry.spec_digest, entry.evaluation_key


def copies(found: Iterable[Condensed]) -> dict[str, str]:
    """Find files that repeat a record byte for byte under the same key: their paths, with the path of the original.

    The original is the one whose file is named as an archive names it, else the first by path.
    """
    by_content: dict[tuple[str, str], list[Entry]] = {}
    for each in found:
        if each.record_sha256:
            by_content.setdefault((each.record_sha256, each.entry.key_id), []).append(each.entry)
    repeated: dict[str, str] = {}
    for entries in by_content.values():
        original, *others = sorted(entries, key=lambda entry: (not _has_its_name(entry), entry.path))
        repeated |= {entry.path: original.path for entry in others}
    return repeated


def _has_its_name(entry: Entry) -> bool:
    path = Path(entry.path)
    expected = entry.spec_identity, f"{entry.name}-{entry.evaluation_key[:12]}.json"
    return (path.parent.name, plain_name(path)) == expected
