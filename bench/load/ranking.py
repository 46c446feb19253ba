"""Reads all records of a home and ranks its largest board, as the first page does: `python -m bench.load.ranking`.

`bench.load.records` measures it as a process of its own.
"""

from __future__ import annotations

from benchmark.recording.trust import load_trust
from leaderboard.board.standings import arenas, competitors
from leaderboard.export.arena_ranking import rank_arena
from leaderboard.reading.board_loader import BoardLoader
from leaderboard.reading.record_store import homes


def main() -> None:
    """Rank once, and say how many."""
    board = BoardLoader().load(homes(), load_trust()).board
    label, arena = max(arenas(board).items(), key=lambda each: len(competitors(board, each[1])))
    ranked = rank_arena(board, arena, label)
    print(f"{label}: {len(ranked.ranking)} ranked, {len(ranked.claims)} tests")


if __name__ == "__main__":
    main()
