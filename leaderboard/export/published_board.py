"""The board that an export shows: every record that is believed, read once, without a server and without a cache."""

from __future__ import annotations

from dataclasses import replace

from benchmark.recording.trust import THIS_MACHINE, Trust
from leaderboard.reading.board_loader import BoardSnapshot, read_board
from leaderboard.reading.record_store import homes

PUBLISHER = "the publisher"
"""Name of the signer for keys of the exporting machine; to a reader, "this machine" would be their own."""


def read_published_board(trust: Trust) -> BoardSnapshot:
    """Read all records of the user's store and those that ship with the code, as the served board does."""
    named = {
        key: replace(signer, name=PUBLISHER) if signer.name == THIS_MACHINE else signer
        for key, signer in trust.signers.items()
    }
    return read_board(homes(), Trust(named, trust.problems))
