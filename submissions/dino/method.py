"""DINO (Caron et al. 2021, arXiv 2104.14294): match a momentum teacher's centred and sharpened distribution.

Two global views and no smaller crops; the teacher's temperature is constant, and there is no warm-up.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.method.augmented import AugmentedMethod
from benchmark.method.contract import Setting
from benchmark.method.networks import mlp
from benchmark.method.similarity import cosine_similarities
from benchmark.method.teacher import MomentumTeacher


class Prototypes(nn.Module):
    """The last layer: cosines between the input and K prototypes (weight norm, with the norm fixed to 1)."""

    def __init__(self, dim: int, num_prototypes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_prototypes, dim))

    def forward(self, inputs_BD: Tensor) -> Tensor:
        """Map (B, D) to (B, K)."""
        return cosine_similarities(inputs_BD, self.weight)


class DINO(AugmentedMethod):
    """A projection head with K outputs, a momentum teacher of encoder and head, and the centre of its outputs."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        names = ("student_temperature", "teacher_temperature", "center_momentum", "momentum")
        self.student_temperature, self.teacher_temperature, self.center_momentum, momentum = map(setting.number, names)
        sizes = ("hidden_dim", "bottleneck_dim", "prototypes")
        hidden, bottleneck, outputs = (int(setting.number(name)) for name in sizes)
        layers = mlp(setting.feature_dim, hidden, bottleneck)  # the authors' has GELU and one layer more
        self.head = nn.Sequential(layers, Prototypes(bottleneck, outputs))
        self.teacher = MomentumTeacher(setting.new_encoder(), self.head, momentum, setting.total_steps)
        self.center: Tensor
        self.register_buffer("center", torch.zeros(outputs))

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Equation 3 with two views; algorithm 1 takes the mean of both directions."""
        student1, student2 = (self.head(encoder(view)) / self.student_temperature for view in views_VBCHW)
        teacher1, teacher2 = (self.teacher(view) for view in views_VBCHW)
        target1, target2 = ((each - self.center) / self.teacher_temperature for each in (teacher1, teacher2))
        loss = (F.cross_entropy(student2, target1.softmax(1)) + F.cross_entropy(student1, target2.softmax(1))) / 2
        self.center.lerp_(torch.cat([teacher1, teacher2]).mean(0), 1 - self.center_momentum)  # equation 4
        return loss

    def after_step(self, encoder: nn.Module) -> None:
        """Move the teacher, with a momentum that rises to 1."""
        self.teacher.follow(encoder, self.head)
