"""My method: replace this sentence by yours, and the loss below by the one of your paper."""

import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.data.views import augmented_views, standard_augmentation
from benchmark.method.contract import Method, Setting


class MyMethod(Method):
    """Pulls two views of an image together, while keeping every feature's spread (a small VICReg)."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        strength = setting.number("augmentation")
        self.augmentation = standard_augmentation(setting.image_shape, strength, flip=setting.flip)

    def views(self, images_BCHW: Tensor) -> Tensor:
        """Turn images (B, channels, H, W) in [0, 1] into views (V, B, channels, H, W)."""
        return augmented_views(self.augmentation, images_BCHW, num_views=2)

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Compute the loss of one update: a scalar with gradients."""
        first_BD, second_BD = encoder(views_VBCHW.flatten(0, 1)).chunk(2)
        attraction = F.mse_loss(first_BD, second_BD)
        spread = F.relu(1 - first_BD.std(0)).mean() + F.relu(1 - second_BD.std(0)).mean()
        return attraction + spread
