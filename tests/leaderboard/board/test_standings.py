"""Which evaluations compete, what each is worth, and what reading a store survives."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest

from benchmark.recording.archive import outcomes_path, signature_path
from benchmark.recording.record import EvaluationRecord, Failure
from benchmark.recording.signature import sign
from benchmark.recording.signing_keys import signing_key
from benchmark.recording.trust import load_trust
from benchmark.recording.verify import Believed
from benchmark.scoring.metric import Column
from benchmark.scoring.metric_names import ROBUSTNESS_SCORE
from benchmark.scoring.score_math import log2_compression
from leaderboard.board.board import Board, assemble, condense
from leaderboard.board.comparison import compare
from leaderboard.board.estimates import IntervalEstimate
from leaderboard.board.stability import leaders
from leaderboard.board.standings import (
    Arena,
    arenas,
    cell_scores,
    columns_of,
    competitors,
    describe,
    in_order,
    mean_curves,
    rows,
    selection_scores,
    summary_scores,
)
from leaderboard.reading import record_store
from leaderboard.reading.outcomes import read_outcomes
from tests.leaderboard.records import COLUMNS, SIGNER, SPARSITIES, TASK, Knobs, add_outcomes, evaluation, shelve


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


def test_the_newest_code_counts_even_where_it_fails() -> None:
    board = _board(
        evaluation(Knobs("a", digest="old", created="2026-11-01T00:00:00Z")),
        evaluation(Knobs("a", digest="new", created="2026-11-02T00:00:00Z", failures=FAILED)),
    )
    first, second = competitors(board, _only_arena(board))["a"]
    assert (first.digest, second.digest) == ("new", "old")


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


def test_the_stability_table_names_everybody_not_separated_from_the_best() -> None:
    board = _board(evaluation(Knobs("a", 0.98)), evaluation(Knobs("b", 0.979)), evaluation(Knobs("c", 0.7)))
    groups, scores = competitors(board, _only_arena(board)), summary_scores(board, list(board.entries))
    ranking = rows(groups, scores, ROBUSTNESS_SCORE, "higher", each_track=False)
    columns = columns_of([row.entry for row in ranking])
    found = leaders(ranking, {"robustness/dense": columns["robustness/dense"]}, ROBUSTNESS_SCORE)
    assert found.to_dict("records") == [{"by": "Dense accuracy ↑", "leaders": "a, b", "agreement": pytest.approx(1)}]


def test_a_control_belongs_to_the_schedule_it_differs_from_in_its_criterion_only() -> None:
    board = _board(evaluation(Knobs("a")))
    (entry,) = board.entries.values()
    assert entry.controlled == {"one-shot-random": "one-shot"}
    assert (entry.schedules, entry.controls) == (("early", "late", "one-shot"), ("one-shot-random",))


def test_bad_files_are_named_and_the_others_still_read(tmp_path: Path) -> None:
    (good,) = shelve(tmp_path, evaluation())
    bad = {"half.json": good.read_text()[:500], "list.json": "[]", "newer.json": '{"schema_version": 99}',
           "deep.json": "[" * 100_000}  # fmt: skip
    for name, text in bad.items():
        good.with_name(name).write_text(text)
        signature_path(good.with_name(name)).write_bytes(sign(text.encode(), {}, "none", signing_key("unisolated")))
    paths = [Path(stamp.path) for stamp in record_store.stamps((tmp_path,))]
    read = {path.name: record_store.read(path, load_trust()) for path in paths}
    assert isinstance(read.pop(good.name), Believed)
    assert set(read) == set(bad)
    assert all(isinstance(each, record_store.Rejected) and each.why for each in read.values())


def test_a_rewritten_record_gets_another_stamp(tmp_path: Path) -> None:
    (path,) = shelve(tmp_path, evaluation())
    before = record_store.stamps((tmp_path, tmp_path / "absent"))
    facts = path.stat()
    path.write_text(path.read_text())
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))  # same size, same time of modification
    assert record_store.stamps((tmp_path, tmp_path / "absent")) != before


def test_outcomes_with_another_digest_are_not_used(tmp_path: Path) -> None:
    record = evaluation()
    (path,) = shelve(tmp_path, record)
    signed = add_outcomes(path, record)
    assert read_outcomes(path, signed.outcomes_sha256) is not None
    outcomes_path(path).write_bytes(outcomes_path(path).read_bytes() + b" ")
    assert read_outcomes(path, signed.outcomes_sha256) is None


def test_the_paired_difference_of_scores_is_the_difference_of_mean_areas(tmp_path: Path) -> None:
    records = [evaluation(Knobs("a", 0.97, 0.04)), evaluation(Knobs("b", 0.9, 0.2))]
    paths = shelve(tmp_path, *records)
    signed = [add_outcomes(path, record) for path, record in zip(paths, records, strict=True)]
    board = assemble(condense(str(path), record, SIGNER) for path, record in zip(paths, signed, strict=True))
    sides = [read_outcomes(path, record.outcomes_sha256) for path, record in zip(paths, signed, strict=True)]
    first, second = board.entries.values()
    found = compare(board, first, second, (sides[0], sides[1]))
    areas: list[float] = []
    for side in sides:
        assert side is not None
        for schedule in ("early", "late", "one-shot"):
            heights = [(float(side[TASK, schedule, s].correct.mean()) - 0.1) / 0.9 for s in SPARSITIES]
            places = [log2_compression(sparsity) for sparsity in SPARSITIES]
            areas.append(float(np.trapezoid(heights, places) / (places[-1] - places[0])))
    assert found.paired
    assert found.score is not None
    assert found.score.value == pytest.approx(np.mean(areas[:3]) - np.mean(areas[3:]))
    assert found.score.low > 0
    assert set(found.overlaps) == {key for key in found.cells if key[1] != "dense"}


def test_without_outcomes_the_difference_is_over_models_and_close_to_the_summaries() -> None:
    board = _board(evaluation(Knobs("a", 0.97, 0.04)), evaluation(Knobs("b", 0.9, 0.2)))
    entries = list(board.entries.values())
    found = compare(board, entries[0], entries[1], (None, None))
    first, second = selection_scores(board, entries, ["early", "late", "one-shot"], SPARSITIES).values()
    assert not found.paired
    assert found.score is not None
    assert first is not None
    assert second is not None
    assert found.score.value == pytest.approx(first.value - second.value)


def test_a_missing_run_leaves_cells_comparable_and_scores_not() -> None:
    board = _board(evaluation(Knobs("a")), evaluation(Knobs("b", failures=FAILED)))
    first, second = board.entries.values()
    found = compare(board, first, second, (None, None))
    assert found.score is None
    assert (TASK, "late", 0.9) not in found.cells
    assert isinstance(found.cells[TASK, "early", 0.9], IntervalEstimate)


def test_entries_hold_only_plain_values_so_that_a_board_can_be_shared() -> None:
    (entry,) = _board(evaluation()).entries.values()
    assert json.loads(json.dumps(dataclasses.asdict(dataclasses.replace(entry, columns=()))))["name"] == "simclr"


def test_numbers_are_listed_as_the_instruments_are_read_whole_submissions_before_dense_and_pruned_models() -> None:
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
