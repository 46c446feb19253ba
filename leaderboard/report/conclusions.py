"""What follows from all boards: what SimCLR adds to SupCon, and which findings move with our definitions. Pure.

It owns these sentences. They are chosen by what records say, and none of them knows a board or a number.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from leaderboard.board.board import Board
from leaderboard.board.wording import one_line
from leaderboard.report.blocks import Block, Heading, Text, said, table
from leaderboard.report.findings import REFERENCE, Findings
from leaderboard.report.numbers import decimal, effect, mean_cell
from leaderboard.report.verdicts import Verdict

WITH_LABELS, WITHOUT_LABELS = "supcon", "simclr"

_FOLLOWS: Mapping[tuple[Verdict, Verdict], str] = {
    ("seen", "seen"): "both lose more than cross-entropy, with labels and without, so that what they have in common, "
    "contrast, goes with the loss, and labels do not prevent it",
    ("seen", "not seen"): "SupCon loses more than cross-entropy and SimCLR does not, so that contrast alone is not the "
    "cause",
    ("not seen", "seen"): "SimCLR loses more than cross-entropy and SupCon does not, so that contrast alone is not the "
    "cause, and training without labels may be",
    ("undecided", "not seen"): "SimCLR does not lose more than cross-entropy, so that contrast by itself need not "
    "cost; SupCon is undecided, so that nothing follows about labels",
    ("not seen", "not seen"): "neither loses more than cross-entropy, so that there is nothing to explain",
}
"""What follows from the verdicts on SupCon and SimCLR; nothing from others."""


def simclr(findings: Sequence[Findings]) -> Iterator[Block]:
    """Set the tests of SupCon and SimCLR side by side, and conclude."""
    yield Heading(2, "What SimCLR adds that SupCon cannot say")
    yield said("SupCon contrasts views and sees labels; SimCLR contrasts views and sees none. Where SupCon loses more "
               "than cross-entropy and SimCLR does not, contrast alone is not the cause. Where both lose more, labels "
               "do not prevent it. What is kept is a share of what was learned, so that a method that learned little "
               "has little to lose: the last column says what training added.")  # fmt: skip
    rows: list[list[str | Text]] = []
    for each in findings:
        tests = {judged.test.method: judged for judged in each.of_claim("a")}
        known = {method.entry.name: method for method in each.methods}
        for name in (REFERENCE, WITH_LABELS, WITHOUT_LABELS):
            judged, method = tests.get(name), known.get(name)
            learned = None if method is None else method.learned()
            own = () if method is None else (method.entry.path,)
            against = effect(judged) if judged else ("", "", "the reference" if name == REFERENCE else "not measured")
            rows.append([each.label, name, *against, Text(decimal(math.nan if learned is None else learned), own)])
    yield table(("Board", "Method", "Cross-entropy keeps more by", "p (Holm)", "Verdict",
                 "Training added (chance-corrected)"), rows)  # fmt: skip
    yield said(" ".join(_concluded(each) for each in findings))


def _concluded(found: Findings) -> str:
    verdicts = found.verdicts("a")
    with_labels, without = verdicts.get(WITH_LABELS), verdicts.get(WITHOUT_LABELS)
    if with_labels is None or without is None:
        lacking = [name for name in (WITH_LABELS, WITHOUT_LABELS) if name not in verdicts]
        return f"{found.label} adds nothing: {_are(lacking)} not tested there."
    if follows := _FOLLOWS.get((with_labels, without)):
        return f"On {found.label}, {follows}.{_little(found)}"
    unknown = [name for name in (WITH_LABELS, WITHOUT_LABELS) if verdicts[name] == "undecided"]
    return f"{found.label} leaves it open: {_are(unknown)} undecided there.{_little(found)}"


def _are(names: Sequence[str]) -> str:
    return f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'}"


def _little(found: Findings) -> str:
    """Say where SimCLR had less to lose than cross-entropy."""
    learned = {method.entry.name: method.learned() for method in found.methods}
    one, two = learned.get(REFERENCE), learned.get(WITHOUT_LABELS)
    return " SimCLR had learned less there to begin with." if one and two is not None and two < one else ""


DEFINITIONS = {
    "pie/published": "PIE, published", "pie/matched": "PIE, matched", "pie/excess": "PIE, excess",
    "depth/pred_shift": "Depth shift, own prediction", "depth/true_shift": "Depth shift, true label",
}  # fmt: skip
"""Numbers that are defined in several ways, with their headings."""

COMPARED = (
    ("pie/published", "pie/matched"), ("pie/published", "pie/excess"), ("pie/matched", "pie/excess"),
    ("depth/pred_shift", "depth/true_shift"),
)  # fmt: skip
"""Two definitions of the same thing each."""


def definitions(board: Board, findings: Sequence[Findings]) -> Iterator[Block]:
    """Say which findings move with a definition, as far as records hold several."""
    yield Heading(2, "What moves with a definition")
    yield said(_allocations(findings))
    yield said("Matched or plain PIE, and whose depth: the PIE rate as published, matched by seed, and in excess of "
               "what two dense halves disagree on; the shift of prediction depth to the model's own final prediction, "
               "and to the true label. Means of schedules at the highest sparsity.")  # fmt: skip
    rows: list[list[str | Text]] = []
    turned: list[list[str | Text]] = []
    concluded: list[str] = []
    for found in findings:
        values = {
            method.entry.name: {name: mean_cell(board, method.entry, found.sparsity, name) for name in DEFINITIONS}
            for method in found.methods
        }
        for method in found.methods:
            own, mine = (method.entry.path,), values[method.entry.name]
            rows.append([found.label, one_line(method.entry.name, 60), *(Text(decimal(mine[n]), own) for n in mine)])
        turns = {two: turns_of(values, *two) for two in COMPARED}
        turned += _turn_rows(found, turns)
        concluded.append(_moved(found, turns))
    yield table(("Board", "Method", *DEFINITIONS.values()), rows)
    yield said("How many pairs of methods change their order when one definition takes the place of the other, with no "
               "regard to intervals, and which of these pairs are with cross-entropy:")  # fmt: skip
    yield table(("Board", "Definitions", "Pairs that turn", "With cross-entropy"), turned)
    yield said(" ".join(concluded))


def _allocations(findings: Sequence[Findings]) -> str:
    """Say whether records can tell global from layerwise pruning."""
    used = {
        found.label: {str(each.get("allocation", "global")) for each in found.methods[0].spec.get("schedules", ())}
        for found in findings
    }
    kinds = set[str]().union(*used.values())
    if len(kinds) == 1:
        return (f"Global or layerwise pruning: every schedule of every board here is {kinds.pop()}, and the other one "
                "is not measured, so that no record can say which findings move with it.")  # fmt: skip
    each = "; ".join(f"{label}: {' and '.join(sorted(mine))}" for label, mine in used.items())
    both = [label for label, mine in used.items() if len(mine) > 1]
    told = f"Only {', '.join(both)} can tell them apart, under (c)" if both else "No board has both, so that none tells"
    return f"Global or layerwise pruning, by board: {each}. {told}."


Values = Mapping[str, Mapping[str, float]]
"""By method and definition."""


def turns_of(values: Values, one: str, two: str) -> tuple[list[tuple[str, str]], int] | None:
    """Return the pairs of methods whose order two definitions disagree on, and how many pairs have both.

    Example:
        >>> turns_of({"a": {"x": 1, "y": 2}, "b": {"x": 2, "y": 1}}, "x", "y")
        ([('a', 'b')], 1)
    """
    known = [name for name, mine in values.items() if not (math.isnan(mine[one]) or math.isnan(mine[two]))]
    pairs = list(combinations(known, 2))
    turned = [
        (a, b) for a, b in pairs if (values[a][one] - values[b][one]) * (values[a][two] - values[b][two]) < 0
    ]  # fmt: skip
    return (turned, len(pairs)) if pairs else None


Turns = Mapping[tuple[str, str], tuple[list[tuple[str, str]], int] | None]


def _turn_rows(found: Findings, turns: Turns) -> Iterator[list[str | Text]]:
    records = tuple(method.entry.path for method in found.methods)
    for (one, two), counted in turns.items():
        title = f"{DEFINITIONS[one]} / {DEFINITIONS[two].partition(', ')[2]}"
        if counted is None:
            yield [found.label, title, "not measured", ""]
            continue
        pairs, num_pairs = counted
        mine = ", ".join(_against_reference(pairs)) or "none"
        yield [found.label, title, Text(f"{len(pairs)} of {num_pairs}", records), mine]


def _moved(found: Findings, turns: Turns) -> str:
    """Conclude which orders of a board move with a definition."""
    moved = [
        f"{QUESTIONS[two]} moves {_what_moves(counted[0])}"
        for two, counted in turns.items() if two in QUESTIONS and counted is not None
    ]  # fmt: skip
    if not moved:
        return f"{found.label} cannot say: it has no two methods with these numbers."
    return f"On {found.label}: {'; '.join(moved)}."


QUESTIONS = {
    ("pie/published", "pie/matched"): "plain or matched PIE", ("pie/published", "pie/excess"): "plain or excess PIE",
    ("depth/pred_shift", "depth/true_shift"): "depth to the prediction or to the label",
}  # fmt: skip
"""What two definitions ask, in words."""


def _against_reference(pairs: Sequence[tuple[str, str]]) -> list[str]:
    return [one_line(b if a == REFERENCE else a, 60) for a, b in pairs if REFERENCE in (a, b)]


def _what_moves(pairs: Sequence[tuple[str, str]]) -> str:
    if mine := _against_reference(pairs):
        return f"the order of cross-entropy and {', '.join(mine)}"
    return "orders of other methods alone" if pairs else "no order"
