"""Exit codes by which the scorer says what its machine lacks. The file imports nothing."""

from __future__ import annotations

DISK_FULL, WORKER_KILLED = 74, 75
"""There was no room for its files; the kernel or somebody else ended one of its processes."""
