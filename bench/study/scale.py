"""How large the study's measurements are: as the study on a GPU, tiny on a CPU, which only tries the bench itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from benchmark.machine import available_cores

SPEC = "corti2022"
"""The founding study's specification, whose plan is counted at every scale."""

Device = Literal["cpu", "cuda"]


@dataclass(frozen=True)
class Form:
    """In which form models are updated: bits and graphs.

    Attributes:
        siblings: models that are trained on each batch.
        in_bfloat16: whether the encoder computes in bfloat16, else in float32.
        captured: whether an update is a CUDA graph.
        compiled: whether the encoder is compiled.
    """

    siblings: int
    in_bfloat16: bool = False
    captured: bool = False
    compiled: bool = False

    @property
    def words(self) -> str:
        """Precision, capture and compilation in words: `bfloat16, captured and compiled`."""
        how = {(True, True): "captured and compiled", (True, False): "captured", (False, True): "compiled"}
        precision = "bfloat16" if self.in_bfloat16 else "float32"
        return f"{precision}, {how.get((self.captured, self.compiled), 'plain')}"

    def __str__(self) -> str:
        return f"{'one model' if self.siblings == 1 else f'{self.siblings} siblings'}, {self.words}"


@dataclass(frozen=True)
class Scale:
    """What is trained and how often it is timed.

    Attributes:
        prefix: first words of every line's name.
        device: where models are trained.
        encoder: the encoder, as a specification writes it.
        px: height and width of colour images.
        images: images per update; each has two views.
        steps: updates of a timing, and batches of a timing of views.
        own_steps: updates of a timing of the study's own loop.
        repeats: timings.
        siblings: models that are trained on each batch, where it is not one.
        scored: seeds, training images and test images of the population whose scoring is timed.
    """

    prefix: str
    device: Device
    encoder: dict[str, Any]
    px: int
    images: int
    steps: int
    own_steps: int
    repeats: int
    siblings: int
    scored: tuple[int, int, int]

    @property
    def views(self) -> int:
        """Views per update."""
        return 2 * self.images

    def aim(self, reach: str) -> str:
        """Return what is aimed at on a GPU; nothing is where networks are tiny."""
        return reach if self.device == "cuda" else ""

    @property
    def workers(self) -> int:
        """Workers of the study's own loader: one per core."""
        return available_cores()

    @property
    def words(self) -> str:
        """What is trained, in words."""
        settings = ", ".join(f"{name} {value}" for name, value in self.encoder.items() if name != "name")
        network = self.encoder["name"] + (f" ({settings})" if settings else "")
        return f"SimCLR, {network}, {self.px} px, {self.views} views per update"

    def forms(self, siblings: int, *, in_bfloat16: bool) -> Iterator[Form]:
        """Yield the forms that the device has: captured, then captured and compiled; plain alone on a CPU."""
        captured = self.device == "cuda"
        for compiled in (False, True) if captured else (False,):
            yield Form(siblings, in_bfloat16, captured, compiled)


def study_scale(*, quick: bool) -> Scale:
    """Return the study's own scale, on a GPU; `quick` times less often and scores a tenth of the images."""
    return Scale(
        "GPU, study", "cuda", {"name": "wrn-16-2"}, px=32, images=256, steps=20, own_steps=40 if quick else 195,
        repeats=3 if quick else 7, siblings=6, scored=(2, 5_000, 1_000) if quick else (6, 50_000, 10_000),
    )  # fmt: skip


def tiny_scale() -> Scale:
    """Return a scale at which a CPU runs every measurement in seconds."""
    return Scale(
        "CPU, tiny study", "cpu", {"name": "resnet8", "width": 2}, px=8, images=8, steps=2, own_steps=2, repeats=2,
        siblings=3, scored=(2, 60, 30),
    )  # fmt: skip
