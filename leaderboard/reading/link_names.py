"""What submissions and boards may be called in a link, and what to say of a name that is not clear. Pure.

A link is made on one day and opened on another one, or on another machine: names that several signers use have got
their signer since (`leaderboard.board.board`), and a board may be gone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from leaderboard.board.board import Entry
from leaderboard.board.standings import Arena
from leaderboard.board.wording import one_line


def names_of_submissions(entries: Iterable[Entry], shipped: Path) -> dict[str, list[str]]:
    """List what submissions may be called, each with the names on the board that it may mean, the best guess first.

    One's own come before what ships with the code, complete evaluations before incomplete ones, newer before older.

    Args:
        entries: the evaluations that count.
        shipped: folder of the records that ship with the code.
    """
    newest = sorted(entries, key=lambda entry: (entry.created, entry.path), reverse=True)
    ordered = sorted(newest, key=lambda entry: (Path(entry.path).is_relative_to(shipped), bool(entry.barred)))
    return _collected(
        (name, entry.name)
        for entry in ordered
        for name in (entry.submission, f"{entry.submission} ({entry.signed_by})")
    )


def names_of_boards(labels: Mapping[str, Arena]) -> dict[str, list[str]]:
    """List what boards may be called, by specification alone, with its tier, and with its digest; as before, by order.

    >>> names_of_boards({"digits-1.0 (smoke)": Arena("digits-1.0", "abc", "smoke")})["digits-1.0"]
    ['digits-1.0 (smoke)']
    """
    return _collected(
        (name, label)
        for label, arena in labels.items()
        for tiered in (f"{arena.identity} ({arena.tier})",)
        for name in (arena.identity, tiered, f"{tiered} #{arena.digest}")
    )


def newest_own(entries: Iterable[Entry], shipped: Path) -> Entry | None:
    """Return the newest evaluation that does not ship with the code; None where there is none."""
    own = [entry for entry in entries if not Path(entry.path).is_relative_to(shipped)]
    return max(own, key=lambda entry: (entry.created, entry.path), default=None)


def remark(text: str, noun: str, known: Iterable[str], called: Mapping[str, Sequence[str]], instead: str) -> str:
    """Word what is to be said of a name in a link; empty where it is clear.

    Args:
        text: the name in the link.
        noun: what it should name.
        known: names that are there.
        called: other names, each with what it may mean, the one that is shown first.
        instead: what is shown where nothing that the link names is there; empty where nothing is.

    >>> remark("x", "submission", ["a"], {}, "a")
    'The address names the submission “x”, which is not here. Shown instead: a.'
    >>> remark("a", "submission", ["a (me)", "a (you)"], {"a": ["a (me)", "a (you)"]}, "")
    'More than one submission is called “a”: this is a (me); the other one is a (you).'
    """
    if text in known:
        return ""
    if text not in called:
        shown = f" Shown instead: {one_line(instead, 80)}." if instead else ""
        return f"The address names the {noun} “{one_line(text, 80)}”, which is not here.{shown}"
    first, *others = (one_line(each, 80) for each in called[text])
    if not others:
        return ""
    the_others = f"the other one is {others[0]}" if len(others) == 1 else f"the others are {', '.join(others)}"
    return f"More than one {noun} is called “{one_line(text, 80)}”: this is {first}; {the_others}."


def _collected(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for name, meant in pairs:
        if meant not in found[name]:
            found[name].append(meant)
    return dict(found)
