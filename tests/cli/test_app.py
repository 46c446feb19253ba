"""The command as a person meets it: verbs, exit codes, and plain sentences instead of tracebacks."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from mlflow import MlflowClient

from benchmark.cli.app import app, main
from benchmark.executors import select as choice
from benchmark.files import atomic
from benchmark.recording.archive import read_record
from benchmark.recording.tracking import store
from benchmark.recording.tracking.address import tracking_uri
from benchmark.settings import read_settings
from benchmark.store import claim as claim_files
from benchmark.store.claim import Claim, try_claim
from benchmark.store.layout import MLFLOW_CLAIM, Home
from tests.conftest import TINY, Evaluated
from tests.executors.submissions import write_submission
from tests.executors.warm import WarmExecutor, copy_home, processes_in, snapshot, wait_until

VERBS = ["cancel", "check", "derive", "doctor", "evaluate", "export", "gc", "keys", "leaderboard", "new", "plan",
         "rebuild-mlflow", "receive", "report", "reproduce", "rescore", "ship", "status", "submit", "tune",
         "verify"]  # fmt: skip


@dataclass(frozen=True)
class JobResult:
    """How a call of the command ended."""

    code: int
    out: str
    err: str


Fmn = Callable[..., JobResult]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def fmn(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Fmn:
    """The command in this process, with warm trainers and an empty working directory."""
    monkeypatch.setenv("FMN_HOME", str(home))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(choice, "ProcessExecutor", WarmExecutor)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> JobResult:
        monkeypatch.setattr(sys, "argv", ["fmn", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return JobResult(ended.value.code if isinstance(ended.value.code, int) else 0, printed.out, printed.err)

    return call


def test_the_verbs_are_these() -> None:
    assert sorted(vars(typer.main.get_command(app))["commands"]) == VERBS


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example_that_calls_it(fmn: Fmn, verb: str) -> None:
    shown = fmn(verb, "--help")
    assert shown.code == 0
    assert f"fmn {verb}" in re.sub(r"Usage: .*", "", shown.out, count=1)


def test_the_command_alone_shows_its_verbs(fmn: Fmn) -> None:
    shown = fmn("--help")
    assert shown.code == 0
    assert all(verb in shown.out for verb in VERBS)


FIVE_MISTAKES = (
    TINY.replace("[0.5, 0.9]", "[0.5, 1.5]")
    .replace("tier: smoke", "tier: smokey")
    .replace("kind: gradual", "kind: gradually")
    .replace("{name: digits}", "{name: didgits}")
    + "colour: red\n"
)


@pytest.mark.parametrize("verb", ["evaluate", "plan", "check", "rescore"])
def test_five_mistakes_give_five_messages_naming_the_values_and_no_traceback(
    fmn: Fmn, tmp_path: Path, plain: Path, verb: str
) -> None:
    (tmp_path / "bad.yaml").write_text(FIVE_MISTAKES)
    ended = fmn(verb, plain, "--spec", tmp_path / "bad.yaml")
    assert ended.code == 2
    lines = ended.err.strip().splitlines()
    assert len(lines) == 5, ended.err
    for value in ("1.5", "smokey", "gradually", "didgits", "colour"):
        assert sum(value in line.split(": ", 1)[1] for line in lines) == 1, value
    assert "Traceback" not in ended.err


def test_an_unknown_submission_is_named_with_what_there_is(
    fmn: Fmn, tmp_path: Path, tiny_spec_file: Path
) -> None:
    write_submission(tmp_path / "submissions" / "known")
    ended = fmn("evaluate", "unknwon", "--spec", tiny_spec_file)
    assert ended.code == 2
    shipped = (path.parent.name for path in (Path(__file__).parents[2] / "submissions").glob("[a-z]*/submission.yaml"))
    names = ", ".join(sorted({"known", *shipped}))  # here, and those that ship with the code
    assert ended.err == f"SUBMISSION: expected a directory, or one of {names}, got 'unknwon'\n"


def test_an_unknown_specification_is_named(fmn: Fmn, plain: Path) -> None:
    ended = fmn("plan", plain, "--spec", "digtis")
    assert ended.code == 2
    assert "digtis" in ended.err
    assert "digits" in ended.err


@pytest.mark.parametrize("verb", ["evaluate", "plan", "rescore"])
def test_docker_without_an_engine_is_one_sentence(fmn: Fmn, plain: Path, tiny_spec_file: Path, verb: str) -> None:
    ended = fmn(verb, plain, "--spec", tiny_spec_file, "--executor", "docker")
    assert ended.code == 2
    assert ended.err.startswith("no Docker engine answers")
    assert len(ended.err.splitlines()) == 1


@pytest.mark.skipif(os.geteuid() != 0 and not Path("/proc").exists(), reason="needs a place where nobody may write")
@pytest.mark.parametrize("place", ["/proc/nowhere", "file/below", "file"])
def test_a_home_that_cannot_be_written_to_is_said_plainly(
    fmn: Fmn, tmp_path: Path, plain: Path, tiny_spec_file: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FMN_HOME", place)
    ended = fmn("evaluate", plain, "--spec", tiny_spec_file)
    assert ended.code == 2
    assert re.fullmatch(r"FMN_HOME: expected a folder that can be written to, got \S+ \(.+\)\n", ended.err)


def test_a_batch_that_no_training_set_can_fill_is_said_plainly(fmn: Fmn, tmp_path: Path, plain: Path) -> None:
    (tmp_path / "huge.yaml").write_text(TINY.replace("batch_size: 128", "batch_size: 2000"))
    ended = fmn("evaluate", plain, "--spec", tmp_path / "huge.yaml")
    assert ended.code == 2
    assert "got 2000" in ended.err
    assert "Traceback" not in ended.err


def test_a_submission_that_cannot_run_is_refused_with_file_and_line(
    fmn: Fmn, tmp_path: Path, tiny_spec_file: Path
) -> None:
    submission = write_submission(tmp_path / "submission", supervision="everything")
    (submission / "method.py").write_text("def broken(:\n")
    ended = fmn("evaluate", submission, "--spec", tiny_spec_file)
    assert ended.code == 2
    assert "method.py:1: " in ended.err
    assert "everything" in ended.err


def test_evaluating_prints_where_things_are_and_exits_with_zero(evaluated: Evaluated) -> None:
    """This one ran as a process of its own, see the fixture."""
    assert str(evaluated.path) in evaluated.printed.replace("\n", "")
    assert "plain on tiny-1.0 (smoke)" in evaluated.printed
    assert "14 of 14 runs finished" in evaluated.printed
    assert "isolation is off" in evaluated.printed
    assert f"sqlite:///{evaluated.root}/mlflow.db" in evaluated.printed


def test_evaluating_leaves_one_parent_with_a_child_per_run_in_mlflow(evaluated: Evaluated) -> None:
    client = MlflowClient(tracking_uri(evaluated.root))
    experiment = client.get_experiment_by_name("tiny-1.0")
    assert experiment is not None
    runs = list(client.search_runs([experiment.experiment_id]))
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert len(parents) == 1
    assert len(runs) == 1 + 14
    assert {run.info.status for run in runs} == {"FINISHED"}
    score = evaluated.record.summary["robustness/score"].value
    assert parents[0].data.metrics["robustness/score"] == pytest.approx(score)


def test_a_second_identical_call_trains_nothing_and_changes_no_byte(
    fmn: Fmn, home: Path, evaluated: Evaluated, plain: Path, tiny_spec_file: Path
) -> None:
    shutil.copytree(evaluated.root, home, copy_function=shutil.copy2)
    folders = [home / name for name in ("segments", "records", "outcomes", "data")]
    before = [snapshot(folder) for folder in folders]
    ended = fmn("evaluate", plain, "--spec", tiny_spec_file)
    assert ended.code == 0, ended.err
    assert "everything is trained already" in ended.out
    assert [snapshot(folder) for folder in folders] == before
    (path,) = (home / "records").rglob("*.json")
    assert path.read_bytes() == evaluated.path.read_bytes()


def test_changing_only_the_description_updates_the_record_and_trains_nothing(
    fmn: Fmn, home: Path, tmp_path: Path, evaluated: Evaluated, tiny_spec_file: Path
) -> None:
    shutil.copytree(evaluated.root, home, copy_function=shutil.copy2)
    before = snapshot(home / "segments")
    submission = write_submission(tmp_path / "submission", description="In other words.")
    ended = fmn("evaluate", submission, "--spec", tiny_spec_file)
    assert ended.code == 0, ended.err
    assert snapshot(home / "segments") == before
    (path,) = (home / "records").rglob("*.json")
    assert read_record(path).submission.description == "In other words."
    runs = MlflowClient(tracking_uri(home)).search_runs(["1"])
    assert len(runs) == 15


def test_failed_runs_are_told_with_their_reason_and_the_command_exits_with_one(
    fmn: Fmn, home: Path, tmp_path: Path, evaluated: Evaluated, tiny_spec_file: Path, empty_mlflow_store: Path
) -> None:
    copy_home(evaluated.root, home)
    shutil.copyfile(empty_mlflow_store, home / "mlflow.db")
    submission = write_submission(tmp_path / "submission", "raise ValueError('not [bold]today[/bold]')")
    ended = fmn("evaluate", submission, "--spec", tiny_spec_file)
    assert ended.code == 1
    told = "14 of 14 runs failed (submission): the submission raised: ValueError: not [bold]today[/bold] (method.py:18"
    assert told in ended.err
    assert f"what its trainer printed: {home}/logs/" in ended.err
    assert "no score: some runs have failed" in ended.out
    assert "0 of 14 runs finished" in ended.out
    (path,) = (home / "records").rglob("*.json")
    record = read_record(path)
    assert record.summary == {}
    assert all("Traceback" in run.failure.log for run in record.runs if run.failure)


def test_a_record_is_reproduced_bit_by_bit_from_nothing_whatever_the_manifest_says_today(
    fmn: Fmn, home: Path, evaluated: Evaluated, tmp_path: Path
) -> None:
    """The learning rate of a shipped record was not that of its manifest any more: another one was trained."""
    tuned = {"learning_rate": 0.7, "weight_decay": 0.0}
    today = write_submission(tmp_path / "plain", hyperparameters=tuned, overrides={"digits": {"learning_rate": 0.9}})
    ended = fmn("reproduce", evaluated.path, "--submission", today)
    assert ended.code == 0, ended.err
    assert "settings  learning_rate 0.1, weight_decay 0.0005 (of the record" in ended.out
    assert ended.out.index("to repeat plain on tiny-1.0:") < ended.out.index("same environment")
    assert "same environment as recorded: every bit should be and is" in ended.out
    assert not (home / "records").exists()
    (again,) = (home / "reproduced").glob("*/records/*/*.json")
    assert read_record(again).evaluation_key == evaluated.record.evaluation_key


def test_other_code_than_the_recorded_one_is_not_trained(
    fmn: Fmn, home: Path, evaluated: Evaluated, tmp_path: Path
) -> None:
    other = write_submission(tmp_path / "other", "pass")
    ended = fmn("reproduce", evaluated.path, "--submission", other)
    assert ended.code == 2
    assert evaluated.record.submission.digest[:16] in ended.err
    assert not list(home.glob("reproduced/*/segments/*"))
    ended = fmn("reproduce", tmp_path / "nowhere.json")
    assert (ended.code, ended.err.startswith("RECORD: expected the path of a record")) == (2, True)


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "nonsense://x"])
def test_with_mlflow_down_the_record_is_safe_and_the_command_succeeds_with_a_warning(
    fmn: Fmn, home: Path, evaluated: Evaluated, plain: Path, tiny_spec_file: Path, monkeypatch: pytest.MonkeyPatch,
    uri: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    copy_home(evaluated.root, home)
    ended = fmn("evaluate", plain, "--spec", tiny_spec_file)
    assert ended.code == 0, ended.err
    assert "MLflow was not updated" in ended.out
    assert "fmn rebuild-mlflow" in ended.out
    (path,) = (home / "records").rglob("*.json")
    assert read_record(path).is_complete
    ended = fmn("rebuild-mlflow")
    assert ended.code == 1
    assert "Traceback" not in ended.err


def test_rebuilding_mlflow_names_bad_records_and_projects_the_others(
    fmn: Fmn, home: Path, evaluated: Evaluated, empty_mlflow_store: Path
) -> None:
    shutil.copytree(evaluated.root / "records", home / "records")
    shutil.copyfile(empty_mlflow_store, home / "mlflow.db")
    (home / "records" / "tiny-1.0" / "bad.json").write_text("{")
    ended = fmn("rebuild-mlflow")
    assert ended.code == 1
    assert "bad.json: " in ended.err
    assert ended.out == "in MLflow: 1 record, 1 written now\n"


def test_rebuilding_mlflow_of_a_home_that_is_not_there_is_refused(fmn: Fmn, home: Path) -> None:
    """It said "0 records are in MLflow" and ended well."""
    ended = fmn("rebuild-mlflow")
    assert ended.code == 2
    assert "expected a home in which something was evaluated" in ended.err


def test_rebuilding_mlflow_names_a_record_without_one_of_its_fields(
    fmn: Fmn, home: Path, evaluated: Evaluated, empty_mlflow_store: Path
) -> None:
    """It ended in a raw error."""
    shutil.copytree(evaluated.root / "records", home / "records")
    shutil.copyfile(empty_mlflow_store, home / "mlflow.db")
    fields = {name: value for name, value in json.loads(evaluated.path.read_bytes()).items() if name != "runs"}
    (home / "records" / "tiny-1.0" / "lacking.json").write_text(json.dumps(fields))
    ended = fmn("rebuild-mlflow")
    assert ended.code == 1
    assert "lacking.json: not a valid record: runs: Field required (1 problem)\n" in ended.err
    assert ended.out == "in MLflow: 1 record, 1 written now\n"


def test_rebuilding_a_locked_mlflow_is_one_sentence(
    fmn: Fmn, home: Path, evaluated: Evaluated, empty_mlflow_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(evaluated.root / "records", home / "records")
    shutil.copyfile(empty_mlflow_store, home / "mlflow.db")
    monkeypatch.setattr(store, "_BUSY_S", 0.2)
    with closing(sqlite3.connect(home / "mlflow.db")) as other:
        other.execute("BEGIN EXCLUSIVE")
        ended = fmn("rebuild-mlflow")
        other.rollback()
    assert ended.code == 1
    said = f"the database {home}/mlflow.db is locked by another program\n"
    assert f"MLflow does not answer at sqlite:///{home}/mlflow.db: {said}" in ended.err
    assert "Traceback" not in ended.err


def test_rebuilding_mlflow_waits_for_whoever_writes_into_it(
    fmn: Fmn, home: Path, evaluated: Evaluated, empty_mlflow_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four at once wrote into one database, and ended in raw errors."""
    shutil.copytree(evaluated.root / "records", home / "records")
    shutil.copyfile(empty_mlflow_store, home / "mlflow.db")
    claim = try_claim(Home(home).claims / MLFLOW_CLAIM, "showing simclr in MLflow")
    assert isinstance(claim, Claim)
    sleeps: list[float] = []

    def let_it_become_free(seconds: float) -> None:
        sleeps.append(seconds)
        if len(sleeps) == 2:
            claim.release()

    monkeypatch.setattr(claim_files, "time", SimpleNamespace(sleep=let_it_become_free, monotonic=time.monotonic))
    ended = fmn("rebuild-mlflow")
    assert ended.code == 0
    assert f"waiting for pid {os.getpid()} (showing simclr in MLflow)\n" in ended.err


@pytest.mark.parametrize(
    ("number", "advice"), [(errno.ENOLCK, "put FMN_HOME on a local disk"), (errno.EROFS, "remount it")]
)
@pytest.mark.parametrize("verb", ["evaluate", "rebuild-mlflow"])
def test_a_file_system_without_locks_or_that_is_read_only_is_said_with_advice_that_fits(
    fmn: Fmn, home: Path, plain: Path, tiny_spec_file: Path, monkeypatch: pytest.MonkeyPatch, number: int, advice: str,
    verb: str,
) -> None:  # fmt: skip
    """It was a traceback, or the advice to make room."""

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    (home / "records").mkdir(parents=True)
    monkeypatch.setattr(fcntl, "flock", refuse)
    ended = fmn(verb, *([plain, "--spec", tiny_spec_file] if verb == "evaluate" else []))
    assert ended.code == 2
    what, what_to_do = ended.err.splitlines()[-2:]
    assert what == f"{os.strerror(number)}: {home}"
    assert advice in what_to_do
    assert "make room" not in what_to_do
    assert "Traceback" not in ended.err


def test_what_was_evaluated_verifies_and_an_edited_digit_does_not(fmn: Fmn, home: Path, evaluated: Evaluated) -> None:
    shutil.copytree(evaluated.root / "records", home / "records")
    ended = fmn("verify")
    assert (ended.code, ended.err) == (0, "")
    assert "this machine" in ended.out
    assert ended.out.endswith("1 record, all good\n")
    (path,) = (home / "records").rglob("*.json")
    path.write_bytes(path.read_bytes().replace(b'"none"', b'"docker"', 1))
    for arguments in ([], [path], [home], [home / "records"], [path.parent]):
        ended = fmn("verify", *arguments)
        assert ended.code == 1
        assert "the record was changed after signing" in ended.out
        assert "1 of 1 record is not to be believed" in ended.out


def test_exporting_writes_a_site_again_and_again_and_leaves_a_foreign_folder_alone(
    fmn: Fmn, home: Path, tmp_path: Path, evaluated: Evaluated
) -> None:
    ended = fmn("export")
    assert ended.code == 2
    assert ended.err == "not exported: no record to show (0 are not believed); `fmn evaluate simclr` makes one\n"
    shutil.copytree(evaluated.root / "records", home / "records")
    (home / "records" / "tiny-1.0" / "bad.json").write_text("{")
    for arguments, folder in ([], "site"), (["site"], "site"), (["public/board"], "public/board"):
        ended = fmn("export", *arguments)
        assert ended.code == 0, ended.err
        assert ended.err.startswith(f"left out {home}/records/tiny-1.0/bad.json: no signature")
        assert "5 pages and 1 record," in ended.out
        assert f"open {tmp_path / folder / 'index.html'}" in ended.out
        assert "plain" in (tmp_path / folder / "index.html").read_text()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    ended = fmn("export", "mine")
    assert ended.code == 2
    assert "thesis.tex, which no export wrote" in ended.err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.tex"]


def test_an_unsigned_record_of_an_earlier_version_is_signed_by_evaluating_again(
    fmn: Fmn, home: Path, evaluated: Evaluated, plain: Path, tiny_spec_file: Path, empty_mlflow_store: Path
) -> None:
    copy_home(evaluated.root, home)
    shutil.copytree(evaluated.root / "records", home / "records")
    shutil.copyfile(empty_mlflow_store, home / "mlflow.db")
    for each in (home / "records").rglob("*.sig"):
        each.unlink()
    assert "no signature" in fmn("verify").out
    ended = fmn("evaluate", plain, "--spec", tiny_spec_file)
    assert "everything is trained already" in ended.out
    assert fmn("verify").code == 0


def test_verifying_nothing_is_fine_only_where_nothing_was_named(fmn: Fmn, tmp_path: Path) -> None:
    assert fmn("verify").code == 0
    for place in (tmp_path, tmp_path / "nothing.json"):
        ended = fmn("verify", place)
        assert ended.code == 2
        assert ended.err.startswith("RECORD: expected a")


def test_a_list_of_trusted_keys_that_cannot_be_read_stops_the_command(fmn: Fmn, tmp_path: Path) -> None:
    (tmp_path / "keys.yaml").write_text("keys:\n  - name: x\n")
    ended = fmn("verify", "--trusted-keys", tmp_path / "keys.yaml")
    assert ended.code == 2
    assert "keys.yaml:2: keys[0].key: expected" in ended.err


def test_what_keys_prints_makes_others_believe_this_machine(
    fmn: Fmn, home: Path, tmp_path: Path, evaluated: Evaluated, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(evaluated.root / "records", home / "records")
    printed = fmn("keys").out
    assert not any(secret.decode() in printed for secret in _private_lines())
    (tmp_path / "keys.yaml").write_text(printed[printed.index("keys:\n") :])
    monkeypatch.setenv("FMN_CONFIG", str(tmp_path / "another machine"))
    assert fmn("verify").code == 1
    ended = fmn("verify", "--trusted-keys", tmp_path / "keys.yaml")
    assert ended.code == 0
    assert "YOUR SITE" in ended.out


def _private_lines() -> list[bytes]:
    return [line for path in read_settings().config_folder.glob("*.key") for line in path.read_bytes().splitlines()]


def test_without_a_key_to_sign_with_nothing_is_trained(
    fmn: Fmn, home: Path, plain: Path, tiny_spec_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hours of training that end in an unsigned record would be hours lost."""
    monkeypatch.setenv("FMN_CONFIG", str(home / "config"))
    ended = fmn("evaluate", plain, "--spec", tiny_spec_file)
    assert ended.code == 2
    assert "expected a folder outside of FMN_HOME" in ended.err
    assert not (home / "segments").exists()


def test_rescoring_what_was_never_evaluated_says_what_to_do(fmn: Fmn, plain: Path, tiny_spec_file: Path) -> None:
    ended = fmn("rescore", plain, "--spec", tiny_spec_file)
    assert ended.code == 2
    assert "use evaluate" in ended.err


def test_a_full_disk_is_said_plainly_and_the_next_call_continues(
    fmn: Fmn, home: Path, plain: Path, tiny_spec_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(folder: Path) -> None:
        if "segments" in folder.parts:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))

    monkeypatch.setattr(atomic, "sync_folder", full)
    ended = fmn("evaluate", plain, "--spec", tiny_spec_file)
    assert ended.code == 2
    assert ended.err.startswith("No space left on device: ")
    assert "run the same command again" in ended.err
    assert list((home / "jobs").iterdir()) == []
    assert [path for path in (home / "segments").rglob("*") if path.is_file()] == []
    assert processes_in(home) == []


def test_plan_shows_what_sharing_saves_and_what_is_left(
    fmn: Fmn, home: Path, evaluated: Evaluated, plain: Path, tiny_spec_file: Path
) -> None:
    copy_home(evaluated.root, home)
    ended = fmn("plan", plain, "--spec", tiny_spec_file)
    assert ended.code == 0
    # per seed: two dense segments up to the ramp's first event and to the shots, the dense rest, and six leaves
    row = next(line for line in ended.out.splitlines() if "digits/resnet8" in line)
    assert [cell.strip() for cell in row.strip("│ ").split("│")] == [
        "digits/resnet8", "2", "14", "18", "280", "176", "1.59x",
    ]  # fmt: skip
    assert "left to train: 0 updates in 0 segments" in ended.out
    assert "as measured: from 18 finished segments of this submission" in " ".join(ended.out.split())
    assert "until the last" not in ended.out


def test_plan_says_when_the_last_seed_ends_and_how_long_scoring_took_before(
    fmn: Fmn, home: Path, evaluated: Evaluated, plain: Path, tiny_spec_file: Path, tmp_path: Path
) -> None:
    copy_home(evaluated.root, home)
    shutil.copytree(evaluated.root / "records", home / "records")
    leaves = [run.state_key for run in evaluated.record.runs if run.schedule == "shot"]
    for key in leaves:
        shutil.rmtree(home / "segments" / key[:2] / key)
    ended = fmn("plan", plain, "--spec", tiny_spec_file)
    printed = " ".join(ended.out.split())
    assert "left to train: 40 updates in 4 segments" in printed
    assert "as measured: from 14 finished segments of this submission" in printed
    assert re.search(r"a trainer took up to 0\.\d+ GiB", printed)
    assert re.search(r"about \d+ s until the last of 2 seeds is trained, \d+ trainers? at a time", printed)
    assert re.search(r"then scoring, which took \d+ s before", printed)


def test_plan_of_something_new_trains_nothing_and_times_an_update(
    fmn: Fmn, home: Path, plain: Path, tiny_spec_file: Path
) -> None:
    ended = fmn("plan", plain, "--spec", tiny_spec_file)
    assert ended.code == 0
    assert "left to train: 176 updates in 18 segments" in ended.out
    assert re.search(r"(about \d.* device minutes|less than a device minute) of one core", " ".join(ended.out.split()))
    assert "tried just now with 64 of 128 images per update" in " ".join(ended.out.split())
    assert "scoring comes on top" in ended.out
    assert not (home / "segments").exists()


@pytest.mark.parametrize(("spec", "cells", "models"), [("corti2022", 37, 30), ("cifar10", 25, 10)])
def test_plan_of_data_that_are_not_here_downloads_nothing(
    fmn: Fmn, home: Path, plain: Path, spec: str, cells: int, models: int
) -> None:
    ended = fmn("plan", plain, "--spec", spec)
    assert ended.code == 0
    printed = " ".join(ended.out.split())
    assert f"{models} models per cell" in printed
    row = next(line for line in ended.out.splitlines() if "cifar10/" in line)
    assert [cell.strip() for cell in row.strip("│ ").split("│")][1:3] == [str(models), str(cells * models)]
    assert "cifar10 is not here yet: planned with its published counts" in printed
    assert " device days of one core" in printed
    assert not (home / "downloads").exists()


def test_ctrl_c_ends_everything_and_says_how_to_continue(
    tmp_path: Path, home: Path, tiny_spec_file: Path
) -> None:
    submission = write_submission(tmp_path / "submission", "time.sleep(0.2)")
    command = [sys.executable, "-m", "benchmark", "evaluate", str(submission), "--spec", str(tiny_spec_file)]
    command += ["--executor", "process"]
    environment = os.environ | {"FMN_HOME": str(home)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        wait_until(lambda: processes_in(home), limit_s=120)
        time.sleep(0.2)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "run the same command again to continue" in err
    assert "Traceback" not in err
    assert processes_in(home) == []
    assert list((home / "jobs").iterdir()) == []
