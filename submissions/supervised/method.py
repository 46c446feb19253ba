"""Supervised learning with cross-entropy on one augmented view."""

import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.data.views import augmented_views, standard_augmentation
from benchmark.method.contract import Method, Setting


class Supervised(Method):
    """A linear classifier on the encoder's features, trained together with them."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        strength = setting.number("augmentation")
        self.augmentation = standard_augmentation(setting.image_shape, strength, flip=setting.flip)
        self.head = nn.Linear(setting.feature_dim, setting.num_classes or 0)

    def views(self, images_BCHW: Tensor) -> Tensor:
        """Augment each image once."""
        return augmented_views(self.augmentation, images_BCHW, num_views=1)

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Cross-entropy in nats."""
        assert labels_B is not None  # the manifest asks for labels
        return F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B)
