"""Commands that people copy are one harmless line for a shell and for make, whatever a record says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.recording.record import ImagesPerUpdate
from leaderboard.board.board import assemble, condense, entry_of
from leaderboard.board.estimates import IntervalEstimate
from leaderboard.board.wording import one_line
from leaderboard.text.commands import repeat_command, reproduce_command
from leaderboard.text.facts import facts_frame, headline_note
from tests.leaderboard.records import SIGNER, Knobs, evaluation


def test_a_record_of_the_project_is_repeated_by_its_path_from_there_and_any_other_by_its_whole_path() -> None:
    project = Path(__file__).resolve().parents[3]
    assert repeat_command(str(project / "results" / "a-1.0" / "b.json")) == "make reproduce RESULT=results/a-1.0/b.json"
    assert repeat_command("/elsewhere/b.json") == "make reproduce RESULT=/elsewhere/b.json"


def test_a_command_is_for_the_folder_where_the_user_is_when_it_is_shown(tmp_path: Path) -> None:
    """It was decided once, in the folder where the module happened to be imported first."""
    project = Path(__file__).resolve().parents[3]
    program = (
        "import os, sys; from leaderboard.text.commands import repeat_command; "
        "print(repeat_command('/a/b.json')); os.chdir(sys.argv[1]); print(repeat_command('/a/b.json'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(project)], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(project)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["fmn reproduce -- /a/b.json", "make reproduce RESULT=/a/b.json"]


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


@pytest.mark.parametrize(
    ("counted", "said"),
    [
        (ImagesPerUpdate(encoder=1280.0, copies=0.0), "1,280 per update; "),
        (ImagesPerUpdate(encoder=128.0, copies=64.0), "128 per update and 64 through copies of it; "),
        (None, "not measured"),
    ],
)
def test_images_through_the_encoder_are_a_fact_of_every_submission(
    counted: ImagesPerUpdate | None, said: str
) -> None:
    """Ten times the images per update stood in the record as "1,088 updates", as those of everybody."""
    record = evaluation().model_copy(update={"images_per_update": counted})
    frame = facts_frame(record, entry_of("x.json", record, SIGNER))
    (value,) = frame.loc[frame["Fact"].str.startswith("Images"), "Value"]
    assert value.startswith(said)


@pytest.mark.parametrize(
    ("copies", "said"),
    [
        ({"test_in_training": 3, "several_labels": 4},
         "3 of 360 test images are among the training images, 4 images stand under several labels"),
        (None, "not counted, as the record is from before copies were counted"),
        ({"test_in_training": "many"}, "not counted, as the record is from before copies were counted"),
    ],
)  # fmt: skip
def test_copies_in_the_data_are_a_fact_of_every_submission(copies: object, said: str) -> None:
    record = evaluation(Knobs())
    datasets = {task: about | ({} if copies is None else {"copies": copies}) for task, about in record.datasets.items()}
    record = record.model_copy(update={"datasets": datasets})
    entry = entry_of("record.json", record, SIGNER)
    facts = dict(facts_frame(record, entry).itertuples(index=False, name=None))
    assert {fact: value for fact, value in facts.items() if fact.startswith("Copies: ")} == {
        f"Copies: {task}": said for task in record.datasets
    }


def test_the_head_of_a_page_says_what_stands_below_a_number() -> None:
    score = IntervalEstimate(0.5, 0.4, 0.6)
    assert headline_note("robustness/score", score, 6) == "0.400 – 0.600"
    assert headline_note("robustness/score", IntervalEstimate(0.5, 0.5, 0.5), 2) == "too few models for an interval"
    assert headline_note("robustness/worst_seed", IntervalEstimate(0.4, 0.4, 0.4), 6) == "lowest of 6 seeds"


def test_how_hyperparameters_were_chosen_is_shown_or_not_stated() -> None:
    """S11: tuning is part of a result."""
    record = evaluation()
    stated = {"budget": 16, "search": "grid over temperature", "split": "validation"}
    tuned = record.model_copy(update={"tuning": stated})
    written = {**stated, "objective": "accuracy", "best": 0.9312, "specification": "digits-1.0", "date": "2026-11-28"}
    searched = record.model_copy(update={"tuning": written})
    (entry,) = assemble([condense("a", record, SIGNER)]).entries.values()
    found = [
        frame.set_index("Fact").loc["Tuning", "Value"]
        for frame in (facts_frame(each, entry) for each in (record, tuned, searched))
    ]
    said = "16 settings compared, decided by validation images: grid over temperature"
    assert found == ["not stated", said, f"{said}; accuracy: 0.931; digits-1.0, 2026-11-28"]
