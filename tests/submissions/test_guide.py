"""What the guide tells a reader to type works as it stands there."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from benchmark.admission.manifest import read_manifest
from benchmark.method.contract import Method, Setting
from benchmark.spec.documents.field_page import field_page
from tests.submissions.zoo import SUBMISSIONS

ROOT = SUBMISSIONS.parent
PAGES = {path.stem: path.read_text() for path in (ROOT / "docs/guide").glob("*.md")}


def blocks(page: str, language: str) -> list[str]:
    """Return the blocks of code of a page."""
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", PAGES[page])


BYOL, *_, DEBUGGER = blocks("cookbook", "python")
(MANIFEST,) = blocks("contract", "yaml")


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run([sys.executable, *command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """BYOL as the guide prints it, with the manifest that it prints, in a directory beside no other."""
    folder = tmp_path / "submissions" / "my_method"
    folder.mkdir(parents=True)
    (folder / "method.py").write_text(BYOL)
    (folder / "submission.yaml").write_text(MANIFEST)
    return folder


def test_byol_and_the_manifest_as_printed_pass_the_check(folder: Path, tiny_spec_file: Path) -> None:
    run("-m", "benchmark", "check", str(folder), "--spec", str(tiny_spec_file), "--executor", "process", cwd=ROOT)


def test_an_update_in_a_debugger_runs_as_printed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "one_update.py").write_text(DEBUGGER)
    assert re.fullmatch(r"loss \d\.\d{3}\n", run("one_update.py", cwd=tmp_path))


def test_the_recipes_of_the_cookbook_pass_the_check_put_together(tmp_path: Path, tiny_spec_file: Path) -> None:
    """A method with views, an optimizer, a queue and a teacher of its own, each as it is printed."""
    noisy, optimizer, queue, teacher = blocks("cookbook", "python")[1:-1]
    pieces = {"__init__": "", "loss": "", "after_step": ""}
    for recipe in (queue, teacher):
        for part in recipe.split("# in ")[1:]:
            hook, _, lines = part.partition(":\n")
            pieces[hook] += lines
    (tmp_path / "submission.yaml").write_text(MANIFEST)
    (tmp_path / "method.py").write_text(
        "import torch.nn.functional as F\nfrom torch import nn\nfrom benchmark.method.queue import FeatureQueue\n"
        + noisy
        + indented("def __init__(self, setting):\n    super().__init__(setting)\n", 4)
        + indented("self.projection = nn.Linear(setting.feature_dim, 32)\n" + pieces["__init__"], 8)
        + indented("def loss(self, encoder, views_VBCHW, labels_B):\n", 4)
        + indented("queries_BD = self.projection(encoder(views_VBCHW[0]))\n", 8)
        + indented(pieces["loss"].replace("self.teacher(", "self.taught("), 8)
        + indented("return negatives_BK.square().mean() - (queries_BD * keys_BD).sum(1).mean()\n", 8)
        + indented("def taught(self, images):\n    return self.projection(self.teacher(images)).detach()\n\n", 4)
        + indented("def after_step(self, encoder):\n", 4)
        + indented(pieces["after_step"], 8)
        + indented(optimizer, 4)
    )
    run("-m", "benchmark", "check", str(tmp_path), "--spec", str(tiny_spec_file), "--executor", "process", cwd=ROOT)


def indented(text: str, spaces: int) -> str:
    return "".join(" " * spaces + line if line.strip() else line for line in text.splitlines(keepends=True))


def test_every_block_of_python_is_python() -> None:
    for page in PAGES:
        for block in blocks(page, "python"):
            ast.parse(block)


def test_the_commands_are_doors_of_the_makefile() -> None:
    """`.ci/run` types them as they stand there. Here their doors are looked at: `make` sets up an environment."""
    makefile = (ROOT / "Makefile").read_text()
    lines = [line.split("#")[0].split() for page in PAGES for line in "".join(blocks(page, "sh")).splitlines()]
    doors = [words[words.index("make") + 1] for words in lines if "make" in words]
    assert sorted(doors) == ["check", "evaluate", "new", "plan", "receive", "submit"]
    assert all(re.search(rf"(?m)^{door}: .*\n.*fmn {door} ", makefile) for door in doors)
    assert "commands_of docs/guide/*.md | bash" in (ROOT / ".ci/run").read_text()
    template = str(SUBMISSIONS / "_template")
    run("-m", "benchmark", "plan", template, "--spec", "digits", "--executor", "process", cwd=ROOT)


def test_the_contract_names_every_hook_and_every_field() -> None:
    assert [field.name for field in fields(Setting) if f"`{field.name}" not in PAGES["contract"]] == []
    hooks = [name for name in vars(Method) if callable(getattr(Method, name))]
    assert [name for name in hooks if f"| `{name}(" not in PAGES["contract"]] == []


def test_overrides_and_the_search_space_as_printed_are_read() -> None:
    lines, space = blocks("cookbook", "yaml")
    manifest = read_manifest((MANIFEST.split("hyperparameters")[0] + lines).encode())
    assert manifest.under("corti2022").resolved("cifar10") == {"learning_rate": 0.1, "temperature": 0.2}
    with_decay = lines.replace("{learning_rate", "{weight_decay: 0, learning_rate", 1)
    searched = (MANIFEST.split("hyperparameters")[0] + with_decay + space).encode()
    assert len(read_manifest(searched).search_space) == 3
    assert yaml.safe_load(blocks("host-site", "yaml")[0])["extends"] == "cifar10-mini"


def test_the_page_of_fields_says_what_the_models_say() -> None:
    assert (ROOT / "docs/fields.md").read_text(encoding="utf-8") == field_page(), "run `make docs`"
