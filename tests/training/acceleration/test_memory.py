"""What a model keeps between updates is counted tensor by tensor, and the bound follows from it."""

from __future__ import annotations

import os

import pytest
import torch

from benchmark.training.acceleration import memory
from benchmark.training.acceleration.memory import bytes_at_rest, most_models, total_bytes
from benchmark.training.live_model import LiveModel
from tests.training.methods import Adaptive, Supervised
from tests.training.tiny import CPU, batches_of, recipe_of


def counted(model: LiveModel) -> int:
    """Add up everything by hand: float32 except two masks (1 byte) and the norms' int64 counters (8 bytes)."""
    weights = sum(p.numel() for m in (model.encoder, model.method) for p in m.parameters() if p.requires_grad)
    buffers = sum(b.numel() * b.element_size() for m in (model.encoder, model.method) for b in m.buffers())
    return 4 * weights + 4 * weights + buffers + 2 * sum(kept.numel() for kept in model.mask.kept.values())


def test_before_the_first_update_two_moments_per_weight_are_foreseen() -> None:
    model = LiveModel(recipe_of(Supervised))
    weights = sum(p.numel() for m in (model.encoder, model.method) for p in m.parameters())
    assert bytes_at_rest(model) == counted(model) + 2 * 4 * weights


@pytest.mark.parametrize(("method", "moments", "counters"), [(Supervised, 1, 0), (Adaptive, 3, 1)])
def test_afterwards_what_the_optimizer_holds_is_counted(method: type, moments: int, counters: int) -> None:
    """SGD holds its momentum; AMSGrad two moments, the largest second one, and a float32 counter per tensor."""
    model = LiveModel(recipe_of(method))
    batch = batches_of().at(0)
    model.update(model.method.views(batch.images_BCHW), batch.labels_B)
    weights = sum(p.numel() for m in (model.encoder, model.method) for p in m.parameters())
    tensors = len(model.optimizer.state)
    assert bytes_at_rest(model) == counted(model) + 4 * moments * weights + 4 * counters * tensors


def test_the_bound_is_what_fits_into_the_share_for_models_and_never_less_than_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = LiveModel(recipe_of(Supervised))
    for fitting in (0, 1, 7):
        share = bytes_at_rest(model) * fitting + bytes_at_rest(model) // 2
        monkeypatch.setattr(memory, "total_bytes", lambda device, share=share: int(share / memory.STATES_SHARE) + 1)
        assert most_models(model, CPU) == max(1, fitting)
        assert most_models(model, CPU, sharing=3) == max(1, fitting // 3)


def test_a_container_with_a_limit_has_no_more_than_that(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("cgroup")
    (folder / "limited").write_text("1048576\n")
    (folder / "unlimited").write_text("max\n")
    monkeypatch.setattr(memory, "_CGROUP_LIMITS", (folder / "absent", folder / "unlimited"))
    whole = total_bytes(torch.device("cpu"))
    assert whole > 2**20
    monkeypatch.setattr(memory, "_CGROUP_LIMITS", (folder / "limited", folder / "unlimited"))
    assert total_bytes(torch.device("cpu")) == 2**20 // len(os.sched_getaffinity(0))
