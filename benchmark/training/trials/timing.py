"""What an update of a submission costs here, in time and memory: a few updates on random images.

    python -m benchmark.training.trials.timing --job J --submission DIR --image-shape C H W

Runs submission code, as the trainer does. Prints one JSON object, the fields of `UpdateMeasurement`.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from benchmark.method.loading import load_method_class
from benchmark.training.acceleration.memory import bytes_at_rest, most_models, peak_memory
from benchmark.training.acceleration.prefetch import ViewPrefetcher
from benchmark.training.environment import configure
from benchmark.training.live_model import LiveModel
from benchmark.training.recipes import recipe_of, setting_of
from benchmark.training.training_job import TrainingJob
from benchmark.training.trials.command import ImageShape, run_trial
from benchmark.training.trials.random_batches import random_batches

CPU_BATCH = 64
"""Images per timed update on a CPU, where time is proportional to them; a GPU is timed with whole batches."""

_LIMIT_S = 5.0
"""No update is started later than this many seconds after the first."""

_MAX_MEASUREMENTS = 20


@dataclass(frozen=True)
class UpdateMeasurement:
    """What was measured of one model.

    Attributes:
        seconds: seconds of the fastest update, its views included, scaled to the job's batch.
        images: images per update during the measurement.
        peak_bytes: largest memory during an update, scaled to the job's batch: resident on a CPU, reserved on a GPU.
        model_bytes: memory that one more model alive at the same time takes between updates.
        most_models: upper bound on the models that are alive at once here.
    """

    seconds: float
    images: int
    peak_bytes: int
    model_bytes: int
    most_models: int


def measure_updates(job: TrainingJob, submission: Path, image_shape: ImageShape) -> UpdateMeasurement:
    """Make some updates of one model and measure what they cost.

    Args:
        job: the task and the device; its segments are not trained.
        submission: folder of the submission's code.
        image_shape: (channels, height, width).
    """
    device = torch.device(job.device)
    configure(device)
    batch_size = job.batch_size if job.device == "cuda" else min(job.batch_size, CPU_BATCH)
    batches = random_batches(2, batch_size, image_shape, job.num_classes, job.seed, device)
    setting = setting_of(job, image_shape, batches.steps_per_epoch, batch_size)
    recipe = recipe_of(job, load_method_class(submission), setting, batches)
    model, prefetcher = LiveModel(recipe), ViewPrefetcher(batches, recipe.captured_views)
    before_bytes = peak_memory(device)
    seconds = _fastest_update_s(model, prefetcher, updates_at_a_time=5 if job.device == "cuda" else 1)
    scale = job.batch_size / batch_size
    return UpdateMeasurement(
        seconds=seconds * scale, images=batch_size,
        peak_bytes=round(before_bytes + scale * (peak_memory(device) - before_bytes)),
        model_bytes=bytes_at_rest(model), most_models=most_models(model, device, job.sharing),
    )  # fmt: skip


def _fastest_update_s(model: LiveModel, prefetcher: ViewPrefetcher, updates_at_a_time: int) -> float:
    """Return the seconds of the fastest update; the first measurement, which sets everything up, does not count.

    Several updates are timed at a time on a GPU, where the views of one are made during another.
    """
    started = time.monotonic()
    measured: list[float] = []
    while len(measured) < 2 or (len(measured) < _MAX_MEASUREMENTS and time.monotonic() - started < _LIMIT_S):
        measured.append(_timed_updates(model, prefetcher, updates_at_a_time))
    return min(measured[1:])


def _timed_updates(model: LiveModel, prefetcher: ViewPrefetcher, count: int) -> float:
    """Make `count` updates, and return the seconds per update."""
    started = time.perf_counter()
    losses = [model.update(*prefetcher.views(model.method, model.step)) for _ in range(count)]
    float(losses[-1])  # waits for a GPU
    return (time.perf_counter() - started) / count


def _answer(job: TrainingJob, submission: Path, image_shape: ImageShape) -> dict[str, Any]:
    return asdict(measure_updates(job, submission, image_shape))


def main() -> None:
    """Run the trial that the command line asks for, and print its answer."""
    run_trial("timing", __doc__, _answer)


if __name__ == "__main__":
    main()
