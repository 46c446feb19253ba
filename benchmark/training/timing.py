"""What an update of a submission costs here: a few updates on random images, timed. Trains nothing that anybody keeps.

    python -m benchmark.training.timing --job J --submission DIR --image-shape C H W

Runs submission code, like the trainer; prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

import torch

from benchmark.data.batches import Batches
from benchmark.data.streams import enter_stream
from benchmark.encoder import feature_dim
from benchmark.method.contract import Setting
from benchmark.method.loading import load_method_class
from benchmark.training.environment import configure, has_native_bfloat16
from benchmark.training.job import TrainingJob
from benchmark.training.trainee import Recipe, Trainee

CPU_BATCH = 64
"""Images per timed update on a CPU, where time is proportional to them; a GPU is timed with whole batches."""

_LIMIT_S = 5.0
_MOST_UPDATES = 20


def seconds_per_update(job: TrainingJob, submission: Path, image_shape: tuple[int, int, int]) -> tuple[float, int]:
    """Time updates of one model, its views included.

    Returns:
        The fastest update seen, in seconds, scaled to the job's batch; and the number of images per update it was seen
        with.
    """
    device = torch.device(job.device)
    configure(device)
    batch_size = job.batch_size if job.device == "cuda" else min(job.batch_size, CPU_BATCH)
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (2 * batch_size, *image_shape), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, job.num_classes, (len(images),), generator=generator) if job.num_classes else None
    setting = Setting(
        dataset=job.dataset, image_shape=image_shape, flip=job.flip, num_classes=job.num_classes,
        feature_dim=feature_dim(job.encoder), batch_size=batch_size, steps_per_epoch=2, total_steps=job.total_steps,
        hyperparameters=job.hyperparameters,
    )  # fmt: skip
    in_bfloat16 = job.precision == "bfloat16" and has_native_bfloat16(device)
    method = load_method_class(submission)
    trainee = Trainee(Recipe(job.encoder, method, setting, job.seed, device, in_bfloat16=in_bfloat16))
    batches = Batches(images.to(device), None if labels is None else labels.to(device), batch_size, job.seed)
    taken: list[float] = []
    started = time.monotonic()
    while len(taken) < 2 or (len(taken) < _MOST_UPDATES and time.monotonic() - started < _LIMIT_S):
        taken.append(_timed_update(trainee, batches, len(taken)))
    return min(taken[1:]) * job.batch_size / batch_size, batch_size


def _timed_update(trainee: Trainee, batches: Batches, step: int) -> float:
    batch = batches.at(step)
    started = time.perf_counter()
    enter_stream(batches.seed, "views", step)
    with torch.no_grad():
        views_VBCHW = trainee.method.views(batch.images_BCHW)
    float(trainee.update(views_VBCHW, batch.labels_B))  # waits for a GPU
    return time.perf_counter() - started


def main() -> None:
    """Time one submission; what it prints goes to standard error, so that standard output is ours alone."""
    parser = argparse.ArgumentParser(prog="python -m benchmark.training.timing", description=__doc__)
    parser.add_argument("--job", type=Path, required=True)
    parser.add_argument("--submission", type=Path, required=True)
    parser.add_argument("--image-shape", type=int, nargs=3, required=True)
    arguments = parser.parse_args()
    answer = os.dup(1)
    os.dup2(2, 1)
    job = TrainingJob.model_validate_json(arguments.job.read_text(encoding="utf-8"))
    channels, height, width = arguments.image_shape
    seconds, num_images = seconds_per_update(job, arguments.submission, (channels, height, width))
    sys.stdout.flush()
    os.write(answer, json.dumps({"seconds": seconds, "images": num_images}).encode())


if __name__ == "__main__":
    main()
