"""Which of the benchmark's networks is trained: a tagged union, one model per architecture.

Pure data. It refuses to import torch and to know how a network is built: see `benchmark.encoder`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from benchmark.spec.base import Document


class SmallResNet(Document):
    """Three-stage CIFAR-style residual network with one block per stage (He et al. 2016, section 4.2, n = 1)."""

    name: Literal["resnet8"]
    """Tag of this encoder."""
    width: Annotated[int, Field(ge=1, le=256)]
    """Channels of the first stage, 1 to 256; later stages have two and four times as many (4 x width features)."""


class ResNet18(Document):
    """ResNet-18 (He et al. 2016) with the stem usual on CIFAR: 3 x 3 without stride, no max-pooling; 512 features."""

    name: Literal["resnet18"]
    """Tag of this encoder."""


class WideResNet16x2(Document):
    """WRN-16-2 (Zagoruyko & Komodakis 2016): pre-activation, widths 32, 64, 128; the network of Corti et al. 2022."""

    name: Literal["wrn-16-2"]
    """Tag of this encoder."""


EncoderSpec = Annotated[SmallResNet | ResNet18 | WideResNet16x2, Field(discriminator="name")]
"""Any encoder of a specification; `name` says which."""
