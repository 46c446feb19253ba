"""The naive peer: what a researcher without a benchmark suite would run, written from public practice.

    python -m bench.peer --seed 0 --schedule late --sparsity 0.98 [--epochs 30]

One process per cell of the grid, trained from the first update to the last: a DataLoader, augmentation of one image
after the other by torchvision v2 on PIL images, float32, `torch.nn.utils.prune`, scikit-learn's probes
(bench/peer_scoring.py). The network, the loss, the budget and the schedules are the benchmark's own, so that both
sides do the same work.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, cast

import numpy as np
import torch
import torch.nn.functional as F
import typer
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn.utils import prune
from torch.utils.data import DataLoader, Dataset

from bench.peer_scoring import features_of, read_naively
from benchmark.datasets.torchvision_import import import_torchvision
from benchmark.encoder import build_encoder, feature_dim, layer_sizes, prunable_names
from benchmark.plan import PruneEvent, compile_events
from benchmark.spec import BenchmarkSpec, EncoderSpec

TEMPERATURE, RATE, WEIGHT_DECAY, PROJECTION, STRENGTH = 0.5, 0.3, 1e-4, 32, 0.5
"""As in submissions/simclr."""

View = Callable[[Image.Image], Tensor]


def one_image_at_a_time(channels: int, size: int) -> View:
    """Build the augmentation of one PIL image, as in `standard_augmentation`, by torchvision v2."""
    v2: Any = import_torchvision("torchvision.transforms.v2")
    s = STRENGTH
    to_tensor = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]
    if channels == 1:
        affine = v2.RandomAffine(20 * s, (0.15 * s, 0.15 * s), (1 - 0.2 * s, 1 + 0.2 * s), 12 * s)
        return cast(View, v2.Compose([affine, *to_tensor, v2.GaussianNoise(sigma=0.1 * s)]))
    jitter = v2.RandomApply([v2.ColorJitter(0.4 * s, 0.4 * s, 0.4 * s, 0.1 * s)], p=0.8)
    crop = v2.RandomResizedCrop(size, scale=(1 - 0.8 * s, 1.0), antialias=True)
    return cast(View, v2.Compose([crop, v2.RandomHorizontalFlip(), jitter, v2.RandomGrayscale(0.2), *to_tensor]))


class TwoViews(Dataset[tuple[Tensor, Tensor]]):
    """Two augmented views of each image."""

    def __init__(self, images: NDArray[np.uint8]) -> None:
        channels, size = images.shape[1:3]
        as_pil = images[:, 0] if channels == 1 else images.transpose(0, 2, 3, 1)
        self.images = [Image.fromarray(each) for each in as_pil]
        self.view = one_image_at_a_time(channels, size)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Augment image `index` twice: two float32 tensors (channels, H, W)."""
        return self.view(self.images[index]), self.view(self.images[index])


@dataclass(frozen=True)
class Budget:
    """What a cell trains: the encoder, batch size and updates of a specification."""

    encoder: EncoderSpec
    batch_size: int
    epochs: int


class NaiveRun:
    """One cell with one seed.

    Args:
        images: uint8 (N, channels, H, W).
        budget: what is trained.
        seed: the model's seed.
        device: where the network is; images are augmented on the CPU.
        workers: processes of the loader, 0 for none; they live as long as the run.
    """

    def __init__(
        self, images: NDArray[np.uint8], budget: Budget, seed: int, *, device: str = "cpu", workers: int = 0
    ) -> None:
        torch.manual_seed(seed)
        self.device = torch.device(device)
        self.encoder = build_encoder(budget.encoder, images.shape[1], seed).train().to(self.device)
        dim = feature_dim(budget.encoder)
        self.head = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, PROJECTION)).to(self.device)
        parameters = [*self.encoder.parameters(), *self.head.parameters()]
        self.optimizer = torch.optim.SGD(parameters, RATE, momentum=0.9, nesterov=True, weight_decay=WEIGHT_DECAY)
        loader = DataLoader(
            TwoViews(images), budget.batch_size, shuffle=True, drop_last=True, num_workers=workers,
            persistent_workers=workers > 0, pin_memory=self.device.type == "cuda",
        )  # fmt: skip
        self.loader: DataLoader[tuple[Tensor, Tensor]] = loader
        self.total_steps = budget.epochs * len(loader)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, self.total_steps)
        self.step = 0

    def epoch(self, events: Sequence[PruneEvent] = ()) -> None:
        """Train one pass over the images, pruning where an event is due."""
        for first, second in self.loader:
            self._prune_if_due(events)
            views = torch.cat([each.to(self.device, non_blocking=True) for each in (first, second)])
            z = F.normalize(self.head(self.encoder(views)), dim=1)
            similarity = (z @ z.T / TEMPERATURE).fill_diagonal_(-math.inf)
            loss = F.cross_entropy(similarity, torch.arange(len(z), device=self.device).roll(len(first)))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.schedule.step()
            self.step += 1

    def _prune_if_due(self, events: Sequence[PruneEvent]) -> None:
        due = [event for event in events if event.step == self.step]
        if not due:
            return
        modules = dict(self.encoder.named_modules())
        layers = [(modules[name.rpartition(".")[0]], "weight") for name in prunable_names(self.encoder)]
        if self.step == events[0].step:
            amount = due[0].num_pruned[0]
        else:
            gone = sum(int((module.get_buffer("weight_mask") == 0).sum()) for module, _ in layers)
            amount = due[0].num_pruned[0] - gone
        prune.global_unstructured(layers, prune.L1Unstructured, amount=amount)


def events_of(spec: BenchmarkSpec, schedule: str, sparsity: Decimal, total_steps: int) -> tuple[PruneEvent, ...]:
    """Return the prune events of a cell; none for `dense`."""
    by_name = {each.name: each for each in spec.schedules}
    if schedule == "dense":
        return ()
    return compile_events(by_name[schedule], sparsity, total_steps, layer_sizes(spec.tasks[0].encoder, 1))


def main(
    seed: Annotated[int, typer.Option(help="Seed of the model.")] = 0,
    schedule: Annotated[str, typer.Option(help="Schedule of `digits`, or dense.")] = "dense",
    sparsity: Annotated[str, typer.Option(help="Sparsity of the cell.")] = "0.98",
    epochs: Annotated[int, typer.Option(help="Epochs to train.")] = 30,
) -> None:
    """Train and probe one cell of the digits grid; print seconds and accuracy as JSON."""
    from benchmark.datasets.dataset import load_dataset
    from benchmark.spec.documents.loading import load_spec
    from benchmark.store.layout import Home

    torch.set_num_threads(1)
    spec = load_spec("digits")
    task = spec.tasks[0]
    data = load_dataset(task.dataset, Home.from_environment().folders)
    started = time.perf_counter()
    run = NaiveRun(data.train.images, Budget(task.encoder, task.training.batch_size, epochs), seed)
    events = events_of(spec, schedule, Decimal(sparsity), run.total_steps)
    for _ in range(epochs):
        run.epoch(events)
    trained = time.perf_counter()
    train, test = (features_of(run.encoder, each.images) for each in (data.train, data.test))
    accuracy = read_naively(train, test, data.train.labels, spec.evaluation).accuracy(data.test.labels)
    read_s = time.perf_counter() - trained
    print(json.dumps({"train_s": trained - started, "read_s": read_s, "accuracy": accuracy}))


if __name__ == "__main__":
    typer.run(main)
