"""SimCLR (Chen et al. 2020, arXiv 2002.05709): normalised temperature-scaled cross-entropy between two views."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.data.views import augmented_views, standard_augmentation
from benchmark.method.contract import Method, Setting


class SimCLR(Method):
    """A two-layer projection head g(.) on the encoder f(.), and the NT-Xent loss on its outputs."""

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
        """NT-Xent, equation 1 of the paper, averaged over all 2B ordered positive pairs."""
        z = F.normalize(self.projection(encoder(views_VBCHW.flatten(0, 1))), dim=1)
        similarity = z @ z.T / self.temperature
        similarity.fill_diagonal_(-torch.inf)  # a view is no negative of itself
        batch = views_VBCHW.shape[1]
        other_view = torch.arange(2 * batch, device=z.device).roll(batch)
        return F.cross_entropy(similarity, other_view)
