"""What a test needs of its machine: without it, it is skipped with one line, or fails where CI has set it up."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def lacking(problem: str, variable: str, how_to: str) -> NoReturn:
    """End the calling test: fail it where the environment variable is 1, else skip it and say what to do.

    Args:
        problem: what is not there.
        variable: FMN_REQUIRE_..., by which CI says that it must be.
        how_to: have it.
    """
    if os.environ.get(variable) == "1":
        pytest.fail(f"{problem}; {variable}=1 makes that a failure")
    pytest.skip(f"{problem}: {how_to}")
