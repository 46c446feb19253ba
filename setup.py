"""Puts what a checkout keeps beside the packages into the wheel; pyproject.toml says everything else."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SHIPPED = ("submissions", "results", ".streamlit")
"""Folders of the checkout that become `benchmark/shipped_files/`; `benchmark/shipped.py` finds them."""


class BuildWithShippedFiles(build_py):
    """Copies the folders where the packages are built; an editable installation finds them in the checkout."""

    def run(self) -> None:
        """Build the packages, then add the folders as they are now."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib, "benchmark", "shipped_files")
        shutil.rmtree(target, ignore_errors=True)
        for name in SHIPPED:
            shutil.copytree(name, target / name, ignore=shutil.ignore_patterns("__pycache__"))


setup(cmdclass={"build_py": BuildWithShippedFiles})
