"""Scaffolding a submission from the template."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from benchmark.shipped import shipped
from benchmark.spec import Problem, UserError

TEMPLATE = "_template"


def scaffold(name: str, submissions: Path) -> Path:
    """Copy the template to a new submission of that name.

    Raises:
        UserError: the name is not allowed, is taken.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", name):
        expected = "1 to 64 lower-case letters, digits, _ and -, beginning with a letter or digit"
        raise UserError([Problem("SUBMISSION", expected, repr(name))])
    target, template = submissions / name, shipped("submissions") / TEMPLATE
    if target.exists():
        raise UserError([Problem("SUBMISSION", "a name that is not taken", f"{target}, which exists")])
    shutil.copytree(template, target, ignore=shutil.ignore_patterns("__pycache__"))
    manifest = target / "submission.yaml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace("name: my_method", f"name: {name}", 1), encoding="utf-8")
    return target
