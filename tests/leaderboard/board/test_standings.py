"""Which evaluations compete, what each is worth, and what reading a store survives."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from benchmark.recording.record import EvaluationRecord, Failure
from benchmark.recording.signing_keys import PublicKey
from benchmark.scoring.metric import Column, Estimate
from benchmark.scoring.metric_names import ROBUSTNESS_SCORE
from benchmark.scoring.score_math import log2_compression
from leaderboard.board.board import Board, assemble, condense
from leaderboard.board.claims import claims, separation
from leaderboard.board.inference.evidence import Evidence, evidence_of
from leaderboard.board.measures import collect
from leaderboard.board.ranked_table import ranked_frame
from leaderboard.board.stability import leaders
from leaderboard.board.standings import (
    Arena,
    Row,
    arenas,
    cell_scores,
    cell_value,
    columns_of,
    competitors,
    describe,
    in_order,
    mean_curves,
    rows,
    selection_scores,
    summary_scores,
)
from tests.leaderboard.records import COLUMNS, SIGNER, SPARSITIES, TASK, Knobs, evaluation


def _board(*records: EvaluationRecord) -> Board:
    return assemble(condense(f"record-{place}", record, SIGNER) for place, record in enumerate(records))


def _only_arena(board: Board) -> Arena:
    (arena,) = arenas(board).values()
    return arena


FAILED = {("late", 0.9, 1): Failure(reason="out_of_memory", message="2 GiB")}


def test_specifications_that_differ_in_anything_but_words_never_share_a_ranking() -> None:
    board = _board(
        evaluation(Knobs("a")),
        evaluation(Knobs("b", spec_changes={"description": "other words"})),
        evaluation(Knobs("c", spec_changes={"population": {"models": 30}})),
        evaluation(Knobs("d", identity="digits-1.1")),
        evaluation(Knobs("e", tier="full")),
    )
    found = arenas(board)
    groups = sorted(sorted(competitors(board, arena)) for arena in found.values())
    assert groups == [["a", "b"], ["c"], ["d"], ["e"]]
    assert sum("#" in label for label in found) == 2  # the two documents that share name, version and tier


def test_the_first_board_is_evidence_of_a_comparison_whatever_has_more_evaluations() -> None:
    """A smoke board with many evaluations came first, and one more evaluation of a method could move it."""
    smoke = [evaluation(Knobs(name)) for name in "abcd"]
    full = [evaluation(Knobs(name, identity="cifar10-1.0", tier="full")) for name in "ab"]
    small = [evaluation(Knobs(name, identity="mini-1.0", tier="qualification")) for name in "ab"]
    larger = [evaluation(Knobs(name, identity="other-1.0", tier="qualification")) for name in "abc"]
    again = [evaluation(Knobs("a", identity="mini-1.0", tier="qualification", created=f"2026-11-1{day}T00:00:00Z"))
             for day in range(5)]  # fmt: skip
    failed = [evaluation(Knobs(name, identity="broken-1.0", tier="full", failures=FAILED)) for name in "abcdef"]
    alone = [evaluation(Knobs("a", identity="alone-1.0", tier="full"))]
    made = [*failed, *alone, *again, *smoke, *small, *larger, *full]
    wanted = ["cifar10-1.0 (full)", "other-1.0 (qualification)", "mini-1.0 (qualification)", "digits-1.0 (smoke)",
              "alone-1.0 (full)", "broken-1.0 (full)"]  # fmt: skip
    assert list(arenas(_board(*made))) == wanted
    assert list(arenas(_board(*reversed(made)))) == wanted


def test_the_newest_code_counts_even_where_it_fails() -> None:
    board = _board(
        evaluation(Knobs("a", digest="old", created="2026-11-01T00:00:00Z")),
        evaluation(Knobs("a", digest="new", created="2026-11-02T00:00:00Z", failures=FAILED)),
    )
    first, second = competitors(board, _only_arena(board))["a"]
    assert (first.digest, second.digest) == ("new", "old")


def test_a_newer_record_of_the_same_name_by_another_signer_hides_nothing() -> None:
    """T4: the newest record of a name took the place of everybody else's."""
    other = replace(SIGNER, name="another lab", key=PublicKey(f"ed25519:{'cd' * 32}"))
    honest = condense("honest", evaluation(Knobs("a", created="2026-11-01T00:00:00Z")), SIGNER)
    newer = condense("newer", evaluation(Knobs("a", dense=0.5, created="2026-11-02T00:00:00Z")), other)
    forged = condense("forged", evaluation(Knobs("a (a lab)", created="2026-11-03T00:00:00Z")), other)
    board = assemble([honest, newer, forged])
    groups = competitors(board, _only_arena(board))
    assert {name: [entry.path for entry in group] for name, group in groups.items()} == {
        "a (a lab)": ["honest"], "a (another lab)": ["newer"], "a (a lab) (another lab)": ["forged"],
    }  # fmt: skip
    ranking = rows(groups, summary_scores(board, list(board.entries)), ROBUSTNESS_SCORE, "higher", each_track=False)
    assert len({row.entry.name for row in ranking}) == 3
    tested = claims(board, [group[0] for group in groups.values()])
    assert {claim.first for claim in tested if claim.kind == "submissions"} <= set(groups)
    assert len(set(board.names_by_age)) == 3
    assert [board.entries[path].submission for path in ("honest", "newer", "forged")] == ["a", "a", "a (a lab)"]


def test_the_isolated_and_the_other_key_of_one_signer_are_one_signer() -> None:
    isolated = replace(SIGNER, key=PublicKey(f"ed25519:{'cd' * 32}"))
    records = [evaluation(Knobs("a", created=f"2026-11-0{day}T00:00:00Z")) for day in (1, 2)]
    board = assemble([condense("old", records[0], SIGNER), condense("new", records[1], isolated)])
    assert [entry.path for entry in competitors(board, _only_arena(board))["a"]] == ["new", "old"]


def test_repeating_an_interrupted_evaluation_of_the_same_code_repairs_it_in_any_order() -> None:
    board = _board(
        evaluation(Knobs("a", created="2026-11-01T00:00:00Z")),
        evaluation(Knobs("a", created="2026-11-02T00:00:00Z", failures=FAILED)),
    )
    assert not competitors(board, _only_arena(board))["a"][0].barred


def test_an_incomplete_evaluation_is_a_row_with_its_reason_and_no_rank() -> None:
    board = _board(evaluation(Knobs("good")), evaluation(Knobs("broken", dense=0.99, failures=FAILED)))
    groups = competitors(board, _only_arena(board))
    scores = summary_scores(board, list(board.entries))
    ranking = rows(groups, scores, ROBUSTNESS_SCORE, "higher", each_track=False)
    assert [row.entry.name for row in ranking] == ["good", "broken"]
    assert ranking[1].standing.rank is None
    assert ranking[1].standing.reason == "1 of 126 runs failed: out of memory"
    assert ranking[0].standing.rank_text == "1"


def test_the_track_of_a_submission_is_that_of_its_evaluation_that_counts() -> None:
    """An older evaluation that saw labels put the newest one, which does not, among those that do."""
    older = evaluation(Knobs("a", supervision="labels", created="2026-11-01T00:00:00Z"))
    newer = evaluation(Knobs("a", created="2026-11-02T00:00:00Z"))
    board = _board(older, newer, evaluation(Knobs("b", supervision="labels")))
    assert set(competitors(board, _only_arena(board), "labels")) == {"b"}
    assert [entry.supervision for entry in competitors(board, _only_arena(board), "none")["a"]] == ["none", "labels"]


def test_each_track_has_its_own_first_place() -> None:
    board = _board(evaluation(Knobs("a")), evaluation(Knobs("b", dense=0.99, loss=0.01, supervision="labels")))
    groups, scores = competitors(board, _only_arena(board)), summary_scores(board, list(board.entries))
    apart, together = (
        {row.entry.name: row.standing.rank for row in rows(groups, scores, ROBUSTNESS_SCORE, "higher", each_track=each)}
        for each in (True, False)
    )
    assert (apart, together) == ({"a": 1, "b": 1}, {"a": 2, "b": 1})
    assert set(competitors(board, _only_arena(board), "labels")) == {"b"}


def test_the_score_of_a_selection_is_the_mean_area_of_the_chosen_cells() -> None:
    record = evaluation(Knobs("a"))
    board = _board(record)
    (entry,) = board.entries.values()
    found = selection_scores(board, [entry], ["early", "late"], [0.8, 0.9, 0.98])[entry.path]
    areas: list[float] = []
    for seed in range(6):
        for schedule in ("early", "late"):
            heights = {
                run.sparsity: ((run.metrics["linear/accuracy"] or 0.0) - 0.1) / 0.9 for run in record.runs
                if run.schedule == schedule and run.seed == seed and run.sparsity in (0.8, 0.9, 0.98)
            }  # fmt: skip
            places = [log2_compression(sparsity) for sparsity in heights]
            area = np.trapezoid(list(heights.values()), places) / (places[-1] - places[0])
            areas.append(float(area))
    assert found is not None
    assert found.value == pytest.approx(np.mean(areas))
    assert found.low < found.value < found.high


def test_a_selection_that_holds_a_failed_run_has_no_score_and_one_without_it_has() -> None:
    board = _board(evaluation(Knobs("a", failures=FAILED)))
    (entry,) = board.entries.values()
    assert selection_scores(board, [entry], ["late"], SPARSITIES)[entry.path] is None
    assert selection_scores(board, [entry], ["early"], SPARSITIES)[entry.path] is not None
    assert selection_scores(board, [entry], [], SPARSITIES)[entry.path] is None


def test_cell_numbers_average_value_and_bounds_over_schedules() -> None:
    record = evaluation(Knobs("a"))
    board = _board(record)
    cells = [cell.metrics["pie/excess"] for cell in record.cells
             if cell.sparsity == 0.9 and cell.schedule in ("early", "late")]  # fmt: skip
    found = cell_scores(board, ["record-0"], 0.9, ["early", "late"])["pie/excess"]["record-0"]
    expected = [np.mean([getattr(cell, part) for cell in cells]) for part in ("value", "low", "high")]
    assert found is not None
    assert [found.value, found.low, found.high] == pytest.approx(expected)


def test_parts_of_a_number_inherit_its_description() -> None:
    columns = {column.name: column for column in COLUMNS}
    names = ("robustness/score:late", "dense:linear/accuracy", "pruned:pie/excess", "unknown/number", "x:y")
    titles = [getattr(describe(name, columns), "title", None) for name in names]
    assert titles == ["Robustness score, late", "Linear-probe accuracy, dense",
                      "Excess PIE, mean of pruned cells", None, None]  # fmt: skip


def test_the_curve_in_the_cell_runs_from_dense_to_sparsest_over_ranked_schedules_only() -> None:
    record = evaluation(Knobs("a"))
    board = _board(record)
    curve = mean_curves(board, list(board.entries.values()), "linear/accuracy")["record-0"]
    sparsest = [c.metrics["linear/accuracy"].value for c in record.cells
                if c.sparsity == 0.98 and c.schedule != "one-shot-random"]  # fmt: skip
    assert len(curve) == 1 + len(SPARSITIES)
    assert curve[-1] == pytest.approx(np.mean([value for value in sparsest if value is not None]))


def test_numbers_are_listed_as_metrics_are_read_whole_submissions_before_dense_and_pruned_models() -> None:
    columns = {
        name: Column(name=name, title=name, better="higher", description="")
        for name in ("linear/accuracy", "knn/accuracy", "robustness/score")
    }
    names = ["dense:knn/accuracy", "pruned:linear/accuracy", "robustness/score:late", "unknown/number",
             "dense:linear/accuracy", "robustness/score", "knn/accuracy"]  # fmt: skip
    assert in_order(names, columns) == [
        "knn/accuracy", "robustness/score", "robustness/score:late", "unknown/number", "dense:linear/accuracy",
        "dense:knn/accuracy", "pruned:linear/accuracy",
    ]  # fmt: skip


def test_nothing_is_ranked_by_published_pies_and_they_say_how_many_depend_on_the_tie_rule() -> None:
    """S7: at even K two tie rules order methods differently; older records still call fewer of them better."""
    record = evaluation(Knobs("a"))
    cells = tuple(
        cell.model_copy(update={"metrics": {**cell.metrics, "pie/tied": Estimate(value=0.173)}})
        if cell.schedule != "dense" else cell
        for cell in record.cells
    )  # fmt: skip
    tied = Column(name="pie/tied", title="Tied modes", better="lower", description="Share of ties.")
    record = record.model_copy(update={"cells": cells, "columns": (*record.columns, tied)})
    board = assemble([condense("a", record, SIGNER)])
    numbers = collect(board, list(board.entries.values()), 0.9)
    assert {"pie/published", "pie/excess"} <= numbers.scores.keys()
    assert "pie/published" not in numbers.rankable
    assert "pie/excess" in numbers.rankable
    (row,) = rows(competitors(board, _only_arena(board)), numbers.scores, ROBUSTNESS_SCORE, "higher", each_track=False)
    frame = ranked_frame([row], ROBUSTNESS_SCORE, ["pie/published"], shipped=Path("elsewhere"))
    assert frame["pie/published interval"].tolist() == ["17.3 % ties"]


def test_a_number_that_could_not_be_measured_is_none_and_not_a_share_of_nan_percent() -> None:
    board = _board(evaluation(Knobs("a")))
    (path,) = board.entries
    key = (TASK, "late", 0.9)
    found = cell_value(board, board.entries[path], key, "pie/excess")
    assert found is not None
    assert np.isfinite(found)
    unmeasured = replace(board, numbers=board.numbers.assign(value=np.nan))
    assert cell_value(unmeasured, board.entries[path], key, "pie/excess") is None


def _separations(board: Board, *, each_track: bool) -> set[tuple[str, str]]:
    """List who is separated from whom in one table: pairs of those who share no letter."""
    scores = summary_scores(board, list(board.entries))
    ranked = rows(competitors(board, _only_arena(board)), scores, ROBUSTNESS_SCORE, "higher", each_track=each_track,
                  separated=separation(claims(board, list(board.entries.values())), 0.05))  # fmt: skip
    return {
        (first.entry.name, second.entry.name) for first, second in combinations(sorted(ranked, key=_name), 2)
        if (not each_track or first.entry.supervision == second.entry.supervision)
        and not set(first.standing.groups) & set(second.standing.groups)
    }  # fmt: skip


def _name(row: Row) -> str:
    return row.entry.name


def test_who_is_separated_is_the_same_in_every_table_and_is_what_the_claims_say() -> None:
    """Each table had a share of the error and the table of both tracks all of it, so that together they erred more."""
    separated = 0
    for place, gap in enumerate(np.linspace(0.0, 0.06, 30).tolist()):
        board, in_claims = _with_evidence(gap, lacking=place % 3), set[tuple[str, str]]()
        for claim in claims(board, list(board.entries.values())):
            if claim.kind == "submissions" and claim.p_holm <= 0.05:
                in_claims.add((min(claim.first, claim.second), max(claim.first, claim.second)))
        tracks = {entry.name: entry.supervision for entry in board.entries.values()}
        assert _separations(board, each_track=False) == in_claims
        assert _separations(board, each_track=True) == {(a, b) for a, b in in_claims if tracks[a] == tracks[b]}
        separated += len(in_claims)
    assert 0 < separated < 30 * 10


def test_who_leads_by_the_score_is_who_has_the_first_place() -> None:
    """"How stable is the top?" named twelve leaders by intervals where the ranking above it had three."""
    board = _with_evidence(0.02)
    separated = separation(claims(board, list(board.entries.values())), 0.05)
    scores = summary_scores(board, list(board.entries))
    ranked = rows(competitors(board, _only_arena(board)), scores, ROBUSTNESS_SCORE, "higher", each_track=False,
                  separated=separated)  # fmt: skip
    first = [row.entry.name for row in ranked if row.standing.best == 1]
    found = leaders(ranked, {ROBUSTNESS_SCORE: columns_of(list(board.entries.values()))[ROBUSTNESS_SCORE]},
                    ROBUSTNESS_SCORE, separated)  # fmt: skip
    assert found["leaders"].tolist() == [", ".join(first)]
    assert 0 < len(first) < 5


def test_places_by_the_score_are_those_of_the_tests_whichever_table_is_looked_at() -> None:
    gap = next(
        gap for gap in np.linspace(0, 0.2, 400).tolist()
        if _separations(_board(*_pair_with_labels(gap)), each_track=True)
    )  # fmt: skip
    crowd = [evaluation(Knobs(f"other {n}", models=6)) for n in range(3)]
    alone, crowded = _board(*_pair_with_labels(gap)), _board(*_pair_with_labels(gap), *crowd)
    assert _separations(alone, each_track=True) == _separations(alone, each_track=False) == {("a", "b")}
    assert ("a", "b") not in _separations(crowded, each_track=True) | _separations(crowded, each_track=False)


def _with_evidence(gap: float, lacking: int = 0) -> Board:
    """Five submissions of two tracks, each ahead of the next one by `gap`; all but the first `lacking` have areas."""
    rng = np.random.default_rng(11)
    names, supervision = "abcde", ("labels", "none", "labels", "none", "none")
    board = _board(*(evaluation(Knobs(n, 0.9, supervision=s)) for n, s in zip(names, supervision, strict=True)))
    evidence: dict[str, Evidence] = {}
    for place, (path, entry) in enumerate(board.entries.items()):
        areas = {
            name: 0.8 - gap * place + 0.02 * rng.normal(size=(6, 1)) + 0.1 * rng.normal(size=(6, 400))
            for name in (*entry.schedules, *entry.controlled)
        }
        found = evidence_of({TASK: areas}, [TASK], entry.schedules, entry.controlled)
        assert found is not None
        evidence[path] = found
    return replace(board, evidence=dict(list(evidence.items())[lacking:]))


def _pair_with_labels(gap: float) -> list[EvaluationRecord]:
    return [evaluation(Knobs(name, dense, supervision="labels")) for name, dense in (("a", 0.9), ("b", 0.9 + gap))]
