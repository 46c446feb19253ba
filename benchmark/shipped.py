"""What ships with the code: submissions, results and the board's settings, in a checkout and in an installed package.

A checkout keeps them beside the packages, where people read and edit them; `setup.py` puts copies into the wheel.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).resolve().parent
_INSTALLED, _CHECKOUT = _PACKAGE / "shipped_files", _PACKAGE.parent


def shipped(name: Literal["submissions", "results", ".streamlit"]) -> Path:
    """Return the folder of this name that ships with the code."""
    return (_INSTALLED if _INSTALLED.is_dir() else _CHECKOUT) / name


def command_words(make: str, fmn: str) -> str:
    """Return the words for a command that can be typed where the user is.

    Args:
        make: words of `make`, for users who work in the checkout.
        fmn: words of `fmn`, for everybody else.
    """
    in_checkout = Path.cwd() == _CHECKOUT and (_CHECKOUT / "Makefile").is_file()
    return make if in_checkout and not _INSTALLED.is_dir() else fmn
