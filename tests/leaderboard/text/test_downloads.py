"""Foreign text becomes harmless in the files that people download: spreadsheets, JSON, BibTeX."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

from benchmark.scoring.metric_names import ROBUSTNESS_SCORE
from leaderboard.board.board import assemble, condense
from leaderboard.board.estimates import IntervalEstimate
from leaderboard.board.standings import Row, arenas, columns_of, competitors, rows, summary_scores
from leaderboard.text.downloads import as_bibtex, as_csv, as_json
from tests.leaderboard.records import HOSTILE_NAMES, SIGNER, Knobs, evaluation


def _ranking(*names: str) -> list[Row]:
    board = assemble(condense(name, evaluation(Knobs(name)), SIGNER) for name in names)
    (arena,) = arenas(board).values()
    scores = summary_scores(board, list(board.entries))
    return rows(competitors(board, arena), scores, ROBUSTNESS_SCORE, "higher", each_track=False)


def test_no_cell_of_the_csv_starts_a_formula() -> None:
    text = as_csv(_ranking(*HOSTILE_NAMES, "@SUM(1)", "-1+1", "+1"), [ROBUSTNESS_SCORE])
    for row in csv.DictReader(io.StringIO(text)):
        assert not row["submission"].startswith(("=", "+", "-", "@"))
        assert float(row[ROBUSTNESS_SCORE]) > 0
        assert float(row[f"{ROBUSTNESS_SCORE} low"]) < float(row[f"{ROBUSTNESS_SCORE} high"])


def test_the_json_holds_names_literally_and_every_number_with_its_bounds() -> None:
    ranking = _ranking(*HOSTILE_NAMES)
    document = json.loads(as_json(ranking, columns_of([row.entry for row in ranking])))
    assert {row["submission"] for row in document["rows"]} == set(HOSTILE_NAMES)
    assert all(set(row["numbers"][ROBUSTNESS_SCORE]) == {"value", "low", "high"} for row in document["rows"])


def test_bibtex_entries_stay_balanced_whatever_the_name() -> None:
    text = as_bibtex(_ranking(*HOSTILE_NAMES, "}}@article{x,", "a%b\\c"))
    unescaped = text.replace("\\{", "").replace("\\}", "")
    assert unescaped.count("{") == unescaped.count("}")
    assert text.count("@misc{") == len(HOSTILE_NAMES) + 2
    assert "\n@article" not in text


def test_a_number_without_an_interval_downloads_without_one() -> None:
    """It was written as an interval of width zero: a certainty that nobody measured."""
    (row,) = _ranking("a")
    exact = replace(row, scores={**row.scores, "cost/device_time": IntervalEstimate(0.5, 0.5, 0.5)})
    (line,) = csv.DictReader(io.StringIO(as_csv([exact], ["cost/device_time"])))
    assert [line[f"cost/device_time{part}"] for part in ("", " low", " high")] == ["0.5", "", ""]
    (found,) = json.loads(as_json([exact], columns_of([exact.entry])))["rows"]
    assert found["numbers"]["cost/device_time"] == {"value": 0.5, "low": None, "high": None}


def test_a_citation_key_stays_when_ranks_change_and_the_benchmark_has_an_entry() -> None:
    def keys(text: str) -> list[str]:
        return re.findall(r"@[a-z]+{([^,]*),", text)

    ranking = _ranking("b", "a")
    assert keys(as_bibtex(ranking[::-1])) == ["forget-me-not", *keys(as_bibtex(ranking))[:0:-1]]
    assert len(set(keys(as_bibtex(ranking)))) == 3
