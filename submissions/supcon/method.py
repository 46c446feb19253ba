"""SupCon (Khosla et al. 2020, arXiv 2004.11362): the contrastive loss with every image of the class as a positive."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.data.views import augmented_views, standard_augmentation
from benchmark.method.contract import Method, Setting


class SupCon(Method):
    """A two-layer projection head on the encoder, and the L_out form of the loss on its outputs."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.temperature = setting.number("temperature")
        strength = setting.number("augmentation")
        self.augmentation = standard_augmentation(setting.image_shape, strength, flip=setting.flip)
        self.projection = nn.Sequential(
            nn.Linear(setting.feature_dim, setting.feature_dim), nn.ReLU(inplace=True),
            nn.Linear(setting.feature_dim, int(setting.number("projection_dim"))),
        )  # fmt: skip

    def views(self, images_BCHW: Tensor) -> Tensor:
        """Augment each image twice."""
        return augmented_views(self.augmentation, images_BCHW, num_views=2)

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """L_out, equation 2 of the paper, averaged over all 2B views."""
        assert labels_B is not None  # the manifest asks for labels
        z = F.normalize(self.projection(encoder(views_VBCHW.flatten(0, 1))), dim=1)
        self_pairs = torch.eye(len(z), dtype=torch.bool, device=z.device)
        similarity = (z @ z.T / self.temperature).masked_fill(self_pairs, -torch.inf)
        log_probability = F.log_softmax(similarity, dim=1)
        labels = labels_B.repeat(2)
        positives = (labels[:, None] == labels[None, :]) & ~self_pairs
        return -(log_probability.masked_fill(~positives, 0).sum(1) / positives.sum(1)).mean()
