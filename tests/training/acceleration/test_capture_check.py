"""Captured and plain states are compared bit for bit, whatever a method keeps in its state."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from benchmark.training.acceleration.capture_check import equal_bit_for_bit

VALUES: list[Any] = [
    torch.zeros(2), torch.zeros(3), torch.tensor([0.0, 1.0]), 0, 1, "0", (torch.zeros(2), 1), [torch.zeros(2), 2],
    {"a": torch.zeros(2)}, {"b": torch.zeros(2)}, {"a": {"deep": [torch.ones(1)]}}, {"a": {"deep": [torch.zeros(1)]}},
]  # fmt: skip


def test_states_are_the_same_only_where_everything_in_them_is() -> None:
    for position, value in enumerate(VALUES):
        equal = [equal_bit_for_bit(value, other) for other in VALUES]
        assert equal == [position == other for other in range(len(VALUES))]
    assert not equal_bit_for_bit({"a": 1, "b": 2}, {"a": 1})
    assert not equal_bit_for_bit([1], [1, 2])
    assert equal_bit_for_bit({"history": [math.nan, np.arange(3)]}, {"history": [math.nan, np.arange(3)]})
    assert not equal_bit_for_bit(torch.tensor([1.0]), 1.0)
    assert not equal_bit_for_bit(torch.tensor([math.nan]), torch.tensor([0.0]))
    assert equal_bit_for_bit(torch.tensor(math.nan), torch.tensor(math.nan))
    assert not equal_bit_for_bit(torch.tensor([0.0]), torch.tensor([-0.0]))
    assert not equal_bit_for_bit(torch.zeros(2, dtype=torch.int32), torch.zeros(2))
    assert not equal_bit_for_bit(torch.zeros(2, 2), torch.zeros(4))
