"""Writes what the shipped records say into `docs/results.md`, between its markers: `make docs`.

It computes nothing of its own: ranking, numbers and claims come from the modules that the served board uses. What is
written around the markers is for people to say.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark.recording.trust import Trust, load_trust
from benchmark.scoring.metric_names import (
    EXCESS_PIE,
    PROBE_ACCURACY,
    ROBUSTNESS_DENSE,
    ROBUSTNESS_KNOWLEDGE_KEPT,
    ROBUSTNESS_RETENTION,
    ROBUSTNESS_SCORE,
)
from leaderboard.board.board import Board, Entry
from leaderboard.board.claims import Claim
from leaderboard.board.estimates import IntervalEstimate
from leaderboard.board.inference.costs import WORST_SEED
from leaderboard.board.standings import arenas, cell_scores
from leaderboard.board.wording import TIERS, one_line, p_equals, percent, track_title
from leaderboard.export.arena_ranking import ArenaRanking, rank_arena
from leaderboard.markup.tables import number
from leaderboard.reading.board_loader import BoardSnapshot, read_board
from leaderboard.reading.record_store import SHIPPED, Rejected, read
from leaderboard.text.tunings import tunings_sentence

BEGIN, END = "<!-- records: make docs -->", "<!-- end -->"
SUMMARIES = (ROBUSTNESS_SCORE, WORST_SEED, ROBUSTNESS_KNOWLEDGE_KEPT, ROBUSTNESS_RETENTION, ROBUSTNESS_DENSE)
"""Numbers of whole submissions that the page shows, where records have them."""


def results_text(snapshot: BoardSnapshot) -> str:
    """Return a section of Markdown per board: ranking, accuracies where it prunes most, tuning, claims that hold."""
    labels = arenas(snapshot.board)
    return "\n\n".join(
        "\n".join(_section(snapshot, rank_arena(snapshot.board, arena, label)))
        for label, arena in sorted(labels.items())
    )


def replaced(page: str, text: str) -> str:
    """Return a page with what is between its markers replaced.

    Raises:
        ValueError: the page does not have both markers, in order.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"expected the lines {BEGIN} and {END}, in this order")
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def _section(snapshot: BoardSnapshot, ranked: ArenaRanking) -> Iterator[str]:
    board, entries = snapshot.board, ranked.entries
    first = entries[0]
    yield f"## {one_line(ranked.label)}\n"
    yield f"{TIERS.get(ranked.arena.tier, '')} {_how(entries)}\n"
    yield from _table(board, ranked)
    yield ""
    several = len({each.task for each in first.references}) > 1
    references = [
        f"{one_line(each.name)}{f' ({one_line(each.task)})' if several else ''} {each.value:.3f}"
        for each in first.references if each.value is not None
    ]  # fmt: skip
    if references:
        yield f"Through the same probe: {', '.join(references)}.\n"
    yield f"{tunings_sentence({entry.name: _tuning(entry, snapshot.trust) for entry in entries})}\n"
    yield from _claims(ranked)


def _tuning(entry: Entry, trust: Trust) -> Mapping[str, Any] | None:
    """Return what the record of an evaluation says about how its settings were chosen.

    Raises:
        ValueError: it is not believed any more.
    """
    found = read(Path(entry.path), trust)
    if isinstance(found, Rejected):
        raise ValueError(f"{found.path} was replaced while its board was written: {found.why}")
    return found.record.tuning


def _how(entries: Sequence[Entry]) -> str:
    models = " or ".join(str(number) for number in sorted({each.num_models for each in entries}))
    isolation = ", ".join(sorted({each.isolation for each in entries}))
    days = sorted(each.created[:10] for each in entries)
    when = days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"
    return f"{models} models per cell; isolation: {isolation}; made {when}."


def _table(board: Board, ranked: ArenaRanking) -> Iterator[str]:
    """Lay out the ranking: whole submissions, then accuracy under every schedule where it prunes most."""
    entries = ranked.entries
    sparsest = max(sparsity for entry in entries for sparsity in entry.sparsities)
    schedules = list(dict.fromkeys(name for entry in entries for name in (*entry.schedules, *entry.controls)))
    columns, scores = ranked.numbers.columns, ranked.numbers.scores
    shown = [name for name in SUMMARIES if name in columns]
    titles = [columns[name].title for name in shown]
    here = percent(sparsest)
    at_sparsest = [f"{one_line(name)}, {here}" for name in schedules]
    headings = ["Track", "Rank", "Submission", *titles, *at_sparsest, "Excess PIE there"]
    paths = [entry.path for entry in entries]
    cells = {schedule: cell_scores(board, paths, sparsest, [schedule]) for schedule in schedules}

    def cell(schedule: str, metric: str, path: str) -> float | None:
        estimate = cells[schedule].get(metric, {}).get(path)
        return None if estimate is None else estimate.value

    yield _row(headings)
    yield _row(["---"] * len(headings))
    for row in ranked.ranking:
        path = row.entry.path
        summaries = [_with_bounds(scores.get(name, {}).get(path)) for name in shown]
        accuracies = [cell(schedule, PROBE_ACCURACY, path) for schedule in schedules]
        excess = [cell(schedule, EXCESS_PIE, path) for schedule in row.entry.schedules]
        worst = max((value for value in excess if value is not None), default=None)
        yield _row([
            track_title(row.entry.supervision), row.standing.rank_text, one_line(row.entry.name, 80), *summaries,
            *(number(value, 3) for value in (*accuracies, worst)),
        ])  # fmt: skip


def _claims(ranked: ArenaRanking) -> Iterator[str]:
    found, entries = ranked.claims, ranked.entries
    level = 1 - entries[0].confidence
    holding = [claim for claim in found if claim.p_holm <= level]
    yield f"Of {len(found)} planned tests, {len(holding)} hold together at level {level:.2g}:\n"
    names = {entry.path: entry.name for entry in entries}
    for claim in sorted(holding, key=lambda claim: (claim.kind != "submissions", names[claim.path], claim.p_holm)):
        yield f"- {_sentence(claim, names)}"


def _sentence(claim: Claim, names: dict[str, str]) -> str:
    better, worse = one_line(claim.winner, 60), one_line(claim.loser, 60)
    whose = "" if claim.kind == "submissions" else f"{one_line(names[claim.path], 60)}: "
    return f"{whose}{better} is more robust than {worse} (by {abs(claim.difference):.3f}, p {p_equals(claim.p_holm)})"


def _with_bounds(estimate: IntervalEstimate | None) -> str:
    if estimate is None:
        return number(None, 3)
    if estimate.low == estimate.high:
        return number(estimate.value, 3)
    return f"{number(estimate.value, 3)} [{number(estimate.low, 3)}, {number(estimate.high, 3)}]"


def _row(texts: Sequence[str]) -> str:
    return f"| {' | '.join(text.replace('|', '/') for text in texts)} |"


def main() -> None:
    """Bring the page given as the only argument up to date with the records that ship."""
    page = Path(sys.argv[1])
    text = results_text(read_board([SHIPPED], load_trust()))
    page.write_text(replaced(page.read_text(encoding="utf-8"), text), encoding="utf-8")


if __name__ == "__main__":
    main()
