"""What is written about made boards: who a verdict is about, a panel and a figure per claim, and what is concluded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pytest

from benchmark.scoring.statistics.models_and_images import TwoWayMean
from leaderboard.board.board import Board, assemble, condense
from leaderboard.figures.palette import Look
from leaderboard.report.across import disagreement
from leaderboard.report.blocks import Block, Figure, Heading, Intervals, Paragraph, Table
from leaderboard.report.conclusions import definitions, simclr, turns_of
from leaderboard.report.findings import CLAIMS, Findings, find
from leaderboard.report.verdicts import PlannedTest, judge
from leaderboard.report.words import report
from tests.leaderboard.records import SIGNER, Knobs, evaluation
from tests.leaderboard.report.made import SCHEDULES, SPARSITIES, made_method

LOOKS = {name: Look("#123456", "circle") for name in ("supervised", "supcon", "simclr")}
EFFECT = {"seen": 0.3, "not seen": -0.3, "undecided": 0.04}


def _board() -> Board:
    knobs = [Knobs(name, models=6, schedules=SCHEDULES, sparsities=SPARSITIES) for name in LOOKS]
    return assemble(condense(each.name, evaluation(each), SIGNER) for each in knobs)


def _findings(losses: Mapping[str, Sequence[float]], label: str = "made-1.0 (smoke)", seed: int = 3) -> Findings:
    rng = np.random.default_rng(seed)
    made = [made_method(name, dict(zip(SCHEDULES, each, strict=True)), rng) for name, each in losses.items()]
    return find(label, made, 0.05)


ALL = {"supervised": (0.09, 0.05, 0.05), "supcon": (0.12, 0.12, 0.12), "simclr": (0.05, 0.05, 0.05)}


def _text(blocks: Iterator[Block] | Sequence[Block]) -> str:
    return "\n".join("".join(part.text for part in each.parts) for each in blocks if isinstance(each, Paragraph))


def test_a_cell_of_verdicts_names_the_methods() -> None:
    blocks = report(_board(), [_findings(ALL)], LOOKS, 0.05)
    verdicts = next(each for each in blocks if isinstance(each, Table))
    first = verdicts.rows[0][1].text
    assert first.startswith("seen for supcon; ")
    assert first.endswith("for simclr")
    assert verdicts.rows[1][1].text.endswith(", all methods together")


@pytest.mark.parametrize("claim", CLAIMS)
def test_every_claim_has_other_readings_and_a_figure(claim: str) -> None:
    blocks = report(_board(), [_findings(ALL)], LOOKS, 0.05)
    begin = next(n for n, each in enumerate(blocks) if isinstance(each, Heading) and each.text.startswith(f"({claim})"))
    rest = blocks[begin + 1 :]
    end = next(n for n, each in enumerate(rest) if isinstance(each, Heading) and each.level == 2)
    mine = rest[:end]
    headings = [title for each in mine if isinstance(each, Table) for title in each.headings]
    assert "Sensitivity" in _text(mine) + " ".join(headings)
    assert [each for each in mine if isinstance(each, Figure | Intervals)]
    readings = [cell for each in mine if isinstance(each, Table) for row in each.rows for cell in row
                if " readings" in cell.text]  # fmt: skip
    assert all(cell.records for cell in readings)


def test_schedules_are_drawn_as_they_are_tested() -> None:
    found = _findings(ALL)
    blocks = report(_board(), [found], LOOKS, 0.05)
    (drawn,) = [each for each in blocks if isinstance(each, Intervals)]
    tested = [judged.test for judged in found.of_claim("c")]
    assert [(each.row, each.name, each.value) for each in drawn.spans] == [
        (test.method, test.schedules, test.effect.value) for test in tested
    ]
    assert all(each.low < each.value < each.high for each in drawn.spans)


def test_a_tie_is_no_lowest_accuracy_of_early_pruning() -> None:
    """Records of equal accuracy under all schedules: the first name used to be called the lowest."""
    found = _findings(ALL)
    numbers = _board()
    same = numbers.numbers.assign(value=0.5)
    blocks = report(Board(numbers.entries, same, numbers.seeds), [found], LOOKS, 0.05)
    early = next(each for each in blocks if isinstance(each, Table) and "Lowest" in each.headings)
    assert {row[-1].text for row in early.rows} == {"early, late, one-shot"}
    counted = next(each for each in blocks if isinstance(each, Table) and "Lowest at" in each.headings)
    assert {row[counted.headings.index("Lowest at")].text for row in counted.rows} == {"0 of 2"}


def test_the_trend_of_a_method_on_two_boards_is_a_figure_with_a_line_each() -> None:
    one = _findings(ALL, "one-1.0 (smoke)")
    two = _findings({name: ALL[name] for name in ("supervised", "supcon")}, "two-1.0 (smoke)", seed=4)
    (drawn,) = [each for each in disagreement([one, two]) if isinstance(each, Figure)]
    assert drawn.name == "trend-supcon"
    assert [line.name.partition(":")[0] for line in drawn.lines] == ["one-1.0", "two-1.0"]
    assert all([point[0] for point in line.points] == list(SPARSITIES) for line in drawn.lines)
    assert not [each for each in disagreement([one]) if isinstance(each, Figure)]


def _judged(supcon: str, simclr_: str) -> Findings:
    """A board with these verdicts of claim a; "" where a method was not tested."""
    found = _findings(dict.fromkeys(LOOKS, (0.05, 0.05, 0.05)))
    tests = [
        PlannedTest("a", name, TwoWayMean(EFFECT[verdict], 0.02, 5.0), 0.05, ("supervised", name), name)
        for name, verdict in (("supcon", supcon), ("simclr", simclr_)) if verdict
    ]  # fmt: skip
    return Findings(found.label, found.methods, found.sparsity, tuple(judge(tests, 0.05)))


@pytest.mark.parametrize(
    ("supcon", "simclr_", "said"),
    [
        ("seen", "seen", "labels do not prevent it"),
        ("seen", "not seen", "SupCon loses more than cross-entropy and SimCLR does not"),
        ("not seen", "seen", "training without labels may be"),
        ("not seen", "not seen", "nothing to explain"),
        ("undecided", "not seen", "contrast by itself need not cost"),
        ("seen", "undecided", "leaves it open: simclr is undecided there"),
        ("undecided", "undecided", "leaves it open: supcon and simclr are undecided there"),
        ("seen", "", "adds nothing: simclr is not tested there"),
        ("", "", "adds nothing: supcon and simclr are not tested there"),
    ],
)
def test_what_simclr_adds_follows_from_the_verdicts(supcon: str, simclr_: str, said: str) -> None:
    *_, last = simclr([_judged(supcon, simclr_)])
    assert said in _text([last])


def test_what_moves_with_a_definition_is_said_of_pairs_that_turn() -> None:
    values = {"a": {"x": 1.0, "y": 2.0}, "b": {"x": 2.0, "y": 1.0}, "c": {"x": 3.0, "y": float("nan")}}
    assert turns_of(values, "x", "y") == ([("a", "b")], 1)
    assert turns_of({"a": values["a"]}, "x", "y") is None
    text = _text(definitions(_board(), [_findings(ALL)]))
    assert "Global or layerwise pruning" in text
    assert "made-1.0 (smoke)" in text
