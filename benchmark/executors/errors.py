"""Errors of executors. The file imports nothing, so that the watchdog's process stays small."""

from __future__ import annotations


class ExecutorError(RuntimeError):
    """An executor cannot be used here; the message says what is missing and what to do, for users."""


class EngineError(ExecutorError):
    """No Docker engine answers, or it refuses."""


class ScorerKilledError(ExecutorError):
    """The scorer was ended from outside, for instance by the kernel when memory ran out; one sentence for users."""


class ScorerError(RuntimeError):
    """The scorer ended with an error, which is a fault of the benchmark and never of a submission."""
