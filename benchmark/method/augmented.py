"""A method whose views are the standard augmentation, as those of most submissions here are."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from benchmark.data.views import augmented_views, standard_augmentation
from benchmark.method.contract import Method, Setting


class AugmentedMethod(Method):
    """A `Method` that augments every image `num_views` times, with the strength `augmentation` of the manifest.

    Attributes:
        num_views: V; a subclass sets it.
    """

    num_views: ClassVar[int] = 2

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        strength = setting.number("augmentation")
        self.augmentation = standard_augmentation(setting.image_shape, strength, flip=setting.flip)

    def views(self, images_BCHW: Tensor) -> Tensor:
        """Augment every image `num_views` times."""
        return augmented_views(self.augmentation, images_BCHW, self.num_views)
