"""The exit code by which the scorer says that one of its processes was killed. The file imports nothing."""

from __future__ import annotations

WORKER_KILLED = 75
