"""The contract of a submission: one class, `Method`, of which only `loss` has no default.

A method decides how the benchmark's encoder is trained: views, heads, loss, optimizer, learning rate. It is not told
when its encoder will be pruned: one training serves many pruning schedules until they differ.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

Hyperparameter = bool | int | float | str


def no_encoder() -> nn.Module:
    """Stand in for `Setting.new_encoder` where a setting was made by hand and belongs to no encoder.

    Raises:
        ValueError: always.
    """
    raise ValueError("setting.new_encoder: expected a setting that a trainer made, got one without an encoder")


@dataclass(frozen=True)
class Setting:
    """What the benchmark tells a method about the task.

    Attributes:
        dataset: name of the dataset.
        image_shape: (channels, height, width).
        flip: whether a mirrored image still shows its class; true of photographs, false of digits.
        num_classes: C where the manifest asks for `supervision: labels`, else None.
        feature_dim: D, size of the encoder's features.
        batch_size: images per update.
        steps_per_epoch: updates per pass over the training images.
        total_steps: updates of the budget; every run makes as many.
        hyperparameters: those of the manifest, with the overrides for this dataset and this specification applied.
        new_encoder: returns a copy of the encoder with its initial weights and without gradients, from which a teacher
            starts (BYOL, MoCo). Call it in `__init__`, as often as you need, and assign what it returns: the copy is
            saved and resumed with the method. It trains nothing unless you move it in `after_step`. It is pruned
            whenever the encoder is, with the same mask.
    """

    dataset: str
    image_shape: tuple[int, int, int]
    flip: bool
    num_classes: int | None
    feature_dim: int
    batch_size: int
    steps_per_epoch: int
    total_steps: int
    hyperparameters: Mapping[str, Hyperparameter]
    new_encoder: Callable[[], nn.Module] = field(default=no_encoder, compare=False, repr=False)

    def number(self, name: str) -> float:
        """Return a numeric hyperparameter.

        Raises:
            ValueError: it is missing or not a number.
        """
        value = self.hyperparameters.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"hyperparameters.{name}: expected a number in submission.yaml, got {value!r}")
        return float(value)


class Method(nn.Module):
    """How to train an encoder. Subclass it, write `loss`, override what else your method needs.

    Heads are submodules: assign them in `__init__`, and they are trained, saved and restored with the method. Anything
    else that must survive between updates (a queue, an EMA teacher) belongs into buffers or submodules too: a method
    object may be replaced before any update by a new one with the same `state_dict`.

    Args:
        setting: what the benchmark tells the method about the task; kept as `self.setting`.
    """

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self.setting = setting

    def views(self, images_BCHW: Tensor) -> Tensor:
        """Turn each image into V views.

        Called once per update for *all* models that share the batch, so it must not depend on anything trained.

        Args:
            images_BCHW: float32 in [0, 1], on the training device.

        Returns:
            Views (V, B, channels, H, W). By default one view, the image itself.
        """
        return images_BCHW[None]

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Compute the loss of one update.

        The encoder may be called here and in no other hook, as often as you like; its weights may be read but not
        changed. Pruned weights are exactly zero, so that the mask can be read from them; a branch with a mask of its
        own is a functional copy (`benchmark.method.other_weights`). The harness calls `backward()` on what is
        returned: leave no gradients behind. To save memory, return the mean of the losses of several chunks, each
        under `torch.utils.checkpoint`.

        Args:
            encoder: maps images (B, channels, H, W) to features (B, D); in training mode. `torch.func.functional_call`
                computes with other weights; a teacher is made by `setting.new_encoder()` in `__init__`.
            views_VBCHW: what `views` returned.
            labels_B: int64 labels where the manifest asks for them, else None.

        Returns:
            A finite scalar with gradients.

        Raises:
            NotImplementedError: a subclass has no `loss`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define loss(encoder, views_VBCHW, labels_B)")

    def optimizer(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        """Return the optimizer of the encoder's and the heads' parameters.

        The harness calls its `step()` once per update, without a closure. A step must not call the encoder. By default
        it is SGD with Nesterov momentum 0.9, with `learning_rate` and `weight_decay` from the manifest.

        Args:
            parameters: the encoder's, then the method's own.
        """
        return torch.optim.SGD(
            parameters, lr=self.setting.number("learning_rate"), momentum=0.9, nesterov=True,
            weight_decay=self.setting.number("weight_decay"), foreach=True,  # the same bits as one by one, and faster
        )  # fmt: skip

    def learning_rate(self, step: int) -> float:
        """Return the factor on the optimizer's learning rates at `step`, as a pure function of `step`.

        By default half a cosine from 1 to 0 over the whole run, without restarts.

        Args:
            step: position in the schedule, in [0, total_steps). Pruning with rewinding moves it back.

        Source:
            Loshchilov & Hutter 2017 (arXiv 1608.03983), eq. 5.
        """
        return 0.5 * (1 + math.cos(math.pi * step / self.setting.total_steps))

    def after_step(self, encoder: nn.Module) -> None:
        """Run after every update, for instance to move an EMA teacher or a queue. By default it does nothing.

        Args:
            encoder: to be read: it must not be called or changed here.
        """
        return
