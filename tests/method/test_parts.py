"""The parts that `benchmark.method` offers, against naive ones."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from benchmark.method.networks import mlp
from benchmark.method.other_weights import call_with, largest_weights
from benchmark.method.queue import FeatureQueue
from benchmark.method.teacher import MomentumTeacher


def test_a_queue_replaces_the_oldest_and_wraps_around() -> None:
    queue, offered = FeatureQueue(5, 1, 2), torch.arange(1.0, 9.0).reshape(4, 2, 1)
    for batch in offered:
        queue.offer(batch)
        queue.advance()
    assert sorted(queue.features_KD.flatten().tolist()) == [4, 5, 6, 7, 8]
    assert list(queue.state_dict()) == ["features_KD", "position"]
    with pytest.raises(ValueError, match="expected at least the batch size, 2, got 1"):
        FeatureQueue(1, 1, 2)


def test_a_teachers_momentum_rises_to_one_along_half_a_cosine_and_stays_there() -> None:
    student, teacher = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    follower = MomentumTeacher(teacher, nn.Identity(), 0.9, rises_over=4)
    expected = float(teacher.weight.detach())
    for step in range(6):
        momentum = 1 - 0.1 * (math.cos(math.pi * min(step, 4) / 4) + 1) / 2
        expected = momentum * expected + (1 - momentum) * float(student.weight.detach())
        follower.follow(student, nn.Identity())
        assert float(teacher.weight.detach()) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("sparsity", [0.0, 0.2, torch.tensor(0.5), 0.9])
def test_exactly_the_smallest_weights_of_all_layers_are_zeroed_and_get_no_gradient(
    sparsity: float | torch.Tensor,
) -> None:
    first, second = nn.Linear(2, 3), nn.Linear(2, 2)
    values = torch.tensor([5.0, -1, 3, -9, 2, 8, 10, -4, 7, 6])
    with torch.no_grad():
        first.weight.copy_(values[:6].reshape(3, 2))
        second.weight.copy_(values[6:].reshape(2, 2))
    weights = largest_weights(nn.Sequential(first, second), sparsity)
    together = torch.cat([weight.flatten() for weight in weights.values()])
    kept = values.abs() > round(10 * float(sparsity))
    assert torch.equal(together, values * kept)
    together.sum().backward()
    gradients = [layer.weight.grad for layer in (first, second)]
    assert torch.equal(torch.cat([gradient.flatten() for gradient in gradients if gradient is not None]), kept.float())


def test_a_call_with_other_weights_changes_neither_weights_nor_statistics() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    inputs = torch.rand(4, 2)
    other = call_with(module, {"0.weight": 0 * before["0.weight"], "1.weight": 0 * before["1.weight"]}, inputs)
    assert torch.equal(other, torch.zeros(4, 2))
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())


def test_an_mlp_needs_two_sizes_and_may_end_in_a_norm_without_scale() -> None:
    with pytest.raises(ValueError, match="at least an input and an output size"):
        mlp(3)
    closing = mlp(3, 4, 2, closing_norm=True)[-1]
    assert isinstance(closing, nn.BatchNorm1d)
    assert not closing.affine
