"""`Setting.new_encoder` gives a teacher the encoder's own initial weights, and a teacher is part of the state."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from benchmark.data.streams import enter_stream
from benchmark.encoder import Encoder
from benchmark.method.contract import Setting
from benchmark.training.guard import HookError
from benchmark.training.live_model import LiveModel
from benchmark.training.trials.rehearsal import Rehearsal
from tests.training.methods import Supervised
from tests.training.tiny import (
    BATCH_SIZE,
    EARLY,
    NUM_CLASSES,
    SEED,
    batches_of,
    differences,
    leaf_key,
    recipe_of,
    setting_of,
    state_after,
    trained,
    tree,
)  # fmt: skip


class WithTeacher(Supervised):
    """Cross-entropy, and the distance to a teacher that follows slowly."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.teacher = setting.new_encoder()
        self.noise = nn.Parameter(torch.randn(4))

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Call both."""
        with torch.no_grad():
            taught_BD = self.teacher(views_VBCHW[0])
        pull = (encoder(views_VBCHW[0]) - taught_BD).square().mean()
        return pull + super().loss(encoder, views_VBCHW.clone(), labels_B) + self.noise.square().sum()

    def after_step(self, encoder: nn.Module) -> None:
        """Follow."""
        for kept, new in zip(self.teacher.parameters(), encoder.parameters(), strict=True):
            kept.lerp_(new, 0.1)


class WithLateTeacher(WithTeacher):
    """Wants another encoder in `loss`."""

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Ask too late."""
        self.teacher = self.setting.new_encoder()
        return super().loss(encoder, views_VBCHW, labels_B)


def model_of(method: type[Supervised]) -> LiveModel:
    return LiveModel(recipe_of(method))


def update(model: LiveModel) -> None:
    batch = batches_of().at(model.step)
    model.update(batch.images_BCHW[None], batch.labels_B)


def teacher_of(model: LiveModel) -> Encoder:
    teacher = model.method.get_submodule("teacher")
    assert isinstance(teacher, Encoder)
    return teacher


def test_a_teacher_starts_from_the_students_own_initial_weights_without_gradients_in_training_mode() -> None:
    model = model_of(WithTeacher)
    teacher = teacher_of(model)
    state = model.encoder.state_dict()
    assert all(torch.equal(state[name], value) for name, value in teacher.state_dict().items())
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    assert teacher.training
    assert teacher.in_bfloat16 == model.encoder.in_bfloat16
    assert [p.stride() for p in teacher.parameters()] == [p.stride() for p in model.encoder.parameters()]
    assert {p.data_ptr() for p in teacher.parameters()}.isdisjoint({p.data_ptr() for p in model.encoder.parameters()})


def test_a_new_encoder_draws_nothing_and_leaves_the_rest_of_the_method_as_it_would_be() -> None:
    enter_stream(SEED, "init", 1)
    expected = nn.Linear(setting_of().feature_dim, NUM_CLASSES), torch.randn(4)
    method = model_of(WithTeacher).method
    assert torch.equal(method.get_parameter("classifier.weight"), expected[0].weight)
    assert torch.equal(method.get_parameter("noise"), expected[1])


def test_a_teacher_runs_in_loss_is_counted_as_a_copy_and_does_not_move_by_itself() -> None:
    model = model_of(WithTeacher)
    before = [parameter.clone() for parameter in teacher_of(model).parameters()]
    update(model)
    assert (model.guard.images.encoder, model.guard.images.copies) == (2 * BATCH_SIZE, BATCH_SIZE)
    student = list(model.encoder.parameters())
    for old, now, new in zip(before, teacher_of(model).parameters(), student, strict=True):
        assert torch.equal(now, old.lerp(new, 0.1))


def test_a_teacher_takes_the_mask_and_is_resumed_in_every_bit() -> None:
    whole = trained(recipe_of(WithTeacher), tree())
    assert not whole.errors, next(iter(whole.errors.values()))
    together = whole.finished_states[leaf_key(EARLY)]
    assert differences(state_after(recipe_of(WithTeacher), EARLY), together) == []
    for name, kept in together.mask.kept.items():
        assert not together.method[f"teacher.{name}"][~kept].any()
    resumed = LiveModel(recipe_of(WithTeacher), together).snapshot()
    assert differences(resumed, together) == []


def test_a_later_copy_is_refused_in_words() -> None:
    model = model_of(WithLateTeacher)
    with pytest.raises(ValueError, match="expected a call in __init__") as caught:
        update(model)
    assert not isinstance(caught.value, HookError)


def test_the_rehearsal_accepts_a_teacher() -> None:
    assert Rehearsal(recipe_of(WithTeacher), (1, 8, 8), NUM_CLASSES).problems() == []


def test_a_setting_made_by_hand_says_that_it_has_no_encoder() -> None:
    with pytest.raises(ValueError, match="without an encoder"):
        WithTeacher(setting_of())
