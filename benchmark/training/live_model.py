"""One live model: encoder, method, optimizer and mask, and the single update that everything else repeats."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from benchmark.data.streams import enter_stream
from benchmark.encoder import Encoder, build_encoder, prunable_names
from benchmark.method.contract import Method, Setting
from benchmark.plan.events import PruneEvent
from benchmark.pruning.criteria import magnitude_scores, prune, random_scores
from benchmark.pruning.mask import Mask
from benchmark.spec import EncoderSpec
from benchmark.training.acceleration.capture import CapturedDescent, GraphPool
from benchmark.training.state import TrainState


@dataclass(frozen=True)
class Recipe:
    """What all models of one seed have in common; builds each of them afresh."""

    encoder: EncoderSpec
    method: type[Method]
    setting: Setting
    seed: int
    device: torch.device
    finetune_rate: float | None = None
    in_bfloat16: bool = False
    graph_pool: GraphPool | None = None  # memory of CUDA graphs, where updates are captured
    is_compiled: bool = False

    def initial_state(self) -> TrainState:
        """Give the state before the first update: the start of the seed's trunk."""
        return LiveModel(self).snapshot()


class LiveModel:
    """A model in training, fresh from its recipe or continued from a state.

    Every segment starts from a fresh `Method` object plus its saved state, so that what a method hides outside its
    state cannot leak from one segment into the next.
    """

    def __init__(self, recipe: Recipe, state: TrainState | None = None) -> None:
        self.recipe = recipe
        self.step = self.logical_step = 0
        self.encoder: Encoder = build_encoder(recipe.encoder, recipe.setting.image_shape[0], recipe.seed)
        self.encoder.in_bfloat16 = recipe.in_bfloat16
        enter_stream(recipe.seed, "init", 1)
        self.method = recipe.method(recipe.setting)
        self.encoder.to(recipe.device).train()
        self.encoder.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - documented, not in the stubs
        self.method.to(recipe.device).train()
        self.optimizer = self.method.optimizer([*self.encoder.parameters(), *self.method.parameters()])
        self.base_rates: list[float] = [group["lr"] for group in self.optimizer.param_groups]
        self.prunable: dict[str, nn.Parameter] = {
            name: self.encoder.get_parameter(name) for name in prunable_names(self.encoder)
        }
        if recipe.is_compiled:
            self.encoder.compile(dynamic=False, fullgraph=True)  # or an error: what falls back has other bits
        self.mask = Mask.dense(self.prunable)
        # The mask the other way round, changed in place: captured updates read it where it was.
        self.masked = {name: torch.zeros_like(kept) for name, kept in self.mask.kept.items()}
        self.is_pruned = False
        self._capture = CapturedDescent(recipe.graph_pool) if recipe.graph_pool is not None else None
        if state is not None:
            self._restore(state)

    def _load(self, state: TrainState) -> None:
        """Take over a copy of everything that training has made, but neither its place in time nor its mask.

        Copies, because optimizers (and methods with extra state) keep the very objects they are given and change them:
        siblings that start from one state would share their momentum.
        """
        self.method.load_state_dict(deepcopy(state.method))
        self.optimizer.load_state_dict(deepcopy(state.optimizer))
        self.encoder.load_state_dict(state.encoder)

    def _restore(self, state: TrainState) -> None:
        self._load(state)
        self.step, self.logical_step = state.step, state.logical_step
        # in the encoder's order, which files do not keep: layerwise counts and ties go by it
        mask = Mask({name: state.mask.kept[name] for name in self.prunable})
        if mask.num_pruned > 0:
            self._wear(mask)

    def snapshot(self) -> TrainState:
        """Copy everything that decides the future."""
        return TrainState(
            self.step, self.logical_step, _copy(self.encoder.state_dict()), self.mask,
            _copy(self.method.state_dict()), deepcopy(self.optimizer.state_dict()),
        )  # fmt: skip

    def prune(self, event: PruneEvent, anchor: TrainState | None = None) -> None:
        """Apply a prune event: extend the mask, rewind if asked, zero what is masked in weights, teachers and momentum.

        Args:
            event: what to do.
            anchor: the dense state to which `rewind: weights` returns.
        """
        if event.criterion == "magnitude":
            scores = magnitude_scores(self.prunable)
        else:
            scores = random_scores(self.prunable, self.recipe.seed, event.step)
        mask = prune(self.mask, scores, event.num_pruned, event.allocation)
        if event.rewind == "weights":
            assert anchor is not None  # the sweep brings it
            self._load(anchor)
        if event.rewind_to is not None:
            self.logical_step = event.rewind_to
        self._wear(mask)
        for name, parameter in self.prunable.items():
            for moment in self.optimizer.state.get(parameter, {}).values():
                if isinstance(moment, Tensor) and moment.shape == parameter.shape:
                    moment.masked_fill_(self.masked[name], 0)

    def _wear(self, mask: Mask) -> None:
        """Take a mask that leaves some weights out, and zero these wherever the method keeps them."""
        self.mask = mask
        for name, kept in mask.kept.items():
            self.masked[name].copy_(~kept)
        if not self.is_pruned and self._capture is not None:
            self._capture.forget()  # what is captured masks no gradient
        self.is_pruned = True
        self._enforce_mask()

    def update(self, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Make one optimizer update; returns the detached loss, a scalar on the device."""
        self._set_learning_rates()
        enter_stream(self.recipe.seed, "loss", self.step)
        if self._capture is not None:
            loss = self._capture.replay(self._descend, views_VBCHW, labels_B)
        else:
            loss = self._descend(views_VBCHW, labels_B)
        self.optimizer.step()
        enter_stream(self.recipe.seed, "after_step", self.step)
        with torch.no_grad():
            self.method.after_step(self.encoder)
        self._enforce_mask()
        self.step += 1
        self.logical_step += 1
        return loss

    def _descend(self, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Leave the masked gradients of one update in the parameters; gives the detached loss."""
        loss = _checked_loss(self.method.loss(self.encoder, views_VBCHW, labels_B))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self.is_pruned:
            for name, parameter in self.prunable.items():
                if parameter.grad is not None:
                    parameter.grad.masked_fill_(self.masked[name], 0)
        return loss.detach()

    def _set_learning_rates(self) -> None:
        """Follow the method within the budget; after it, the constant rate of the specification, if it has one."""
        is_finetuning = self.recipe.finetune_rate is not None and self.logical_step >= self.recipe.setting.total_steps
        factor = 1.0 if is_finetuning else self.method.learning_rate(self.logical_step)
        for group, base_rate in zip(self.optimizer.param_groups, self.base_rates, strict=True):
            group["lr"] = self.recipe.finetune_rate if is_finetuning else base_rate * factor

    @torch.no_grad()
    def _enforce_mask(self) -> None:
        """Zero masked weights in the encoder and in every encoder-shaped teacher that the method keeps."""
        if not self.is_pruned:
            return
        teachers = [module for module in self.method.modules() if isinstance(module, Encoder)]
        for name, masked in self.masked.items():
            self.prunable[name].masked_fill_(masked, 0)
            for teacher in teachers:
                teacher.get_parameter(name).masked_fill_(masked, 0)


def _checked_loss(loss: Any) -> Tensor:
    if not isinstance(loss, Tensor) or loss.numel() != 1 or not loss.requires_grad:
        got = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
        detail = " without gradients" if isinstance(loss, Tensor) and not loss.requires_grad else ""
        raise ValueError(f"loss: expected a scalar tensor with gradients, got {got}{detail}")
    return loss.reshape(())


def _copy(tensors: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.clone() if isinstance(value, Tensor) else deepcopy(value) for name, value in tensors.items()}
