"""Names of the files in which a trainer hands over states, and says how far it is. Imports nothing."""

from __future__ import annotations

ENCODER_FILE, MASK_FILE, METHOD_FILE = "encoder.safetensors", "mask.safetensors", "method.pt"
"""Of one state: dense weights and buffers, kept weights (bool), and an opaque blob for the method."""

REPORT_FILE = "report.json"
"""Beside these three: what the trainer says about the state."""

PROGRESS_FILE, FAILURES_FILE = "progress.json", "failures.jsonl"
"""At the top of an outbox: how far the trainer is, and the segments that it could not train."""
