"""One live model: its update against the formula, its mask against everything that writes weights, its rate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.data.streams import Stream, enter_stream, stream_generator
from benchmark.encoder import Encoder, prunable_names
from benchmark.method.contract import Method, Setting
from benchmark.plan import PruneEvent
from benchmark.pruning.mask import Mask
from benchmark.training.live_model import LiveModel

from .methods import Adaptive, Restless, Resurrecting, Supervised, Taught
from .tiny import SEED, TOTAL_STEPS, batches_of, differences, recipe_of

HALF = PruneEvent(step=2, num_pruned=(605,), allocation="global", criterion="magnitude")


class Plain(Method):
    """Cross-entropy of the features themselves: no head, no draws."""

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Three features as logits."""
        assert labels_B is not None
        return F.cross_entropy(encoder(views_VBCHW[0])[:, :3], labels_B)


def update(model: LiveModel) -> Tensor:
    """Make the update that follows."""
    batch = batches_of().at(model.step)
    enter_stream(SEED, "views", model.step)
    with torch.no_grad():
        views_VBCHW = model.method.views(batch.images_BCHW)
    return model.update(views_VBCHW, batch.labels_B)


def masked_values(model: LiveModel, tensors: Mapping[str, Tensor]) -> Tensor:
    return torch.cat([tensors[name][~kept] for name, kept in model.mask.kept.items()])


def test_updates_follow_nesterov_momentum_with_decay_cosine_and_mask_as_the_formulas_say() -> None:
    """Sutskever et al. 2013 in torch's form, every masked weight held at zero by an explicit product."""
    model, shadow = LiveModel(recipe_of(Plain)), LiveModel(recipe_of(Plain))
    network, method = shadow.encoder, shadow.method
    network.gate = None  # here the test trains it
    masks = {name: torch.ones_like(weight) for name, weight in network.named_parameters()}
    momentum = {name: torch.zeros_like(weight) for name, weight in network.named_parameters()}
    for step in range(6):
        if step == HALF.step:
            model.prune(HALF)
            for name, kept in model.mask.kept.items():
                masks[name] = kept.to(torch.float32)
                momentum[name] = momentum[name] * masks[name]
        update(model)
        batch = batches_of().at(step)
        with torch.no_grad():
            for name, weight in network.named_parameters():
                weight.mul_(masks[name])
        loss = method.loss(network, batch.images_BCHW[None], batch.labels_B)
        gradients = torch.autograd.grad(loss, list(network.parameters()))
        rate = 0.05 * 0.5 * (1 + math.cos(math.pi * step / TOTAL_STEPS))
        with torch.no_grad():
            for (name, weight), gradient in zip(network.named_parameters(), gradients, strict=True):
                decayed = (gradient + 0.001 * weight) * masks[name]
                momentum[name] = 0.9 * momentum[name] + decayed
                weight.sub_(rate * (decayed + 0.9 * momentum[name])).mul_(masks[name])
    for (name, weight), expected in zip(model.encoder.named_parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(weight, expected, atol=1e-6, rtol=1e-5, msg=name)


@pytest.mark.parametrize("method", [Restless, Taught, Adaptive, Supervised, Resurrecting])
def test_masked_weights_stay_zero_whatever_the_method_writes(method: type[Method]) -> None:
    model = LiveModel(recipe_of(method))
    for step in range(5):
        if step == HALF.step:
            model.prune(HALF)
        update(model)
        assert model.mask.num_pruned == (605 if step >= HALF.step else 0)
        assert not masked_values(model, dict(model.encoder.named_parameters())).any()
    living = torch.cat([model.encoder.get_parameter(name)[kept] for name, kept in model.mask.kept.items()])
    assert int((living == 0).sum()) == 0


@pytest.mark.parametrize("method", [Restless, Adaptive])
def test_an_event_clears_the_momentum_of_what_it_masks_and_training_leaves_it_clear(method: type[Method]) -> None:
    model = LiveModel(recipe_of(method))
    for _ in range(HALF.step):
        update(model)
    moments = [key for key, value in model.optimizer.state[next(model.encoder.parameters())].items() if value.dim()]
    assert moments == (["momentum_buffer"] if method is Restless else ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"])

    def moments_of_masked(moment: str) -> Tensor:
        states = {name: model.optimizer.state[parameter][moment] for name, parameter in model.prunable.items()}
        return masked_values(model, states)

    model.prune(HALF)
    assert not any(moments_of_masked(moment).any() for moment in moments)
    update(model)
    assert not any(moments_of_masked(moment).any() for moment in moments)


def test_a_teacher_of_the_encoders_shape_takes_the_same_mask_but_keeps_weights_of_its_own() -> None:
    model = LiveModel(recipe_of(Taught))
    for _ in range(HALF.step):
        update(model)
    model.prune(HALF)
    [teacher] = [module for module in model.method.modules() if isinstance(module, Encoder)]
    for _ in range(2):
        teacher_weights = dict(teacher.named_parameters())
        assert not masked_values(model, teacher_weights).any()
        assert any(not torch.equal(teacher_weights[name], model.prunable[name]) for name in model.prunable)
        update(model)


def test_a_diverged_weight_does_not_survive_its_mask() -> None:
    model = LiveModel(recipe_of(Plain))
    with torch.no_grad():
        model.prunable["stem.0.weight"].fill_(float("nan"))
    model.guard.expect(0)
    model.prune(PruneEvent(step=0, num_pruned=(18,), allocation="global", criterion="magnitude"))
    assert int((~model.mask.kept["stem.0.weight"]).sum()) == 18
    assert not model.prunable["stem.0.weight"].any()


def test_the_learning_rate_is_a_pure_function_of_the_logical_step_in_every_group() -> None:
    model = LiveModel(recipe_of(Adaptive))
    seen: list[list[float]] = []
    for logical_step in (0, 1, 7, 7, 3, 0):  # in any order, and twice
        model.logical_step = logical_step
        update(model)
        seen.append([group["lr"] for group in model.optimizer.param_groups])
    factors = [model.method.learning_rate(step) for step in (0, 1, 7, 7, 3, 0)]
    assert seen == [[0.01 * factor, 0.003 * factor] for factor in factors]


def test_restoring_takes_the_rate_from_the_method_and_not_from_the_saved_optimizer() -> None:
    model = LiveModel(recipe_of(Restless))
    for _ in range(5):
        update(model)
    restored = LiveModel(recipe_of(Restless), model.snapshot())
    assert restored.base_rates == model.base_rates == [0.05]


class Drawing(Plain):
    """Writes down the first number it draws wherever its code runs."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.drawn = [torch.rand(()).item()]

    def views(self, images_BCHW: Tensor) -> Tensor:
        """Draw."""
        self.drawn.append(torch.rand(()).item())
        return super().views(images_BCHW)

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Draw."""
        self.drawn.append(torch.rand(()).item())
        return super().loss(encoder, views_VBCHW, labels_B)

    def after_step(self, encoder: nn.Module) -> None:
        """Draw."""
        self.drawn.append(torch.rand(()).item())


def test_every_part_of_a_method_draws_from_the_stream_of_its_name_and_step() -> None:
    model = LiveModel(recipe_of(Drawing))
    for _ in range(2):
        update(model)
    places: list[tuple[Stream, int]] = [("init", 1)]
    streams: tuple[Stream, ...] = ("views", "loss", "after_step")
    places.extend((stream, step) for step in range(2) for stream in streams)
    expected = [torch.rand((), generator=stream_generator(SEED, *place)).item() for place in places]
    assert isinstance(model.method, Drawing)
    assert model.method.drawn == expected


def test_every_model_of_a_seed_begins_alike_whatever_was_drawn_before() -> None:
    first = LiveModel(recipe_of(Taught)).snapshot()
    torch.rand(5)
    assert differences(recipe_of(Taught).initial_state(), first) == []
    assert differences(recipe_of(Taught, seed=SEED + 1).initial_state(), first) != []


@pytest.mark.parametrize("method", [Restless, Adaptive, Taught])
def test_a_snapshot_does_not_change_while_its_model_and_models_made_from_it_train_on(method: type[Method]) -> None:
    """Born from an incident: optimizers keep the tensors they are given, and siblings shared their momentum."""
    model = LiveModel(recipe_of(method))
    update(model)
    state = model.snapshot()
    reference = LiveModel(recipe_of(method), state).snapshot()
    for each in (model, LiveModel(recipe_of(method), state), LiveModel(recipe_of(method), state)):
        update(each)
        each.prune(HALF)
        update(each)
    assert differences(state, reference) == []


def test_a_mask_keeps_the_order_of_the_encoder_when_a_file_sorted_it() -> None:
    """Born from an incident: layerwise counts were applied in the order of a file."""
    model = LiveModel(recipe_of(Plain))
    state = model.snapshot()
    mask = Mask(dict(sorted(state.mask.kept.items(), reverse=True)))
    restored = LiveModel(recipe_of(Plain), replace(state, mask=mask))
    assert list(restored.mask.kept) == list(prunable_names(model.encoder)) != list(mask.kept)


class Returns(Method):
    """Returns one of several wrong things, as careless code does."""

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Any:
        """Choose a mistake."""
        features_BD = encoder(views_VBCHW[0])
        total = features_BD.sum()
        mistakes: list[Any] = [features_BD.sum(dim=1), total.detach(), 1.5, None, (total, 1), features_BD.sum(dim=0)]
        return mistakes[int(self.setting.number("mistake"))]


@pytest.mark.parametrize(("mistake", "got"), [
    (0, r"a tensor of shape \(16,\)$"), (1, r"a tensor of shape \(\) without gradients$"), (2, "float$"),
    (3, "NoneType$"), (4, "tuple$"), (5, r"a tensor of shape \(8,\)$"),
])  # fmt: skip
def test_a_loss_that_is_no_scalar_with_gradients_is_refused_in_plain_words(mistake: int, got: str) -> None:
    with pytest.raises(ValueError, match=rf"^loss: expected a scalar tensor with gradients, got {got}"):
        update(LiveModel(recipe_of(Returns, mistake=mistake)))


class OneElement(Plain):
    """Keeps a dimension of one."""

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Give shape (1, 1)."""
        return super().loss(encoder, views_VBCHW, labels_B)[None, None]


def test_a_loss_of_one_element_is_taken_for_a_scalar() -> None:
    loss = update(LiveModel(recipe_of(OneElement)))
    assert loss.shape == ()
    assert torch.equal(loss, update(LiveModel(recipe_of(Plain))))
    assert not loss.requires_grad
