"""Many trials as forks of one clean process: each by itself, whatever another does."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from benchmark.evaluation.check import Checked, check_submission, check_submissions
from benchmark.executors.base import Trial
from benchmark.executors.errors import ExecutorError
from benchmark.executors.process import ProcessExecutor
from benchmark.spec import BenchmarkSpec
from tests.executors.submissions import write_submission
from tests.training.tiny import job_without_segments

PEEK = """
import glob, sys
inherited = sorted(int(p.rsplit("/", 1)[1]) for p in glob.glob("/proc/self/fd/*"))
seen = [n for n in sys.modules if n.startswith("submission")]
assert len(inherited) <= 5, inherited  # three streams, the answer, the folder that is listed
assert len(seen) <= 2, seen
"""


@pytest.fixture(scope="module")
def checked(tiny_spec: BenchmarkSpec, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Checked]:
    """Eight submissions in one call, some of which do what nobody should."""
    folder = tmp_path_factory.mktemp("many")
    bodies = {
        "good": "", "raises": "raise ValueError('mine alone')",
        "exits": "os._exit(7)", "killed": "os.kill(os.getpid(), signal.SIGKILL)",
        "chatty": "print('x' * 200_000); sys.stderr.write('y' * 200_000)",
        "spoils": "torch.Tensor.square = None; torch.manual_seed = None; os.environ['HOME'] = '/nowhere'",
        "peeks": PEEK,
    }  # fmt: skip
    paths = {name: write_submission(folder / name, "import sys\n" + body) for name, body in bodies.items()}
    bad = folder / "refused"
    bad.mkdir()
    found = check_submissions([*paths.values(), bad], tiny_spec, ProcessExecutor())
    return dict(zip([*paths, "refused"], found, strict=True))


def test_each_submission_gets_the_answer_that_it_gets_alone(checked: dict[str, Checked]) -> None:
    said = {name: " ".join(map(str, each.problems)) for name, each in checked.items()}
    for name in ("good", "chatty", "peeks"):
        assert said[name] == "", name
    assert "ValueError: mine alone" in said["raises"]
    assert "method.py:" in said["raises"]
    assert "got exit 7" in said["exits"]
    assert "got exit -9" in said["killed"]
    assert "submission.yaml: expected this file" in said["refused"]
    assert len(checked["refused"].problems) == 2


def test_what_one_does_to_its_own_process_reaches_no_other(checked: dict[str, Checked]) -> None:
    """`spoils` breaks torch where it runs; those that are forked later find it whole."""
    assert checked["good"].problems == ()
    assert checked["peeks"].problems == ()


def test_a_call_with_one_submission_says_the_same(
    checked: dict[str, Checked], plain: Path, tiny_spec: BenchmarkSpec
) -> None:
    assert check_submission(plain, tiny_spec, ProcessExecutor()) == checked["good"].notes


def test_a_trial_sees_only_the_listed_environment_and_an_empty_input(
    tmp_path: Path, tiny_spec: BenchmarkSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMN_SECRET_OF_MINE", "x")
    body = "import sys\nassert 'FMN_SECRET_OF_MINE' not in os.environ\nassert sys.stdin.read() == ''"
    paths = [write_submission(tmp_path / name, body) for name in ("a", "b")]
    assert [each.problems for each in check_submissions(paths, tiny_spec, ProcessExecutor())] == [(), ()]


def test_a_trial_ends_at_its_time_limit_with_what_it_has_started_while_another_goes_on(tmp_path: Path) -> None:
    started = tmp_path / "started"
    body = "import subprocess, time\np = subprocess.Popen(['sleep', '600'])\n"
    body += f"open({str(started)!r}, 'w').write(str(p.pid))"
    trials: list[Trial] = []
    for name, code, limit_s in (("sleeps", f"{body}\ntime.sleep(600)", 20.0), ("empty", "", 300.0)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "method.py").write_text(code)
        (tmp_path / name / "job.json").write_text(job_without_segments().model_dump_json())
        shape = ("--image-shape", "1", "8", "8")
        trials.append(Trial("rehearsal", tmp_path / name / "job.json", tmp_path / name, shape, limit_s))
    sleeps, empty = ProcessExecutor().run_trials(trials, at_once=2)
    assert sleeps.exit_code is None
    assert "expected exactly one class" in empty.stdout
    assert empty.exit_code == 0
    state = Path(f"/proc/{started.read_text()}/stat")
    assert not state.exists() or state.read_text().split()[2] == "Z"


def test_a_server_that_ends_early_is_a_fault_of_the_place(tmp_path: Path) -> None:
    job = tmp_path / "job.json"
    trials = [Trial("no_such_trial", job, tmp_path, (), 5.0)] * 2
    with pytest.raises(ExecutorError, match="no_such_trial"):
        ProcessExecutor().run_trials(trials, at_once=1)


def test_the_server_forks_from_one_thread() -> None:
    """A fork copies the thread that forks; a lock that another held would stay locked in the trial."""
    program = "import benchmark.executors.trial_server, benchmark.training.trials.rehearsal, threading as t, json;"
    program += "print(json.dumps([each.name for each in t.enumerate()]))"
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [threading.main_thread().name]
