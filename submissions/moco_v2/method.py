"""MoCo v2 (Chen et al. 2020, arXiv 2003.04297): a momentum encoder makes keys, and a queue of them the negatives.

There is one device, so that batch norm is not shuffled over devices (He et al. 2020, arXiv 1911.05722, section 3.3).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.method.augmented import AugmentedMethod
from benchmark.method.contract import Setting
from benchmark.method.networks import mlp
from benchmark.method.queue import FeatureQueue
from benchmark.method.teacher import MomentumTeacher


class MoCoV2(AugmentedMethod):
    """Queries from the encoder and a two-layer head, keys from a momentum copy of both."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.temperature = setting.number("temperature")
        features, dim = setting.feature_dim, int(setting.number("projection_dim"))
        self.projection = mlp(features, features, dim, batch_norm=False)
        self.teacher = MomentumTeacher(setting.new_encoder(), self.projection, setting.number("momentum"))
        self.queue = FeatureQueue(int(setting.number("queue")), dim, setting.batch_size)

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """InfoNCE, equation 1 of He et al.: the query's own key against those of the queue."""
        queries = F.normalize(self.projection(encoder(views_VBCHW[0])), dim=1)
        keys = F.normalize(self.teacher(views_VBCHW[1]), dim=1)
        positive = (queries * keys).sum(1, keepdim=True)
        logits = torch.cat([positive, queries @ self.queue.features_KD.T], dim=1) / self.temperature
        self.queue.offer(keys)
        return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.int64, device=logits.device))

    def after_step(self, encoder: nn.Module) -> None:
        """Move the key encoder, equation 2 of He et al., and put the new keys into the queue."""
        self.teacher.follow(encoder, self.projection)
        self.queue.advance()
