"""What users can ask for on the command line. The file imports nothing, so that `fmn --help` need not wait for it."""

from __future__ import annotations

from typing import Literal

ExecutorChoice = Literal["auto", "docker", "process", "slurm"]
"""Where submitted code runs; `auto` is docker if an engine answers."""
