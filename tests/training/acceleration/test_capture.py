"""What a failed capture says; captured updates themselves are tested on a GPU (`test_on_gpu`)."""

from __future__ import annotations

from benchmark.training.capture import cannot_be_captured


def test_what_cannot_be_captured_is_said_on_one_line_that_ends_with_the_error() -> None:
    error = RuntimeError("CUDA error: operation not permitted\nSearch for it\nCompile with `TORCH_USE_CUDA_DSA`\n")
    said = cannot_be_captured(error)
    assert said.startswith("capturable: expected a loss that queues work on the device and never waits for it, got")
    assert said.endswith("RuntimeError: CUDA error: operation not permitted")
