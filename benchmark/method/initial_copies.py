"""Copies of an encoder from before its first update, for methods that have a teacher."""

from __future__ import annotations

from copy import deepcopy

from torch import nn


class InitialCopies:
    """Copies an encoder for as long as its weights are the initial ones: while the method is built.

    A teacher starts from the student's own initial weights, as in the reference code of BYOL and MoCo. A later copy
    would start from trained weights, and would be missing when training is resumed, because a resumed method is
    built anew before its state is loaded.

    Args:
        encoder: on its device, in training mode, with the initial weights of its seed.
    """

    def __init__(self, encoder: nn.Module) -> None:
        self._encoder: nn.Module | None = encoder

    def new_encoder(self) -> nn.Module:
        """Return a copy whose parameters require no gradients; nothing is drawn.

        Raises:
            ValueError: the method has been built.
        """
        if self._encoder is None:
            raise ValueError(
                "setting.new_encoder: expected a call in __init__, got a later one; assign the copy to self there"
            )
        return deepcopy(self._encoder).requires_grad_(requires_grad=False)

    def end(self) -> None:
        """Refuse every later copy."""
        self._encoder = None
