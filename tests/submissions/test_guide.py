"""What docs/guide/writing-a-method.md tells a reader to type works as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from benchmark.admission.manifest import read_manifest
from benchmark.method.contract import Setting
from tests.submissions.zoo import SUBMISSIONS

ROOT = SUBMISSIONS.parent
GUIDE = (ROOT / "docs/guide/writing-a-method.md").read_text()
BYOL, DEBUGGER = re.findall(r"(?ms)^```python\n(.*?)^```$", GUIDE)
SHELL = "".join(re.findall(r"(?ms)^```sh\n(.*?)^```$", GUIDE))
COMMANDS = [line.split("#")[0].split() for line in SHELL.splitlines()]
MANIFEST = """\
name: my_method
authors: [A Reader]
description: From the guide.
supervision: none
hyperparameters:
  learning_rate: 0.2
  weight_decay: 1.0e-4
  augmentation: 0.5
"""


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run([sys.executable, *command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """BYOL as the guide prints it, in a directory beside no other."""
    folder = tmp_path / "submissions" / "my_method"
    folder.mkdir(parents=True)
    (folder / "method.py").write_text(BYOL)
    (folder / "submission.yaml").write_text(MANIFEST)
    return folder


def test_byol_as_printed_passes_the_check(folder: Path, tiny_spec_file: Path) -> None:
    run("-m", "benchmark", "check", str(folder), "--spec", str(tiny_spec_file), "--executor", "process", cwd=ROOT)


def test_an_update_in_a_debugger_runs_as_printed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "one_update.py").write_text(DEBUGGER)
    assert re.fullmatch(r"loss \d\.\d{3}\n", run("one_update.py", cwd=tmp_path))


def test_the_commands_are_doors_of_the_makefile_and_work_on_the_template_they_start_from(tiny_spec_file: Path) -> None:
    """`make` sets up an environment of its own, so that here the verbs behind its doors are run."""
    makefile = (ROOT / "Makefile").read_text()
    assert [command[:2] for command in COMMANDS] == [["make", "new"], ["make", "check"], ["make", "plan"]]
    for _, door, argument in COMMANDS:
        assert argument == "SUBMISSION=my_method"
        assert re.search(rf"(?m)^{door}: .*\n.*fmn {door} ", makefile)
    template = str(SUBMISSIONS / "_template")
    for _, door, _ in COMMANDS[1:]:
        run("-m", "benchmark", door, template, "--spec", str(tiny_spec_file), "--executor", "process", cwd=ROOT)


def test_the_manifest_lines_are_read_and_every_field_of_setting_is_named() -> None:
    lines, space = re.findall(r"(?ms)^```yaml\n(.*?)^```$", GUIDE)
    assert len(read_manifest((MANIFEST.split("hyperparameters")[0] + lines.replace(
        "{learning_rate", "{weight_decay: 0, learning_rate") + space).encode()).search_space) == 3  # fmt: skip
    manifest = read_manifest((MANIFEST.split("hyperparameters")[0] + lines).encode())
    assert manifest.under("corti2022").resolved("cifar10") == {"learning_rate": 0.1, "temperature": 0.2}
    contract = (SUBMISSIONS / "README.md").read_text()
    for page in (GUIDE, contract):
        assert [field.name for field in fields(Setting) if f"`{field.name}" not in page] == []
