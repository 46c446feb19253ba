"""How test images are corrupted: a tagged union, one model per corruption, five severities written out in each.

Pure data. It refuses to import torch and to know how a corruption is made: see `scoring.metrics.corruption_kinds`.
Lengths are in pixels of a 32-pixel image and shrink with the square root of the side, `length * sqrt(side / 32)`:
half as long on 8 pixels, where strokes are wider in proportion. Light runs from 0 (black) to 1 (white).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from benchmark.spec.base import Document, Problem

NUM_SEVERITIES = 5
"""Severities per corruption, 1 (mild) to 5."""

_FIVE = Field(min_length=NUM_SEVERITIES, max_length=NUM_SEVERITIES)


class _Corruption(Document):
    stronger: ClassVar[Literal["more", "less"]] = "more"

    @classmethod
    def contradictions(cls, values: Mapping[str, Any]) -> Iterator[Problem]:
        """Refuse severities that do not get stronger."""
        strengths: Sequence[float | None] = values.get("severities") or ()
        for position, (before, after) in enumerate(itertools.pairwise(strengths), start=1):
            if before is None or after is None:
                continue
            if not (before < after if cls.stronger == "more" else before > after):
                expected = f"{cls.stronger} than the one before it ({before})"
                yield Problem(f"severities[{position}]", expected, str(after))


class GaussianNoise(_Corruption):
    """Normal noise added to every pixel and channel."""

    name: Literal["gaussian_noise"]
    """Tag of this corruption."""
    severities: Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], _FIVE] = (0.04, 0.08, 0.12, 0.18, 0.26)
    """Standard deviation in units of light, in (0, 1], increasing."""


class ShotNoise(_Corruption):
    """Poisson noise: every pixel counts photons."""

    name: Literal["shot_noise"]
    """Tag of this corruption."""
    severities: Annotated[tuple[Annotated[float, Field(ge=1, le=1e5)], ...], _FIVE] = (250, 100, 50, 25, 12)
    """Mean number of photons of a white pixel, 1 to 100,000, decreasing."""
    stronger: ClassVar[Literal["more", "less"]] = "less"


class ImpulseNoise(_Corruption):
    """Salt and pepper: pixels of single channels become black or white, equally often."""

    name: Literal["impulse_noise"]
    """Tag of this corruption."""
    severities: Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], _FIVE] = (0.02, 0.04, 0.07, 0.12, 0.2)
    """Share of values hit, in (0, 1], increasing."""


class GaussianBlur(_Corruption):
    """Convolution with a normal density."""

    name: Literal["gaussian_blur"]
    """Tag of this corruption."""
    severities: Annotated[tuple[Annotated[float, Field(gt=0, le=16)], ...], _FIVE] = (0.8, 1.0, 1.2, 1.5, 2.0)
    """Standard deviation in pixels of a 32-pixel image, in (0, 16], increasing."""


class MotionBlur(_Corruption):
    """Averaging along a straight line, its direction drawn anew for every image."""

    name: Literal["motion_blur"]
    """Tag of this corruption."""
    severities: Annotated[tuple[Annotated[float, Field(gt=0, le=32)], ...], _FIVE] = (2, 3, 4, 5.5, 7)
    """Length of the line in pixels of a 32-pixel image, in (0, 32], increasing."""


class BoxBlur(_Corruption):
    """Averaging over a square."""

    name: Literal["box_blur"]
    """Tag of this corruption."""
    severities: Annotated[tuple[Annotated[float, Field(gt=1, le=32)], ...], _FIVE] = (2.5, 3, 3.5, 4.25, 5)
    """Side of the square in pixels of a 32-pixel image, in (1, 32], increasing; nothing changes below 1 pixel."""


class Brightness(_Corruption):
    """Light added to every pixel."""

    name: Literal["brightness"]
    """Tag of this corruption."""
    severities: Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], _FIVE] = (0.05, 0.1, 0.15, 0.2, 0.3)
    """Light added, in (0, 1], increasing."""


class Contrast(_Corruption):
    """Every pixel moved towards the mean light of its image."""

    name: Literal["contrast"]
    """Tag of this corruption."""
    severities: Annotated[tuple[Annotated[float, Field(ge=0, lt=1)], ...], _FIVE] = (0.75, 0.5, 0.4, 0.3, 0.15)
    """Share of the difference from the mean that is left, in [0, 1), decreasing."""
    stronger: ClassVar[Literal["more", "less"]] = "less"


class Jpeg(_Corruption):
    """JPEG compression."""

    name: Literal["jpeg"]
    """Tag of this corruption."""
    severities: Annotated[tuple[Annotated[float, Field(ge=1, le=100)], ...], _FIVE] = (80, 60, 40, 25, 10)
    """Quality, 1 to 100, decreasing."""
    stronger: ClassVar[Literal["more", "less"]] = "less"


class Pixelate(_Corruption):
    """Fewer, larger pixels."""

    name: Literal["pixelate"]
    """Tag of this corruption."""
    severities: Annotated[tuple[Annotated[float, Field(gt=0, lt=1)], ...], _FIVE] = (0.875, 0.75, 0.625, 0.5, 0.375)
    """Pixels per side that are left, as a share of the image's side, in (0, 1), decreasing."""
    stronger: ClassVar[Literal["more", "less"]] = "less"


Corruption = Annotated[
    GaussianNoise | ShotNoise | ImpulseNoise | GaussianBlur | MotionBlur | BoxBlur | Brightness | Contrast | Jpeg
    | Pixelate,
    Field(discriminator="name"),
]  # fmt: skip
"""Any corruption of a specification; `name` says which. Types of Hendrycks & Dietterich 2019 (arXiv 1903.12261).

Deviation: default severities are chosen for 8 to 32 pixels, close to CIFAR-10-C (unverified) where it has the kind.
"""

ALL_CORRUPTIONS: tuple[Corruption, ...] = (
    GaussianNoise(name="gaussian_noise"), ShotNoise(name="shot_noise"), ImpulseNoise(name="impulse_noise"),
    GaussianBlur(name="gaussian_blur"), MotionBlur(name="motion_blur"), BoxBlur(name="box_blur"),
    Brightness(name="brightness"), Contrast(name="contrast"), Jpeg(name="jpeg"), Pixelate(name="pixelate"),
)  # fmt: skip
"""Every corruption at its default severities."""


def repeated_corruptions(corruptions: Sequence[Any]) -> Iterator[Problem]:
    """Refuse to ask for the same corruption twice; entries that did not parse are None."""
    names = Counter(each.name for each in corruptions if each is not None)
    for name, count in names.items():
        if count > 1:
            yield Problem("corruptions", "every corruption once", f"{count} corruptions named {name!r}")
