"""Where a record comes from: facts that change no number, for people who look into a record years later."""

from __future__ import annotations

import logging
import os
import platform
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import benchmark
from benchmark.evaluation.preparation import Prepared
from benchmark.evaluation.scorer_client import chosen_chunk_mib
from benchmark.executors.base import Executor

logger = logging.getLogger(__name__)


def provenance_of(prepared: Prepared, executor: Executor) -> dict[str, Any]:
    """Return facts that change no number: versions, executor, images, machine, commit."""
    return {
        "forget_me_not": benchmark.__version__,
        "capturable": prepared.admitted.manifest.capturable,
        "scoring_chunk_mib": chosen_chunk_mib(),
        "executor": executor.name,
        **executor.provenance(prepared.device),
        "platform": platform.platform(),
        "num_cores": os.cpu_count(),
        **_git_state(),
    }


@cache
def _git_state() -> dict[str, Any]:
    """The commit of the checkout that the package runs from, and whether it was changed; nothing outside a checkout."""
    folder = Path(benchmark.__file__).parent

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")  # installed into somebody else's checkout is not ours
        return {"git_commit": git("rev-parse", "HEAD"), "git_dirty": bool(git("status", "--porcelain", "--", "."))}
    except (OSError, subprocess.SubprocessError) as error:
        logger.debug("no commit to record, as this is no checkout of git: %s", error)
        return {}
