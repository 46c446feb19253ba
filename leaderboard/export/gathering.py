"""What an export shows: every record that is believed, read once, without a server. It refuses to write and to rank."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmark.recording.trust import THIS_MACHINE, Trust
from benchmark.recording.verify import unseal
from leaderboard.board.board import Condensed, condense
from leaderboard.reading import record_store as shelf
from leaderboard.reading.opened import Opened, put_together

PUBLISHER = "the publisher"
"""Who signed with a key of the exporting machine; "this machine" would be that of the reader."""


def gather(trust: Trust) -> Opened:
    """Read all records of the user's store and those that ship with the code, as the served board does."""
    trust = _as_publisher(trust)
    return put_together([_condensed(stamp.path, trust) for stamp in shelf.stamps(shelf.homes())], trust)


def _condensed(path: str, trust: Trust) -> Condensed | shelf.Rejected:
    return shelf.take(Path(path), trust, lambda sealed: condense(path, unseal(sealed).record, sealed.signer))


def _as_publisher(trust: Trust) -> Trust:
    named = {
        key: replace(signer, name=PUBLISHER) if signer.name == THIS_MACHINE else signer
        for key, signer in trust.signers.items()
    }
    return Trust(named, trust.problems)
