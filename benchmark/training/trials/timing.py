"""What an update of a submission costs here, in time and memory: a few on random images. Trains nothing that is kept.

    python -m benchmark.training.trials.timing --job J --submission DIR --image-shape C H W

Runs submission code, like the trainer; prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from benchmark.data.batches import Batches
from benchmark.method.loading import load_method_class
from benchmark.training.acceleration.memory import bytes_at_rest, most_models, peak_memory
from benchmark.training.acceleration.prefetch import ViewMaker
from benchmark.training.environment import configure
from benchmark.training.live_model import Trainee
from benchmark.training.recipes import recipe_of, setting_of
from benchmark.training.training_job import TrainingJob

CPU_BATCH = 64
"""Images per timed update on a CPU, where time is proportional to them; a GPU is timed with whole batches."""

_LIMIT_S = 5.0
_MOST_UPDATES = 20


@dataclass(frozen=True)
class Trial:
    """What was seen of one model.

    Attributes:
        seconds: the fastest update, its views included, scaled to the job's batch.
        images: images per update it was seen with.
        peak_bytes: largest memory during an update, scaled to the job's batch: resident on a CPU, kept on a GPU.
        model_bytes: memory that one more model alive at the same time takes between updates.
        most_models: how many are alive at once here at most.
    """

    seconds: float
    images: int
    peak_bytes: int
    model_bytes: int
    most_models: int


def try_updates(job: TrainingJob, submission: Path, image_shape: tuple[int, int, int]) -> Trial:
    """Make some updates of one model and see what they cost."""
    device = torch.device(job.device)
    configure(device)
    batch_size = job.batch_size if job.device == "cuda" else min(job.batch_size, CPU_BATCH)
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (2 * batch_size, *image_shape), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, job.num_classes, (len(images),), generator=generator) if job.num_classes else None
    setting = setting_of(job, image_shape, 2, batch_size)
    batches = Batches(images.to(device), None if labels is None else labels.to(device), batch_size, job.seed)
    trainee = Trainee(recipe_of(job, load_method_class(submission), setting, batches))
    maker, at_a_time = ViewMaker(batches), 5 if job.device == "cuda" else 1  # a GPU makes views beside updates
    before_bytes = peak_memory(device)
    taken: list[float] = []
    started = time.monotonic()
    while len(taken) < 2 or (len(taken) < _MOST_UPDATES and time.monotonic() - started < _LIMIT_S):
        taken.append(_timed_updates(trainee, maker, at_a_time))
    scale = job.batch_size / batch_size
    return Trial(
        seconds=min(taken[1:]) * scale, images=batch_size,
        peak_bytes=round(before_bytes + scale * (peak_memory(device) - before_bytes)),
        model_bytes=bytes_at_rest(trainee), most_models=most_models(trainee, device, job.sharing),
    )  # fmt: skip


def _timed_updates(trainee: Trainee, maker: ViewMaker, count: int) -> float:
    """Make some updates; gives seconds for one."""
    started = time.perf_counter()
    losses = [trainee.update(*maker.views(trainee.method, trainee.step)) for _ in range(count)]
    float(losses[-1])  # waits for a GPU
    return (time.perf_counter() - started) / count


def main() -> None:
    """Time one submission; what it prints goes to standard error, so that standard output is ours alone."""
    parser = argparse.ArgumentParser(prog="python -m benchmark.training.trials.timing", description=__doc__)
    parser.add_argument("--job", type=Path, required=True)
    parser.add_argument("--submission", type=Path, required=True)
    parser.add_argument("--image-shape", type=int, nargs=3, required=True)
    arguments = parser.parse_args()
    answer = os.dup(1)
    os.dup2(2, 1)
    job = TrainingJob.model_validate_json(arguments.job.read_text(encoding="utf-8"))
    channels, height, width = arguments.image_shape
    trial = try_updates(job, arguments.submission, (channels, height, width))
    sys.stdout.flush()
    os.write(answer, json.dumps(asdict(trial)).encode())


if __name__ == "__main__":
    main()
