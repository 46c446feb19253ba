"""Settings of the instruments beyond the linear probe: neighbours, depth, calibration, classes, corruptions, potential.

Pure data. It refuses to import torch and to know how a corruption is made.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from benchmark.spec.base import Document, Problem

NUM_SEVERITIES = 5
"""Severities per corruption, 1 (mild) to 5."""


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


class ClassImpactSpec(Document):
    """When a class counts as hit by pruning."""

    level: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Significance level, raw and as false discovery rate, in (0, 1)."""


class PrunePotentialSpec(Document):
    """How much error pruning may add before it is too much (Liebenwein et al. 2021, arXiv 2103.03014)."""

    margin_points: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 0.5
    """Error allowed beyond the dense error, in percentage points, 0 to 100."""


CorruptionName = Literal[
    "gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise", "gaussian_blur", "motion_blur", "defocus_blur",
    "brightness", "contrast", "jpeg", "pixelate", "posterize", "gamma",
]  # fmt: skip
"""The corruptions there are; the unit of a strength is said in `CorruptionSpec.severities`."""

_RANGES: dict[str, tuple[float, float, bool]] = {
    "gaussian_noise": (0, 1, True),
    "shot_noise": (1, 100_000, False),
    "impulse_noise": (0, 1, True),
    "speckle_noise": (0, 1, True),
    "gaussian_blur": (0, 16, True),
    "motion_blur": (1, 32, True),
    "defocus_blur": (0, 16, True),
    "brightness": (0, 1, True),
    "contrast": (0, 1, False),
    "jpeg": (1, 100, False),
    "pixelate": (0, 1, False),
    "posterize": (1, 8, False),
    "gamma": (1, 16, True),
}
"""Smallest and largest strength, and whether a larger number is the stronger corruption."""


class CorruptionSpec(Document):
    """One corruption of the test images at five severities; draws are named by its name and the severity."""

    name: CorruptionName
    """Which corruption."""
    severities: Annotated[
        tuple[Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)], ...],
        Field(min_length=NUM_SEVERITIES, max_length=NUM_SEVERITIES),
    ]
    """Strength at severity 1 to 5, each stronger than the one before. Images in [0, 1]: standard deviation of
    gaussian_noise and (times the pixel) speckle_noise; photons per unit of light of shot_noise; share of pixels hit by
    impulse_noise; light added by brightness; factor on the difference from the mean (contrast); JPEG quality, 1 to 100;
    share of the image's side kept by pixelate; bits kept by posterize; exponent of gamma. Pixels of a 32-pixel image:
    standard deviation of gaussian_blur, length of motion_blur, radius of defocus_blur (times sqrt(side / 32))."""

    @classmethod
    def contradictions(cls, values: Mapping[str, Any]) -> Iterator[Problem]:
        """Check range and order of the strengths, which depend on the corruption."""
        name, severities = values.get("name"), values.get("severities") or ()
        if name not in _RANGES:
            return
        lowest, highest, increasing = _RANGES[name]
        parsed = [(position, value) for position, value in enumerate(severities) if value is not None]
        for position, value in parsed:
            if not lowest <= value <= highest:
                nearest = min(max(value, lowest), highest)
                yield Problem(
                    f"severities[{position}]", f"{name} from {lowest} to {highest}", str(value), str(nearest)
                )
        word = "more" if increasing else "less"
        for (_, before), (position, value) in itertools.pairwise(parsed):
            if not (before < value if increasing else before > value):
                yield Problem(f"severities[{position}]", f"{word} than the one before it ({before})", str(value))


def _corruption(name: CorruptionName, *severities: float) -> CorruptionSpec:
    return CorruptionSpec(name=name, severities=severities)


DEFAULT_CORRUPTIONS = (
    _corruption("gaussian_noise", 0.04, 0.08, 0.12, 0.18, 0.26),
    _corruption("shot_noise", 250, 100, 50, 25, 12),
    _corruption("impulse_noise", 0.02, 0.04, 0.07, 0.12, 0.2),
    _corruption("gaussian_blur", 0.6, 0.8, 1.0, 1.25, 1.5),
    _corruption("motion_blur", 3, 4, 5, 6.5, 8),
    _corruption("defocus_blur", 1.25, 1.5, 1.8, 2.2, 2.7),
    _corruption("brightness", 0.1, 0.2, 0.3, 0.4, 0.5),
    _corruption("contrast", 0.75, 0.5, 0.4, 0.3, 0.15),
    _corruption("jpeg", 80, 60, 40, 25, 10),
    _corruption("pixelate", 0.875, 0.75, 0.625, 0.5, 0.375),
)
"""Types of Hendrycks & Dietterich 2019 (arXiv 1903.12261) that need no picture material. Deviation: strengths lie
between their ImageNet-C and CIFAR-10-C ones, because images here have 8 to 32 pixels a side."""


class EvaluationExtra(Document):
    """The part of an evaluation that these instruments read."""

    knn: KnnSpec = KnnSpec()
    """The weighted nearest-neighbour probe."""
    depth: DepthSpec = DepthSpec()
    """Prediction depth."""
    calibration: CalibrationSpec = CalibrationSpec()
    """Expected calibration error."""
    class_impact: ClassImpactSpec = ClassImpactSpec()
    """Class-level impact."""
    prune_potential: PrunePotentialSpec = PrunePotentialSpec()
    """Prune potential."""
    corruptions: Annotated[tuple[CorruptionSpec, ...], Field(max_length=32)] = DEFAULT_CORRUPTIONS
    """How test images are corrupted, 0 to 32 different corruptions."""

    @classmethod
    def contradictions(cls, values: Mapping[str, Any]) -> Iterator[Problem]:
        """Refuse to ask for the same corruption twice."""
        asked = [each.name for each in values.get("corruptions") or () if isinstance(each, CorruptionSpec)]
        for name, count in Counter(asked).items():
            if count > 1:
                yield Problem("corruptions", "every corruption once", f"{count} corruptions named {name!r}")


def extra(evaluation: Document) -> EvaluationExtra:
    """Give these settings of an evaluation; the defaults as long as `Evaluation` has no such fields."""
    return evaluation if isinstance(evaluation, EvaluationExtra) else EvaluationExtra()
