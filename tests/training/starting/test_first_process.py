"""The first process of a held container: it reports where the program cannot write, and ends with its holder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmark.executors.slurm.held_container import WordPipe
from benchmark.training.starting import first_process

FILE = str(Path(first_process.__file__))


@dataclass
class Held:
    """A first process with its program, and what its holder has of it."""

    process: subprocess.Popen[bytes]
    report: WordPipe
    hold: int | None

    def let_go(self) -> None:
        """Close the holder's end of the pipe, as its death does."""
        if self.hold is not None:
            os.close(self.hold)
        self.hold = None


@pytest.fixture
def started() -> Iterator[list[Held]]:
    all_of_them: list[Held] = []
    yield all_of_them
    for each in all_of_them:
        each.process.kill()
        each.process.communicate()
        each.let_go()


def start(started: list[Held], program: str) -> Held:
    """Start a Python program under a first process, with the pipes at the numbers that it has in containers."""
    held, hold = os.pipe()
    report = WordPipe()
    moves = f"{held}:{first_process.HOLD},{report.writing}:{first_process.REPORT}"
    python = [sys.executable, "-I", "-S"]
    command = [*python[:2], "-m", "benchmark.executors.slurm.inherit", moves]
    command += [*python, FILE, first_process.HELD, *python, "-c", program]
    process = subprocess.Popen(command, pass_fds=[held, report.writing], stdout=subprocess.PIPE)
    os.close(held)
    report.close_writing()
    started.append(Held(process, report, hold))
    return started[-1]


@pytest.mark.parametrize(
    ("program", "report"),
    [
        ("raise SystemExit(7)", "exit 7\n"),
        ("raise SystemExit(137)", "exit 137\n"),
        ("import os; os.kill(os.getpid(), 9)", "signal 9\n"),
        ("print('exit 0')", "exit 0\n"),
    ],
)
def test_the_report_says_how_the_program_ended(started: list[Held], program: str, report: str) -> None:
    held = start(started, program)
    held.process.communicate(timeout=60)
    assert held.report.read() == report


def test_the_program_has_no_descriptor_of_its_holder(started: list[Held]) -> None:
    tries = "import os\nfor number in range(3, 100):\n  try: os.write(number, b'exit 0'); print(number)\n"
    held = start(started, f"{tries}  except OSError: pass\nraise SystemExit(3)")
    printed, _ = held.process.communicate(timeout=60)
    assert printed == b""
    assert held.report.read() == "exit 3\n"


def test_what_the_program_prints_comes_through(started: list[Held]) -> None:
    held = start(started, "print('an answer')")
    printed, _ = held.process.communicate(timeout=60)
    assert printed == b"an answer\n"


def test_without_a_holder_the_report_has_standard_output_for_itself() -> None:
    python = [sys.executable, "-I", "-S"]
    program = [*python, "-c", "print('exit 0'); raise SystemExit(7)"]
    done = subprocess.run([*python, FILE, *program], capture_output=True, check=False, timeout=60)
    assert (done.stdout, done.stderr, done.returncode) == (b"exit 7\n", b"exit 0\n", 7)


def test_it_ends_when_nobody_holds_it_any_more(started: list[Held]) -> None:
    held = start(started, "import time; print('here', flush=True); time.sleep(2)")
    assert held.process.stdout is not None
    assert held.process.stdout.readline() == b"here\n"
    time.sleep(0.2)
    assert held.process.poll() is None
    held.let_go()
    assert held.process.wait(timeout=10) == 128 + signal.SIGKILL
    assert held.report.read() == ""
