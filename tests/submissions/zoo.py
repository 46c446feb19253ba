"""The shipped submissions, as trainers load them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from torch import nn

from benchmark.admission.manifest import Manifest, read_manifest
from benchmark.method.contract import Method, Setting, no_encoder
from benchmark.method.loading import load_method_class

SUBMISSIONS = Path(__file__).resolve().parents[2] / "submissions"
NAMES = sorted(path.parent.name for path in SUBMISSIONS.glob("[!_]*/method.py"))


@dataclass(frozen=True)
class Shipped:
    """One submission: what it says, and its class."""

    manifest: Manifest
    method: type[Method]

    def setting(
        self, image_shape: tuple[int, int, int], feature_dim: int, batch_size: int, total_steps: int = 24,
        num_classes: int = 3, new_encoder: Callable[[], nn.Module] = no_encoder,
    ) -> Setting:  # fmt: skip
        """Describe a small task to it."""
        labels = num_classes if self.manifest.supervision == "labels" else None
        return Setting(
            dataset="tiny", image_shape=image_shape, flip=False, num_classes=labels, feature_dim=feature_dim,
            batch_size=batch_size, steps_per_epoch=4, total_steps=total_steps,
            hyperparameters=self.manifest.resolved("tiny"), new_encoder=new_encoder,
        )  # fmt: skip


@cache
def shipped(name: str) -> Shipped:
    """Read and load one submission."""
    manifest = read_manifest((SUBMISSIONS / name / "submission.yaml").read_bytes())
    return Shipped(manifest, load_method_class(SUBMISSIONS / name))
