"""The exact sizes of the files in which trainers hand over encoders and masks, worked out by writing one of each."""

from __future__ import annotations

from typing import NamedTuple

from benchmark.spec import EncoderSpec


class FileSizes(NamedTuple):
    """Sizes in bytes of the encoder's file and of the mask's."""

    encoder: int
    mask: int


def expected_sizes(spec: EncoderSpec, in_channels: int) -> FileSizes:
    """Return the sizes of the files of every state of an encoder; in a safetensors file they follow from the shapes.

    Args:
        spec: which encoder.
        in_channels: channels of the images, 1 or 3.
    """
    # Imported where it is used: torch takes seconds, and a command that trains nothing needs no sizes.
    import torch
    from safetensors.torch import save

    from benchmark.encoder import encoder_without_weights, prunable_names

    encoder = encoder_without_weights(spec, in_channels)
    weights = {name: torch.zeros(each.shape, dtype=each.dtype) for name, each in encoder.state_dict().items()}
    kept = {name: torch.zeros(weights[name].shape, dtype=torch.bool) for name in prunable_names(encoder)}
    return FileSizes(len(save(weights)), len(save(kept)))
