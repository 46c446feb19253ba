"""Settings of the metrics that have any; those of the linear probe are in `benchmark_spec`.

Pure data. It refuses to know how a number is computed.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from benchmark.spec.base import Document


class KnnSpec(Document):
    """The weighted nearest-neighbour probe (Wu et al. 2018, arXiv 1805.01978)."""

    k: Annotated[int, Field(ge=1, le=1000)] = 20
    """Number of neighbours by cosine similarity, 1 to 1000; all training images where there are fewer."""
    temperature: Annotated[float, Field(ge=0.01, le=100, allow_inf_nan=False)] = 0.07
    """A neighbour votes with exp(similarity / temperature), in [0.01, 100]."""


class DepthSpec(Document):
    """The unweighted nearest-neighbour probes of prediction depth (Baldock et al. 2021, arXiv 2106.09647)."""

    k: Annotated[int, Field(ge=1, le=1000)] = 30
    """Number of neighbours by Euclidean distance, 1 to 1000; all training images where there are fewer."""


class CalibrationSpec(Document):
    """How the confidence of the linear probe is compared with its accuracy."""

    bins: Annotated[int, Field(ge=1, le=1000)] = 15
    """Number of equal-width bins of confidence, 1 to 1000."""
