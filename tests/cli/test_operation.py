"""The verbs of an operator: they say what is so, and remove nothing that was not asked for."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmark.cli.app import app
from benchmark.cli.doctor import examine
from benchmark.executors.slurm import scheduler
from benchmark.executors.slurm.node_job import FOLDER, JobFolder, NodeJob
from benchmark.executors.slurm.options import OPTIONS_FILE
from benchmark.recording.status import EvaluationStatus, status_name, status_path, write_status
from benchmark.spec import UserError
from benchmark.store import garbage
from benchmark.store.claims import evaluation_claim
from benchmark.store.garbage import find_garbage, home_size, remove
from benchmark.store.layout import Home
from benchmark.store.lock import at_work
from benchmark.store.outbox import remove_tree
from tests.conftest import Evaluated


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("FMN_HOME", str(tmp_path))
    return Home(tmp_path)


def say(*words: str) -> str:
    ended = CliRunner().invoke(app, [*words], catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    return ended.output


def half_done() -> EvaluationStatus:
    return EvaluationStatus(
        submission="simclr", spec_identity="digits-1.0", stage="training", runs=3, total_runs=14, updates=100,
        total_updates=400, left_s=None, scoring_s=None, heard=time.time(),
    )  # fmt: skip


def test_a_home_in_which_nothing_goes_on_says_so(home: Home) -> None:
    assert "nothing is going on" in say("status")


def test_an_interrupted_evaluation_is_told_from_one_at_work(home: Home) -> None:
    name = status_name("simclr", "digits-1.0")
    write_status(status_path(home.root, name), half_done())
    assert "3 of 14 runs, 100 of 400 updates (interrupted; the same command goes on)" in say("status")
    with at_work(home, "simclr on digits-1.0", print) as claims:
        claims.wait_for(evaluation_claim(name), print)
        assert "(at work)" in say("status")


def test_a_home_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FMN_HOME", str(tmp_path / "absent"))
    with pytest.raises(UserError, match="absent is not there"):
        say("status")


def test_jobs_of_a_cluster_are_mentioned_where_it_cannot_be_asked(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = JobFolder(home.root / FOLDER / "score-1")
    folder.path.mkdir(parents=True)
    folder.write(NodeJob("scorer", ("x",), "."))
    monkeypatch.setenv("PATH", str(home.root))
    assert "`squeue` is not here" in say("status")


@pytest.mark.parametrize("verb", ["cancel", "gc"])
def test_a_living_dispatcher_is_not_disturbed(home: Home, verb: str) -> None:
    with at_work(home, "simclr on digits-1.0", print) as claims:
        claims.wait_for(evaluation_claim("0" * 16), print)
        with pytest.raises(UserError, match=rf"at work in .*: pid {os.getpid()} \(simclr on digits-1.0\)"):
            say(verb)


def test_there_is_nothing_to_cancel_where_nothing_was_submitted(home: Home) -> None:
    assert say("cancel") == "0 jobs cancelled\n"


def test_a_sound_machine_passes_the_doctor_and_a_damaged_state_does_not(home: Home) -> None:
    assert all(each.is_fine for each in examine(home) if each.what not in ("disk", "slurm"))
    (home.damaged / "1-abc").mkdir(parents=True)
    wrong = {each.what for each in examine(home) if not each.is_fine}
    assert wrong - {"disk", "slurm"} == {"damage"}


@pytest.mark.parametrize(
    ("written", "how"), [("", "without isolation"), ("  container: podman\n", "in containers of podman on its nodes")]
)
def test_the_doctor_says_what_isolates_submitted_code_on_a_cluster(
    home: Home, monkeypatch: pytest.MonkeyPatch, written: str, how: str
) -> None:
    (home.root / OPTIONS_FILE).write_text(f"slurm:\n  time: 30\n{written}")
    monkeypatch.setattr(scheduler, "demand_slurm", lambda: "slurm 23.02")
    (said,) = [each.said for each in examine(home) if each.what == "slurm"]
    assert said == f"EXECUTOR=slurm can be used (slurm 23.02); submitted code runs {how}"


def test_a_home_that_cannot_be_made_is_one_sentence_of_the_doctor(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    wrong = [each for each in examine(Home(tmp_path / "file" / "home")) if each.what == "home"]
    assert [each.is_fine for each in wrong] == [False]


def test_gc_only_says_what_would_go_until_it_is_told_to_remove_it(home: Home) -> None:
    (home.segments / ".abc.1234.unfinished").mkdir(parents=True)
    (home.damaged / "1-abc").mkdir(parents=True)
    home.logs.mkdir()
    home.compiled.mkdir()
    for name, days in (("old.log", 40), ("new.log", 1)):
        (home.logs / name).write_text(name)
        changed = time.time() - days * 86400
        os.utime(home.logs / name, (changed, changed))
    names = {path.name for each in find_garbage(home, []) for path in each.paths}
    assert {"1-abc", "old.log", ".abc.1234.unfinished", "compiled"} <= names
    assert "new.log" not in names
    assert "would be removed by `fmn gc --yes`" in say("gc")
    assert (home.logs / "old.log").exists()
    assert "removed" in say("gc", "--yes")
    assert not (home.logs / "old.log").exists()
    assert list(home.damaged.iterdir()) == []
    assert not home.compiled.exists()


def test_gc_reads_no_record_where_none_is_named(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """It parsed every record of the home to say which half-made files there are."""
    monkeypatch.setattr(garbage, "each_record", None)
    assert "would be removed" in say("gc")


def test_gc_leaves_what_another_command_may_be_writing_outside_of_the_lock(home: Home) -> None:
    for folder in (home.data, home.submissions):
        folder.mkdir(parents=True)
        for name, seconds in ((".new.1.unfinished", 0), (".old.2.unfinished", 7200)):
            (folder / name).write_text(name)
            changed = time.time() - seconds
            os.utime(folder / name, (changed, changed))
    names = [path.name for each in find_garbage(home, []) for path in each.paths]
    assert names == [".old.2.unfinished", ".old.2.unfinished"]


def test_states_of_a_record_go_only_when_it_is_named_and_those_that_another_record_needs_stay(
    tmp_path: Path, evaluated: Evaluated
) -> None:
    root = shutil.copytree(evaluated.root, tmp_path / "home")
    home, (path,) = Home(root), list((root / "records").rglob("*.json"))
    assert [each for each in find_garbage(home, []) if "rescored" in each.what] == []
    (lost,) = [each for each in find_garbage(home, [path]) if "rescored" in each.what]
    assert {each.name for each in lost.paths} == {run.state_key for run in evaluated.record.runs}
    other = path.with_name("other-0123456789ab.json")
    shutil.copyfile(path, other)
    assert [each for each in find_garbage(home, [path]) if "rescored" in each.what] == []
    other.unlink()
    remove([lost])
    assert not any(each.exists() for each in lost.paths)
    assert path.exists()


def test_a_quota_takes_the_states_of_the_oldest_records_first_and_no_more_than_it_must(
    tmp_path: Path, evaluated: Evaluated
) -> None:
    root = shutil.copytree(evaluated.root, tmp_path / "home")
    home, (path,) = Home(root), list((root / "records").rglob("*.json"))
    runs = evaluated.record.runs
    for name, created, those in (("old", "2020-01-01T00:00:00Z", runs[:3]), ("new", "2021-01-01T00:00:00Z", runs[2:])):
        document = json.loads(path.read_bytes())
        document |= {"created": created, "runs": [run for run in document["runs"] if run["state_key"] in {
            each.state_key for each in those}]}  # fmt: skip
        path.with_name(f"{name}-0123456789ab.json").write_text(json.dumps(document))
    path.unlink()

    size = home_size(home)

    def lost(most_bytes: int) -> list[set[str]]:
        found = find_garbage(home, [], size - most_bytes)
        return [{each.name for each in garbage.paths} for garbage in found if "rescored" in garbage.what]

    old_alone, new = {run.state_key for run in runs[:2]}, {run.state_key for run in runs[2:]}
    assert lost(size) == []
    assert lost(size - 1) == [old_alone]  # the state that the new record needs as well stays
    assert lost(0) == [old_alone, new]


def test_a_quota_that_cannot_be_kept_is_said_and_one_that_is_no_size_is_refused(
    tmp_path: Path, evaluated: Evaluated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMN_HOME", str(shutil.copytree(evaluated.root, tmp_path / "home")))
    assert "would be left, more than --keep" in say("gc", "--keep", "1KB")
    assert "more than --keep" not in say("gc", "--keep", "100GB")
    for text in ("much", "200", "-1GB"):
        refused = CliRunner().invoke(app, ["gc", "--keep", text])
        assert refused.exit_code == 2
        assert "200GB" in refused.output


def test_a_home_with_what_cannot_be_looked_at_has_a_size(tmp_path: Path) -> None:
    """Submitted code may make folders inside folders until their path is longer than the system takes."""
    (tmp_path / "file").write_bytes(bytes(100_000))
    descriptor = os.open(tmp_path, os.O_RDONLY)
    for _ in range(30):
        os.mkdir("x" * 200, dir_fd=descriptor)
        inner = os.open("x" * 200, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)
    try:
        assert home_size(Home(tmp_path)) >= 100_000
    finally:
        remove_tree(tmp_path)


def test_states_of_two_named_records_are_counted_once(tmp_path: Path, evaluated: Evaluated) -> None:
    root = shutil.copytree(evaluated.root, tmp_path / "home")
    home, (path,) = Home(root), list((root / "records").rglob("*.json"))
    other = path.with_name("other-0123456789ab.json")
    shutil.copyfile(path, other)
    paths = [path for each in find_garbage(home, [path, other]) for path in each.paths]
    assert len(paths) == len(set(paths))


def test_no_state_goes_while_a_record_that_may_need_it_cannot_be_read(tmp_path: Path, evaluated: Evaluated) -> None:
    root = shutil.copytree(evaluated.root, tmp_path / "home")
    (path,) = (root / "records").rglob("*.json")
    path.with_name("newer-0123456789ab.json").write_text("{}")
    for records, most_bytes in (([path], None), ([], 0)):
        with pytest.raises(UserError, match="it may need states"):
            find_garbage(Home(root), records, most_bytes)
    find_garbage(Home(root), [])
