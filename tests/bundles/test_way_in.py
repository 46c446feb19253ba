"""What a hosting site runs on a pull request: every changed submission, in a container only, with code of its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def judge(theirs: Path, tmp_path: Path, *, refuse: str = "nothing") -> tuple[int, list[str], str]:
    """Run the script with a command in place of `fmn` that notes its arguments; say how it ended and what it called."""
    notes, command = tmp_path / "calls", tmp_path / "fmn"
    command.write_text(f'#!/bin/sh\necho "$@" >> {notes}\ncase "$*" in *{refuse}*) exit 2;; esac\n')
    command.chmod(0o755)
    done = subprocess.run(
        ["bash", ROOT / ".ci/submissions", theirs], env=os.environ | {"FMN": str(command)}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    return done.returncode, notes.read_text().splitlines() if notes.exists() else [], done.stdout + done.stderr


def checkout(tmp_path: Path) -> Path:
    """Somebody's checkout: one submission as it is here, a changed one, a new one, a link, and a bundle."""
    theirs = tmp_path / "theirs"
    for name in ("random_init", "supervised"):
        folder = theirs / "submissions" / name
        folder.mkdir(parents=True)
        for path in (ROOT / "submissions" / name).glob("*.*"):
            (folder / path.name).write_bytes(path.read_bytes())
    (theirs / "submissions/supervised/method.py").write_text("raise SystemExit\n")
    (theirs / "submissions/new one").mkdir()
    (theirs / "submissions/sneaky").symlink_to("random_init")
    (theirs / "bundles").mkdir()
    (theirs / "bundles/a.bundle").write_bytes(b"")
    return theirs


def test_what_differs_is_checked_in_a_container_and_nothing_else_is(tmp_path: Path) -> None:
    theirs = checkout(tmp_path)
    code, calls, said = judge(theirs, tmp_path)
    places = [theirs / "submissions" / name for name in ("new one", "sneaky", "supervised")]
    checks = [f"check {place} --spec digits --executor docker" for place in places]
    assert calls == [*checks, f"receive {theirs}/bundles/a.bundle --dry-run"]
    assert (code, said.splitlines()[-1]) == (0, "4 judged")


def test_one_refusal_fails_and_the_others_are_judged_all_the_same(tmp_path: Path) -> None:
    code, calls, _ = judge(checkout(tmp_path), tmp_path, refuse="sneaky")
    assert (code, len(calls)) == (1, 4)
    assert judge(tmp_path / "absent", tmp_path)[0] == 2


def test_the_workflow_judges_with_the_code_of_the_branch_and_runs_none_of_theirs() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/submission.yml").read_text())
    steps = workflow["jobs"]["judge"]["steps"]
    ours, theirs = (step["with"] for step in steps if step.get("uses", "").startswith("actions/checkout"))
    assert (ours["path"], theirs["path"]) == ("ours", "theirs")
    assert ours["ref"] == "${{ github.event.pull_request.base.sha }}"
    commands = [step for step in steps if "run" in step]
    assert {step["working-directory"] for step in commands} == {"ours"}
    assert commands[-1]["run"] == ".ci/submissions ../theirs"
    assert not any("${{" in step["run"] for step in commands)  # no text of theirs becomes a command
