"""A program in a container that its holder holds: what counts as its end. The runtime here is a script."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from benchmark.executors.failure import decide
from benchmark.executors.output_log import Head
from benchmark.executors.slurm import containers
from benchmark.executors.slurm.containers import Container
from benchmark.executors.slurm.held_container import HeldContainer, container_name
from benchmark.executors.slurm.node_job import NodeEnd
from benchmark.executors.slurm.states import JobView, evidence_of
from benchmark.training.starting import first_process
from tests.executors.warm import wait_until

PODMAN = Container("podman", "trainer:latest", "c0de")

RUNTIME = """#!{python}
import json, os, sys
words = sys.argv[1:]
open({folder!r} + "/called", "a").write(words[0] + "\\n")
if words[0] == "image":
    print(json.dumps([{{"Id": "1d", "Labels": {{"org.forget-me-not.code": "c0de"}}}}]))
elif "run" in words:
    {instead}
    inside = words[words.index("1d") + 1 :]
    inside[0] = inside[5] = {python!r}
    inside[7:] = [{folder!r} + "/program.py"]
    os.execv(inside[0], inside)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "home" / "slurm" / "job").mkdir(parents=True)
    return tmp_path / "home" / "slurm" / "job"


def start(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, instead: str = ""
) -> HeldContainer:
    """Start a program under a runtime that starts no container, and does something else before."""
    runtime = tmp_path / "podman"
    runtime.write_text(RUNTIME.format(python=sys.executable, folder=str(tmp_path), instead=instead or "pass"))
    runtime.chmod(0o755)
    (tmp_path / "program.py").write_text(program)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(containers, "FIRST_PROCESS_AT", first_process.__file__)
    return HeldContainer(PODMAN, ["some.module"], folder, Head(10_000))


def ended(container: HeldContainer) -> int:
    wait_until(lambda: container.poll() is not None, limit_s=60)
    code = container.poll()
    assert code is not None
    return code


@pytest.mark.parametrize(
    ("program", "code"),
    [("raise SystemExit(125)", 125), ("print('exit 0')\nraise SystemExit(7)", 7), ("", 0)],
)
def test_the_exit_code_is_that_of_the_program_and_not_what_it_prints(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, code: int
) -> None:
    container = start(folder, tmp_path, monkeypatch, program)
    assert (ended(container), container.lost) == (code, None)


def test_a_signal_is_told_from_an_exit_code(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ended(start(folder, tmp_path, monkeypatch, "import os\nos.kill(os.getpid(), 9)")) == -9
    assert ended(start(folder, tmp_path, monkeypatch, "raise SystemExit(137)")) == 137


@pytest.mark.parametrize("code", [1, 125, 126, 127, 0])
def test_a_runtime_that_fails_is_no_fault_of_the_submission(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    container = start(folder, tmp_path, monkeypatch, "", f"sys.exit({code})")
    assert ended(container) == code
    assert container.lost == (
        f"podman has ended with exit code {code}, and nothing says how the program ended; its log may say why"
    )
    evidence = evidence_of(JobView("1", "FAILED"), NodeEnd(exit_code=None, lost=container.lost))
    assert evidence is not None
    assert decide(evidence)[0] == "environment"
    assert (tmp_path / "called").read_text().splitlines()[-1] == "rm"


def test_what_is_killed_has_ended_when_that_returns(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat = tmp_path / "beat"
    program = f"import time\nwhile True:\n  open({str(beat)!r}, 'a').write('x')\n  time.sleep(0.02)"
    container = start(folder, tmp_path, monkeypatch, program)
    wait_until(beat.exists, limit_s=60)
    container.kill()
    assert container.poll() is not None
    num_beats = beat.stat().st_size
    time.sleep(0.3)
    assert beat.stat().st_size == num_beats
    assert (tmp_path / "called").read_text().splitlines()[-1] == "rm"


def test_the_name_of_a_container_is_that_of_its_job_and_shows_no_path(folder: Path) -> None:
    name = container_name(folder)
    assert name == container_name(folder)
    assert name != container_name(folder.parent / "other")
    assert name.rpartition("-")[0] == container_name(folder.parent / "other").rpartition("-")[0]
    assert "home" not in name
