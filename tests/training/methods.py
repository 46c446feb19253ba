"""Tiny methods that do whatever a method may do, and some that break; a trainer in a subprocess imports them too."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.encoder import build_encoder
from benchmark.method.contract import Method, Setting
from benchmark.spec import SmallResNet


class Restless(Method):
    """Contrastive, with a queue of negatives; draws from torch, numpy and `random` in views, loss and after_step."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        dim = setting.feature_dim
        self.projection = nn.Sequential(nn.Linear(dim, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3))
        self.queue: Tensor
        self.register_buffer("queue", F.normalize(torch.randn(8, 3)))

    def views(self, images_BCHW: Tensor) -> Tensor:
        """Roll, dim and blur with noise, twice."""
        rolled = torch.roll(images_BCHW, int(np.random.randint(-1, 2)), dims=3)  # noqa: NPY002
        pair_VBCHW = torch.stack([images_BCHW * random.uniform(0.8, 1.0), rolled])
        return (pair_VBCHW + 0.1 * torch.randn_like(pair_VBCHW)).clamp(0, 1)

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """InfoNCE against the other view and the queue, features dropped out, temperature jittered."""
        first_BD, second_BD = self.project(encoder, views_VBCHW).chunk(2)
        self.newest = second_BD.detach()
        temperature = 0.3 * random.uniform(0.9, 1.1) * float(np.random.uniform(0.9, 1.1))  # noqa: NPY002
        logits = torch.cat([first_BD @ second_BD.T, first_BD @ self.queue.T], dim=1) / temperature
        return F.cross_entropy(logits, torch.arange(len(first_BD)))

    def project(self, encoder: nn.Module, views_VBCHW: Tensor) -> Tensor:
        """Give unit vectors for all views, one after the other."""
        features = F.dropout(encoder(views_VBCHW.flatten(0, 1)), 0.2)
        return F.normalize(self.projection(features), dim=1)

    def after_step(self, encoder: nn.Module) -> None:
        """Replace one entry of the queue, noisily."""
        row = random.randrange(len(self.queue))
        picked = self.newest[int(np.random.randint(len(self.newest)))]  # noqa: NPY002
        self.queue[row] = F.normalize(picked + 0.01 * torch.randn(3), dim=0)


class Taught(Restless):
    """Also pulled towards a teacher of the encoder's shape, an exponential moving average of its weights."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        width = setting.feature_dim // 4
        self.teacher = build_encoder(SmallResNet(name="resnet8", width=width), setting.image_shape[0], seed=0)
        self.teacher.requires_grad_(requires_grad=False)

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Add the distance between student and teacher; the teacher's batch norm sees the views, too."""
        student_BD, teacher_BD = encoder(views_VBCHW[0]), self.teacher(views_VBCHW[1])
        return super().loss(encoder, views_VBCHW, labels_B) + F.mse_loss(student_BD, teacher_BD)

    def after_step(self, encoder: nn.Module) -> None:
        """Move the teacher a tenth of the way."""
        super().after_step(encoder)
        for kept, new in zip(self.teacher.parameters(), encoder.parameters(), strict=True):
            kept.lerp_(new, 0.1)


class Adaptive(Restless):
    """Trained by Adam under a warm-up; remembers its losses in a list beside its tensors, and looks back at them."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.history: list[float] = []

    def optimizer(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        """AMSGrad with decoupled weight decay, two groups with rates of their own."""
        groups: Iterable[dict[str, Any]] = [
            {"params": parameters[:5], "lr": 0.01}, {"params": parameters[5:], "lr": 0.003},
        ]  # fmt: skip
        return torch.optim.AdamW(groups, amsgrad=True, weight_decay=0.05)

    def learning_rate(self, step: int) -> float:
        """Warm up for four updates, then fall with the square root."""
        return (step + 1) / 4 if step < 4 else math.sqrt(4 / (step + 1))

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Weigh by the losses seen so far."""
        loss = super().loss(encoder, views_VBCHW, labels_B)
        self.history.append(loss.item())
        return loss * (1 + 0.1 * math.tanh(sum(self.history)))

    def get_extra_state(self) -> dict[str, Any]:
        """Hand out the very list that goes on growing."""
        return {"history": self.history}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take the very list that is given."""
        self.history = state["history"]


class Supervised(Method):
    """Cross-entropy; scribbles over its views and labels, as careless code does."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        assert setting.num_classes is not None
        self.classifier = nn.Linear(setting.feature_dim, setting.num_classes)

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Normalise in place, flip labels in place."""
        assert labels_B is not None
        views_VBCHW.sub_(0.3).mul_(2 + torch.rand(()))
        labels_B[0] = (labels_B[0] + 1) % self.classifier.out_features
        return F.cross_entropy(self.classifier(encoder(views_VBCHW[0])), labels_B)


class Counting(Restless):
    """Knows how many updates it has seen, and whether its encoder has been pruned; the base of those that break."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.num_seen: Tensor
        self.register_buffer("num_seen", torch.zeros((), dtype=torch.int64))
        self.is_pruned = False

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Count, look for zeros, and train as ever."""
        self.num_seen += 1
        self.is_pruned = any(bool((weight == 0).any()) for weight in encoder.parameters() if weight.dim() == 4)
        return super().loss(encoder, views_VBCHW, labels_B)


class BreaksAtAnUpdate(Counting):
    """Raises in update `break_at`."""

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Raise when the time has come."""
        if int(self.num_seen) == self.setting.number("break_at"):
            raise RuntimeError("this method breaks here")
        return super().loss(encoder, views_VBCHW, labels_B)


class BreaksWhenPruned(Counting):
    """Raises as soon as it finds its encoder pruned."""

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Raise on zeros."""
        loss = super().loss(encoder, views_VBCHW, labels_B)
        if self.is_pruned:
            raise RuntimeError("this method cannot be pruned")
        return loss


class BreaksInViews(Restless):
    """Raises in `views` of the update in which its first draw is a certain one; that is update `break_at`."""

    def views(self, images_BCHW: Tensor) -> Tensor:
        """Raise in one update for all models."""
        self.calls = getattr(self, "calls", 0)
        if self.calls == self.setting.number("break_at"):
            raise RuntimeError("these views break")
        self.calls += 1
        return super().views(images_BCHW)


class CannotBeSavedWhenPruned(Counting):
    """Raises when it is asked for its state after it has been pruned."""

    def get_extra_state(self) -> dict[str, Any]:
        """Raise for pruned encoders."""
        if self.is_pruned:
            raise RuntimeError("this method cannot be saved")
        return {}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Nothing is kept."""


class Diverges(Counting):
    """Its loss is not a number from update `break_at` on."""

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Multiply by NaN when the time has come."""
        loss = super().loss(encoder, views_VBCHW, labels_B)
        return loss * math.nan if int(self.num_seen) > self.setting.number("break_at") else loss


class Resurrecting(Restless):
    """Adds one to every weight in every step of its optimizer, masked ones included."""

    def optimizer(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        """Write after the step."""
        optimizer = super().optimizer(parameters)

        def write(*_: object) -> None:
            with torch.no_grad():
                for weight in parameters:
                    weight.add_(1)

        optimizer.register_step_post_hook(write)
        return optimizer
