"""One plain sentence per question, made from the tests that hold: what a board says at a glance. Pure text.

It tests nothing: places come from a ranking, claims from the plan of the board.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from benchmark.printable import counted
from benchmark.scoring.score_math import FEWEST_MODELS
from leaderboard.board.claims import Claim, Kind
from leaderboard.board.standings import Row
from leaderboard.board.wording import one_line, track_title
from leaderboard.figures.charts import Level
from leaderboard.figures.lines import levels

MAX_NAMES = 3
EARLY, LATE = "early", "late"
_UNTRAINED = "untrained"


def headline(ranking: Sequence[Row], found: Sequence[Claim], level: float) -> str:
    """Say at a glance what the tests of a board hold.

    Args:
        ranking: everybody, ranked by the primary number within each track.
        found: the claims of the board, those about schedules at least; nothing where they are not tested.
        level: a claim holds where its adjusted p-value is at most this.
    """
    entries = [row.entry for row in ranking]
    tasks = sorted({task for entry in entries for task in entry.tasks})
    floor = floor_sentence(levels(entries, tasks[0])) if len(tasks) == 1 else ""
    return " ".join(filter(None, [*leading_sentences(ranking), schedule_sentence(found, level), floor]))


def leading_sentences(ranking: Sequence[Row]) -> list[str]:
    """Say per supervision track who is most robust, as far as the ranking separates it."""
    tracks: dict[str, list[Row]] = defaultdict(list)
    most = max((row.entry.num_models for row in ranking), default=0)
    fewest = FEWEST_MODELS if most >= FEWEST_MODELS else 0  # who is not tested does not lead
    for row in ranking:
        if row.standing.rank is not None and row.entry.num_models >= fewest:
            tracks[row.entry.supervision].append(row)
    return [_leading(track_title(track), tracks[track]) for track in sorted(tracks)]


def _leading(track: str, ranked: Sequence[Row]) -> str:
    first = [one_line(row.entry.name, 60) for row in ranked if row.standing.best == 1]
    if len(ranked) == 1:
        return f"{track}: {first[0]} is the only method."
    if len(first) == 1:
        others = [one_line(row.entry.name, 60) for row in ranked[1:]]
        beaten = others[0] if len(others) == 1 else f"the {len(others)} others that are tested"
        return f"{track}: {first[0]} is more robust than {beaten}."
    return f"{track}: {listed(first)} lead and are not separated, of {counted(len(ranked), 'method')}."


def schedule_sentence(found: Sequence[Claim], level: float) -> str:
    """Say which schedule keeps more, for how many of the methods in which schedules differ at all; empty without tests.

    Args:
        found: the claims of a board.
        level: a claim holds where its adjusted p-value is at most this.
    """
    tests = [claim for claim in found if claim.kind == "schedules" and claim.difference]
    pairs: dict[tuple[str, str], list[Claim]] = defaultdict(list)
    for claim in tests:
        pairs[_pair(claim)].append(claim)
    asked = sorted(pairs, key=lambda pair: (pair != (EARLY, LATE), pair))
    said = "; ".join(filter(None, (_compared(pair, pairs[pair], level, pair == asked[0]) for pair in asked)))
    return f"{said[:1].upper()}{said[1:]}." if said else ""


def _pair(claim: Claim) -> tuple[str, str]:
    first, second = sorted((claim.first, claim.second))
    return first, second


def _compared(pair: tuple[str, str], tests: Sequence[Claim], level: float, is_asked: bool) -> str:
    """Say of two schedules who wins how often; nothing where nobody does, unless that is what is asked."""
    wins = {name: sum(claim.p_holm <= level and claim.winner == name for claim in tests) for name in pair}
    names = {name: one_line(name, 40) for name in pair}
    said = [
        f"{names[name]} pruning keeps more than {names[other]} for {_share(wins[name], len(tests), 'method')}"
        for name, other in (pair[::-1], pair) if wins[name]
    ]  # fmt: skip
    any_of = f"any of {len(tests)} methods" if len(tests) > 1 else "the only method"
    nobody = f"{names[pair[0]]} and {names[pair[1]]} pruning are not separated for {any_of}"
    return " and ".join(said) or (nobody if is_asked else "")


def floor_sentence(references: Sequence[Level]) -> str:
    """Say what untrained encoders reach by the same probe; empty where no record knows it."""
    found = [level.value for level in references if _UNTRAINED in level.name]
    return f"Untrained encoders reach {found[0]:.3f} (accuracy, not pruned)." if found else ""


def verdict_sentence(kind: Kind, found: Sequence[Claim], level: float) -> str:
    """Answer the question of one kind of test in a sentence; empty without tests of that kind."""
    tests = [claim for claim in found if claim.kind == kind]
    if not tests:
        return ""
    if kind == "schedules":
        return schedule_sentence(found, level) or "No schedule differs from another one in any method."
    holding = [claim for claim in tests if claim.p_holm <= level]
    if kind == "control":
        kept = sum(claim.winner == claim.first for claim in holding)
        return (f"Pruning small weights keeps more than pruning random ones in {_share(kept, len(tests), 'test')}"
                f"{_reversed(len(holding) - kept)}.")  # fmt: skip
    separated = f"{len(holding)} of {len(tests)} pairs of methods are separated." if len(tests) > 1 else ""
    return f"{_best(tests, holding)} {separated}".strip()


def _share(count: int, total: int, noun: str) -> str:
    """Say how many of some.

    >>> _share(2, 3, "test"), _share(1, 1, "test")
    ('2 of 3 tests', 'the only test')
    """
    return f"{count} of {counted(total, noun)}" if total > 1 or not count else f"the only {noun}"


def _reversed(count: int) -> str:
    return f", and less in {count}" if count else ""


def _best(tests: Sequence[Claim], holding: Sequence[Claim]) -> str:
    names = {name for claim in tests for name in (claim.first, claim.second)}
    wins: dict[str, int] = defaultdict(int)
    for claim in holding:
        wins[claim.winner] += 1
    beaten = {claim.loser for claim in holding}
    unbeaten = [one_line(name, 60) for name in sorted(names - beaten, key=lambda name: (-wins[name], name))]
    champion = [name for name, count in wins.items() if count == len(names) - 1]
    if champion:
        return f"{one_line(champion[0], 60)} is more robust than every other method that is tested."
    return f"No method beats all others; none is shown to be more robust than {listed(unbeaten, 'or')}."


def listed(names: Sequence[str], word: str = "and") -> str:
    """List names for people, the first few of them.

    >>> listed(["a", "b"]), listed(["a", "b", "c", "d", "e"], "or")
    ('a and b', 'a, b, c or 2 more')
    """
    shown = [*names[:MAX_NAMES], *([f"{len(names) - MAX_NAMES} more"] if len(names) > MAX_NAMES else [])]
    return f" {word} ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))
