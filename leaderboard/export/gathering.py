"""What an export shows: every record that is believed, read once, without a server. It refuses to write and to rank."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from benchmark.recording.trust import THIS_MACHINE, Trust
from benchmark.recording.verify import unseal
from leaderboard import shelf
from leaderboard.board import Board, Condensed, assemble, condense, own_before_shipped
from leaderboard.palette import Look, looks

PUBLISHER = "the publisher"
"""Who signed with a key of the exporting machine; "this machine" would be that of the reader."""


@dataclass(frozen=True)
class Gathered:
    """A board as of one moment."""

    board: Board
    rejected: tuple[shelf.Rejected, ...]
    trust: Trust
    looks: dict[str, Look]


def gather(trust: Trust) -> Gathered:
    """Read all records of the user's store and those that ship with the code, as the served board does."""
    trust = _as_publisher(trust)
    folders = shelf.homes()
    found = [_condensed(stamp.path, trust) for stamp in shelf.stamps(folders)]
    board = assemble(own_before_shipped([each for each in found if isinstance(each, Condensed)], folders[1]))
    rejected = tuple(each for each in found if isinstance(each, shelf.Rejected))
    return Gathered(board, rejected, trust, looks(board.names_by_age))


def _condensed(path: str, trust: Trust) -> Condensed | shelf.Rejected:
    return shelf.take(Path(path), trust, lambda sealed: condense(path, unseal(sealed).record, sealed.signer))


def _as_publisher(trust: Trust) -> Trust:
    named = {
        key: replace(signer, name=PUBLISHER) if signer.name == THIS_MACHINE else signer
        for key, signer in trust.signers.items()
    }
    return Trust(named, trust.problems)
