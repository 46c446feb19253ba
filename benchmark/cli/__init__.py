"""The verbs: parses and delegates, holds no logic. Everything heavy is imported by the verb that needs it."""

from benchmark.cli.app import main

__all__ = ["main"]
