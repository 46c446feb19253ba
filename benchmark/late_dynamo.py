"""Leaves the compiler's front end (`torch._dynamo`) unloaded in processes that compile nothing.

Every optimizer of torch imports it at its first call, to tell it where graphs break. It takes two seconds and some
100 MiB, most of a trial's start. Nothing that is computed depends on it. Who needs more of it than these two calls
gets the real module.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch

_NAME = "torch._dynamo"


def load_dynamo_when_used() -> None:
    """Put a stand-in into the place of `torch._dynamo`, unless that is loaded; its first real use loads it."""
    if _NAME not in sys.modules:
        sys.modules[_NAME] = stand_in = _StandIn(_NAME)
        torch.__dict__["_dynamo"] = stand_in


def _is_loaded() -> bool:
    return not isinstance(sys.modules.get(_NAME), _StandIn | None)


class _StandIn(ModuleType):
    """Answers what optimizers ask while nothing is compiled, and becomes the real module for everything else."""

    def graph_break(self, *arguments: Any, **named: Any) -> None:
        """Do nothing: no graph is being made."""
        if _is_loaded():
            _real().graph_break(*arguments, **named)

    def disable(self, fn: Callable[..., Any] | None = None, *arguments: Any, **named: Any) -> Any:
        """Return a function that calls `fn`, hidden from the compiler as soon as that is loaded."""
        if fn is None or _is_loaded():
            return _real().disable(fn, *arguments, **named)
        hidden: list[Callable[..., Any]] = []

        def call(*args: Any, **kwargs: Any) -> Any:
            if not _is_loaded():
                return fn(*args, **kwargs)
            if not hidden:
                hidden.append(_real().disable(fn, *arguments, **named))
            return hidden[0](*args, **kwargs)

        return call

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__path__":  # asked of every module, by whoever looks through all of them
            raise AttributeError(name)
        return getattr(_real(), name)


def _real() -> Any:
    """Return the real module, loading it at the first call."""
    if not _is_loaded():
        sys.modules.pop(_NAME, None)
    return importlib.import_module(_NAME)
