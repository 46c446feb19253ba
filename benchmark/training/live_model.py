"""One model in training: encoder, method, optimizer and mask, one optimizer update, and one prune event.

Everything that decides the future of a `LiveModel` is in its snapshot, a `TrainState`.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from benchmark.data.streams import enter_stream
from benchmark.encoder import Encoder, build_encoder, prunable_names
from benchmark.method.contract import Method, Setting
from benchmark.method.initial_copies import InitialCopies
from benchmark.plan.events import PruneEvent
from benchmark.pruning.criteria import magnitude_scores, prune, random_scores
from benchmark.pruning.mask import Mask
from benchmark.spec import EncoderSpec
from benchmark.training.capture import CapturedGradients, CapturedViews, GraphPool
from benchmark.training.guard import EncoderGuard, HookError, ImageCounts, gradients_of, refuse_gradients
from benchmark.training.state import TrainState

_WITHOUT_CLOSURE = (
    "the harness computes the gradients of `loss` once in every update; SAM computes those at the perturbed weights in "
    "`loss` itself: benchmark.method.other_weights.call_with(encoder, weights, images), as submissions/sam does"
)
"""What to do instead, for methods that know optimizers with closures."""


@dataclass(frozen=True)
class Recipe:
    """What all models of one seed have in common, and what each of them is built from.

    Attributes:
        encoder: which encoder.
        method: the submission's class.
        setting: what the benchmark tells the method.
        seed: the model's seed.
        device: where models are trained.
        finetune_rate: constant learning rate of the updates after the budget, where there are any.
        in_bfloat16: whether the encoder computes in bfloat16; weights stay float32.
        graph_pool: memory of CUDA graphs where updates are captured, else None.
        captured_views: replays the views that all models share; None where Python makes them at every update.
        is_compiled: whether the encoder is compiled.
        root: root key of the seed, which decides in which updates the guard compares all bits.
    """

    encoder: EncoderSpec
    method: type[Method]
    setting: Setting
    seed: int
    device: torch.device
    finetune_rate: float | None = None
    in_bfloat16: bool = False
    graph_pool: GraphPool | None = None
    captured_views: CapturedViews | None = None
    is_compiled: bool = False
    root: str = ""

    def initial_state(self) -> TrainState:
        """Return the state before the first update, where every run of the seed begins."""
        return LiveModel(self).snapshot()


class LiveModel:
    """A model in training, new or continued from a state.

    Every segment starts from a new `Method` object plus its saved state. What a method keeps outside its state can
    therefore not pass from one segment to the next.

    Args:
        recipe: what to build.
        state: where to continue; None for the initial state of the seed.

    Raises:
        HookError: the submission's code changes the encoder, or calls it outside of `loss`; so do all methods.
    """

    def __init__(self, recipe: Recipe, state: TrainState | None = None) -> None:
        self.recipe = recipe
        self.step = self.logical_step = 0
        self.encoder, self.method = _build(recipe)
        self.guard = EncoderGuard(self.encoder, recipe.root)
        self.guard.count_copies_in(self.method)
        with self.guard.during("optimizer"):
            self.optimizer = self.method.optimizer([*self.encoder.parameters(), *self.method.parameters()])
        self.guard.refuse_other_steps(self.optimizer)
        self.base_rates: list[float] = [group["lr"] for group in self.optimizer.param_groups]
        self.prunable: dict[str, nn.Parameter] = {
            name: self.encoder.get_parameter(name) for name in prunable_names(self.encoder)
        }
        if recipe.is_compiled:
            self.encoder.compile(dynamic=False, fullgraph=True)  # raises rather than fall back, which has other bits
        self.mask = Mask.dense(self.prunable)
        # True where a weight is pruned. Changed in place, because captured updates go on reading the same tensors.
        self.masked = {name: torch.zeros_like(kept) for name, kept in self.mask.kept.items()}
        self.is_pruned = False
        self._capture = CapturedGradients(recipe.graph_pool) if recipe.graph_pool is not None else None
        self._captured_images = ImageCounts()
        if state is not None:
            self._restore(state)
        self.guard.expect(self.step)

    @property
    def num_prunable(self) -> int:
        """Number of weights that may be pruned."""
        return sum(weight.numel() for weight in self.prunable.values())

    def _load_trained(self, state: TrainState) -> None:
        """Load what training has made - weights, method, optimizer - but neither steps nor mask.

        They are copied, because optimizers and methods with extra state keep and change the objects they are given.
        Otherwise two models that start from one state would share their momentum.
        """
        self.method.load_state_dict(deepcopy(state.method))
        self.optimizer.load_state_dict(deepcopy(state.optimizer))
        self.encoder.load_state_dict(state.encoder)

    def _restore(self, state: TrainState) -> None:
        self._load_trained(state)
        self.step, self.logical_step = state.step, state.logical_step
        # Layerwise counts and ties go by the encoder's order of layers, which files do not keep.
        mask = Mask({name: state.mask.kept[name] for name in self.prunable})
        if mask.num_pruned > 0:
            self._put_on(mask)

    def snapshot(self) -> TrainState:
        """Return a copy of everything that decides the future."""
        self.guard.verify()
        self.guard.verify_layers()
        with self.guard.during("state_dict"):
            return TrainState(
                self.step, self.logical_step, _copy(self.encoder.state_dict()), self.mask,
                _copy(self.method.state_dict()), deepcopy(self.optimizer.state_dict()),
            )  # fmt: skip

    def prune(self, event: PruneEvent, anchor: TrainState | None = None) -> None:
        """Apply a prune event: extend the mask, rewind if the event says so, zero masked weights and their momentum.

        Args:
            event: what to do.
            anchor: the dense state to which `rewind: weights` returns; not used by other events.

        Source:
            Rewinding weights: Frankle et al. 2020 (arXiv 1912.05671). Rewinding the learning rate alone: Renda et al.
            2020 (arXiv 2003.02389).
        """
        self.guard.verify()
        mask = self._extended_mask(event)
        if event.rewind == "weights":
            assert anchor is not None  # the sweep brings it
            self._load_trained(anchor)
        if event.rewind_to is not None:
            self.logical_step = event.rewind_to
        self._put_on(mask)
        for name, parameter in self.prunable.items():
            for moment in self.optimizer.state.get(parameter, {}).values():
                if isinstance(moment, Tensor) and moment.shape == parameter.shape:
                    moment.masked_fill_(self.masked[name], 0)
        self.guard.expect(self.step)

    def _extended_mask(self, event: PruneEvent) -> Mask:
        if event.criterion == "magnitude":
            scores = magnitude_scores(self.prunable)
        else:
            scores = random_scores(self.prunable, self.recipe.seed, event.step)
        return prune(self.mask, scores, event.num_pruned, event.allocation)

    def _put_on(self, mask: Mask) -> None:
        """Use a mask that prunes some weights from now on, and zero these weights."""
        self.mask = mask
        for name, kept in mask.kept.items():
            self.masked[name].copy_(~kept)
        if not self.is_pruned and self._capture is not None:
            self._capture.forget()  # the captured work masks no gradients
        self.is_pruned = True
        self._enforce_mask()

    def update(self, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Make one optimizer update.

        Args:
            views_VBCHW: what `Method.views` returned for this step; the method may write into it.
            labels_B: int64 labels, None for methods without supervision; the method may write into them.

        Returns:
            The detached loss, a scalar on the device. The next update may overwrite it.

        Raises:
            ValueError: the method's loss is not a scalar tensor with gradients, or cannot be captured where it should.
        """
        self.guard.verify()
        with self.guard.during("learning_rate"):
            self._set_learning_rates()
        enter_stream(self.recipe.seed, "loss", self.step)
        with self.guard.during("loss"):
            loss = self._gradients(views_VBCHW, labels_B)
        with self.guard.during_step():
            self._step()
        enter_stream(self.recipe.seed, "after_step", self.step)
        with self.guard.during("after_step"), torch.no_grad():
            self.method.after_step(self.encoder)
        self._enforce_mask()
        self.step += 1
        self.logical_step += 1
        self.guard.expect(self.step)
        return loss

    def _step(self) -> None:
        try:
            self.optimizer.step()
        except Exception as error:
            if "closure" not in str(error):
                raise
            got = f"{type(self.optimizer).__name__}, whose step asks for one"
            expected = "an optimizer that steps without a closure"
            raise HookError("optimizer.step", expected, got, _WITHOUT_CLOSURE) from error

    def _gradients(self, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Leave the masked gradients of one update in the parameters, captured or not, and return the detached loss."""
        if self._capture is None:
            return self._compute_gradients(views_VBCHW, labels_B)
        loss = self._capture.replay(self._capture_gradients, views_VBCHW, labels_B)
        self.guard.images.become(self.guard.images.plus(self._captured_images))
        return loss

    def _capture_gradients(self, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Queue the work of `_compute_gradients`; its images are counted whenever it is replayed, not here."""
        before = replace(self.guard.images)
        loss = self._compute_gradients(views_VBCHW, labels_B)
        self._captured_images = self.guard.images.plus(before, sign=-1)
        self.guard.images.become(before)
        return loss

    def _compute_gradients(self, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Leave the masked gradients of one update in the parameters, and return the detached loss."""
        self.optimizer.zero_grad(set_to_none=True)
        gradients = gradients_of(self.optimizer)
        loss = _checked_loss(self.method.loss(self.encoder, views_VBCHW, labels_B))
        refuse_gradients(gradients, gradients_of(self.optimizer))
        loss.backward()
        if self.is_pruned:
            for name, parameter in self.prunable.items():
                if parameter.grad is not None:
                    parameter.grad.masked_fill_(self.masked[name], 0)
        return loss.detach()

    def _set_learning_rates(self) -> None:
        """Set the method's learning rate within the budget, and after it the specification's constant rate, if any."""
        is_finetuning = self.recipe.finetune_rate is not None and self.logical_step >= self.recipe.setting.total_steps
        factor = 1.0 if is_finetuning else self.method.learning_rate(self.logical_step)
        for group, base_rate in zip(self.optimizer.param_groups, self.base_rates, strict=True):
            group["lr"] = self.recipe.finetune_rate if is_finetuning else base_rate * factor

    @torch.no_grad()
    def _enforce_mask(self) -> None:
        """Zero masked weights in the encoder and in every teacher of the encoder's shape that the method keeps."""
        if not self.is_pruned:
            return
        teachers = [module for module in self.method.modules() if isinstance(module, Encoder)]
        for name, masked in self.masked.items():
            self.prunable[name].masked_fill_(masked, 0)
            for teacher in teachers:
                teacher.get_parameter(name).masked_fill_(masked, 0)


def _build(recipe: Recipe) -> tuple[Encoder, Method]:
    """Build encoder and method with the initial weights of the seed, in training mode on the device."""
    encoder: Encoder = build_encoder(recipe.encoder, recipe.setting.image_shape[0], recipe.seed)
    encoder.in_bfloat16 = recipe.in_bfloat16
    encoder.to(recipe.device).train()
    encoder.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - documented, not in the stubs
    copies = InitialCopies(encoder)
    enter_stream(recipe.seed, "init", 1)
    method = recipe.method(replace(recipe.setting, new_encoder=copies.new_encoder))
    copies.end()
    method.to(recipe.device).train()
    return encoder, method


def _checked_loss(loss: Any) -> Tensor:
    """Return the loss as a scalar; anything but one element with gradients is refused."""
    if not isinstance(loss, Tensor) or loss.numel() != 1 or not loss.requires_grad:
        got = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
        detail = " without gradients" if isinstance(loss, Tensor) and not loss.requires_grad else ""
        raise ValueError(f"loss: expected a scalar tensor with gradients, got {got}{detail}")
    return loss.reshape(())


def _copy(tensors: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.clone() if isinstance(value, Tensor) else deepcopy(value) for name, value in tensors.items()}
