"""The trainer's process: reads a job, trains its tree, writes finished states into an outbox. Runs submission code.

    python -m benchmark.training.trainer --job J --submission DIR --data FILE --parents DIR --outbox DIR

It sees its own submission, training images and parent states; it sees no test data, no store and no scorer. A state is
written to a temporary folder and then renamed: a folder of the outbox that has a state's name is complete.
"""

from __future__ import annotations

import argparse
import math
import os
from contextlib import suppress
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from benchmark.data.batches import Batches
from benchmark.files.atomic import replaced_folder, write_atomically
from benchmark.method.loading import load_method_class
from benchmark.plan.tree import Segment
from benchmark.training.acceleration.memory import most_models, peak_memory
from benchmark.training.advance import LiveSegment
from benchmark.training.environment import configure
from benchmark.training.live_model import LiveModel, Recipe
from benchmark.training.recipes import recipe_of, setting_of
from benchmark.training.segment_error import SegmentError, segment_error
from benchmark.training.state import TrainState, load_state, save_state
from benchmark.training.state_files import FAILURES_FILE, PROGRESS_FILE, REPORT_FILE
from benchmark.training.sweep import Sweep
from benchmark.training.training_job import Progress, SegmentFailure, SegmentReport, TrainingJob
from benchmark.training.training_time import Periodic, SecondsPerModel

PROGRESS_EVERY_S = 0.5
"""Seconds between two reports of progress."""

_STDERR = 2
"""File descriptor of standard error."""

_MAX_ERROR_CHARS = 20_000
"""A longer traceback keeps its end, where the error is."""


class Outbox:
    """Writes what a trainer hands out. It is the `Observer` of the trainer's sweep.

    Args:
        directory: an existing folder.
        device: where models are trained.
        checkpoint_every_s: seconds between two checkpoints.
        sharing: number of trainers that use the device at the same time, as reports repeat it.
    """

    def __init__(self, directory: Path, device: torch.device, checkpoint_every_s: float, sharing: int = 1) -> None:
        self.directory, self.device, self.sharing = directory, device, sharing
        self.num_updates = 0
        self._printed: SegmentError | None = None
        self._seconds_per_model = SecondsPerModel()
        self._progress, self._checkpoints = Periodic(PROGRESS_EVERY_S), Periodic(checkpoint_every_s)

    def updated(self, step: int, num_models: int, loss: Tensor) -> None:
        """Count an update of `num_models` models, and write progress if that is due."""
        self._seconds_per_model.add_update(step, num_models)
        self.num_updates += num_models
        if self._progress.is_due():
            self.write_progress(float(loss))

    def write_progress(self, loss: float | None) -> None:
        """Write how far the trainer is; a loss that is not finite is left out."""
        finite = loss if loss is not None and math.isfinite(loss) else None
        progress = Progress(num_updates=self.num_updates, loss=finite)
        write_atomically(self.directory / PROGRESS_FILE, progress.model_dump_json().encode(), durable=False)

    def finished(self, live: LiveSegment, state: TrainState) -> None:
        """Publish the state in which a segment ends. The leaf of a pruned run is never continued."""
        resumable = not live.segment.is_leaf or not live.model.is_pruned
        self._publish(live.segment.key, live, state, resumable=resumable)

    def checkpoint_due(self) -> bool:
        """Return whether the last checkpoint is old enough."""
        return self._checkpoints.is_due()

    def checkpoint(self, root: str, live: LiveSegment, state: TrainState) -> None:
        """Publish a state inside a segment."""
        self._publish(live.segment.key_at(root, state.step), live, state, resumable=True)

    def failed(self, segment: Segment, error: SegmentError) -> None:
        """Append a failure to the list of failures, then print it, if it is another one than the last.

        It is printed past Python's `print` and `sys.stderr`, which the submission may have replaced.
        """
        text = error.traceback[-_MAX_ERROR_CHARS:]
        line = SegmentFailure(
            key=segment.key, error=text, place=error.place, update=error.update, diverged=error.diverged
        ).model_dump_json()
        with (self.directory / FAILURES_FILE).open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        if error != self._printed:
            self._printed = error
            at = "" if error.update is None else f" at update {error.update}"
            with suppress(OSError):  # the submission may have closed it; the list of failures says the same
                os.write(_STDERR, f"training stops{at}:\n{text}\n".encode(errors="backslashreplace"))

    def _publish(self, key: str, live: LiveSegment, state: TrainState, *, resumable: bool) -> None:
        start, images = live.segment.start, live.model.guard.images
        report = SegmentReport(
            key=key, step=state.step, start=start, train_s=self._seconds_per_model.between(start, state.step),
            sharing=self.sharing, peak_memory_bytes=peak_memory(self.device), losses=live.losses(),
            images_encoder=images.encoder, images_copies=images.copies,
        )  # fmt: skip
        with replaced_folder(self.directory / key, durable=False) as unfinished:
            save_state(state, unfinished, resumable=resumable)
            (unfinished / REPORT_FILE).write_text(report.model_dump_json(), encoding="utf-8")


def train(job: TrainingJob, submission: Path, data: Path, parents: Path, outbox: Outbox) -> None:
    """Train the segments of a job. Failures of the submission are written to the outbox, not raised.

    Args:
        job: what to train.
        submission: folder of the submission's code.
        data: safetensors file with `images` and, where they may be used, `labels`.
        parents: folder with the stored states that segments start from, each in a folder of its name.
        outbox: takes states, reports, progress and failures.
    """
    device = torch.device(job.device)
    configure(device)
    try:
        batches = _load_batches(job, data)
        recipe = _load_recipe(job, submission, batches)
        bound = most_models(LiveModel(recipe), device, job.sharing)
    except Exception as error:  # a submission may raise anything while it is imported and while its model is built
        for segment in job.segments:
            outbox.failed(segment, segment_error(error))
        return

    def load_parent(key: str) -> TrainState:
        return load_state(parents / key, device)

    Sweep(job.root, recipe, job.segments, load_parent, batches, job.checkpoint_interval, outbox, bound).run()
    outbox.write_progress(None)


def _load_batches(job: TrainingJob, data: Path) -> Batches:
    """Load the training images onto the device; labels too, but only where the job has classes."""
    tensors = load_file(data, device=job.device)
    labels = tensors.get("labels") if job.num_classes is not None else None
    return Batches(tensors["images"], labels, job.batch_size, job.seed)


def _load_recipe(job: TrainingJob, submission: Path, batches: Batches) -> Recipe:
    """Import the submission's method, and decide how its models are built."""
    channels, height, width = batches.images.shape[1:]
    setting = setting_of(job, (channels, height, width), batches.steps_per_epoch)
    return recipe_of(job, load_method_class(submission), setting, batches)


def main() -> None:
    """Run one job: read it, open its outbox, say that it has started, train its segments."""
    arguments = _parse_arguments()
    job = TrainingJob.read(arguments.job)
    outbox = Outbox(arguments.outbox, torch.device(job.device), job.checkpoint_every_s, job.sharing)
    outbox.write_progress(None)  # says that the trainer itself works, before submitted code can say anything
    train(job, arguments.submission, arguments.data, arguments.parents, outbox)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmark.training.trainer", description=__doc__)
    for name in ("job", "submission", "data", "parents", "outbox"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
