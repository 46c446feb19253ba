"""Foreign text becomes harmless in every place it can reach: markdown, links, spreadsheets, BibTeX, shells."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.scoring.metric_names import ROBUSTNESS_SCORE
from leaderboard.board.board import assemble, condense
from leaderboard.board.estimates import IntervalEstimate
from leaderboard.board.standings import Row, arenas, columns_of, competitors, rows, summary_scores
from leaderboard.board.wording import inert, one_line, web_address
from leaderboard.figures.charts import Bar, Line, curves, interval_plot
from leaderboard.figures.palette import MARKERS, OKABE_ITO, Look, looks
from leaderboard.text.downloads import as_bibtex, as_csv, as_json
from leaderboard.text.facts import repeat_command, reproduce_command
from tests.leaderboard.records import HOSTILE_NAMES, SIGNER, Knobs, evaluation


def _ranking(*names: str) -> list[Row]:
    board = assemble(condense(name, evaluation(Knobs(name)), SIGNER) for name in names)
    (arena,) = arenas(board).values()
    scores = summary_scores(board, list(board.entries))
    return rows(competitors(board, arena), scores, ROBUSTNESS_SCORE, "higher", each_track=False)


@given(st.text())
def test_every_mark_that_markdown_could_use_is_escaped(text: str) -> None:
    plain = inert(text).replace("\u2060", "")
    position, recovered = 0, ""
    while position < len(plain):
        if plain[position] == "\\":
            position += 1
        else:
            assert plain[position] not in "[]()<>*_`$:!#|~&{}"
        recovered += plain[position]
        position += 1
    assert recovered == text.replace("\u2060", "")


def test_a_record_of_the_project_is_repeated_by_its_path_from_there_and_any_other_by_its_whole_path() -> None:
    project = Path(__file__).resolve().parents[3]
    assert repeat_command(str(project / "results" / "a-1.0" / "b.json")) == "make reproduce RESULT=results/a-1.0/b.json"
    assert repeat_command("/elsewhere/b.json") == "make reproduce RESULT=/elsewhere/b.json"


@pytest.mark.parametrize("text", ["javascript:alert(1)", "data:text/html,x", "arXiv 2002.05709", "//host/x", "http://",
                                  "https://host/<script>", "https://[broken", "", "file:///etc/passwd"])  # fmt: skip
def test_only_web_addresses_become_links(text: str) -> None:
    assert web_address(text) is None


def test_a_web_address_stays_as_it_is() -> None:
    assert web_address(" https://arxiv.org/abs/2002.05709 ") == "https://arxiv.org/abs/2002.05709"


def test_one_line_removes_what_could_reorder_or_break_a_line() -> None:
    assert one_line("a\n\tb\u202ec\x00d") == "a b c d"
    assert len(one_line("x" * 1000)) == 200


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


@given(st.text(min_size=1))
def test_the_reproduce_command_is_one_harmless_shell_line(name: str) -> None:
    words = shlex.split(reproduce_command(evaluation(Knobs(name))))
    if words[0] == "make":
        assert words[1:] == ["evaluate", f"SUBMISSION={one_line(name)}", "SPEC=digits"]
        assert re.fullmatch(r"[\w.+/-]+", one_line(name), re.ASCII)
    else:
        assert words == [".venv/bin/fmn", "evaluate", "--spec", "digits", "--", one_line(name)]


@pytest.mark.parametrize("name", ["$(shell touch pwned)", "`touch pwned`", "a b", "--help", 'x" ; touch pwned; "'])
def test_a_foreign_word_that_make_would_run_or_misread_goes_past_it(name: str) -> None:
    """Quotes keep a word from the shell and not from make, which expands $(...) and puts words between quotes."""
    assert not reproduce_command(evaluation(Knobs(name))).startswith("make")
    assert shlex.split(repeat_command(f"/else where/{name}.json"))[:2] == [".venv/bin/fmn", "reproduce"]
    assert reproduce_command(evaluation(Knobs("my_method-2.1"))).startswith("make evaluate SUBMISSION=my_method-2.1 ")


def test_a_new_submission_never_changes_the_colour_of_an_old_one() -> None:
    names = [f"m{number}" for number in range(36)]
    whole = looks(names)
    assert all(looks(names[:count]).items() <= whole.items() for count in range(36))
    assert len(set(whole.values())) == len(OKABE_ITO) * len(MARKERS)


def test_figures_take_hostile_names_as_data() -> None:
    bars = [Bar(name, IntervalEstimate(0.5, 0.4, 0.6), True) for name in HOSTILE_NAMES]
    document = interval_plot(bars, looks(HOSTILE_NAMES), "Score").to_dict()
    values = next(iter(document["datasets"].values()))
    assert [value["name"] for value in values] == list(HOSTILE_NAMES)
    assert "href" not in json.dumps(document)


def test_a_curve_keeps_its_points_at_log2_compression_and_controls_dashed() -> None:
    line = Line("a", "#000000", "circle", [(0.0, 0.9, None, None), (0.75, 0.8, 0.7, 0.9)], dashed=True)
    document = curves([line], [], "Accuracy", (0.0, 1.0)).to_dict()
    values = next(iter(document["datasets"].values()))
    assert [(v["compression"], v["kind"], v["low"]) for v in values] == [(0.0, "control", 0.9), (2.0, "control", 0.7)]


def test_looks_are_frozen_pairs() -> None:
    assert looks(["a"]) == {"a": Look(OKABE_ITO[0], MARKERS[0])}
