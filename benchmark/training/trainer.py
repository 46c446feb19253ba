"""The trainer's process: reads a job, trains its tree, writes finished states into an outbox. Runs submission code.

    python -m benchmark.training.trainer --job J --submission DIR --data FILE --parents DIR --outbox DIR

It sees its own submission, training images and parent states; no test data, no store, no scorer. A state appears in the
outbox under its name once it is complete (written aside, then renamed).
"""

from __future__ import annotations

import argparse
import math
import time
import traceback
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
from benchmark.training.live_model import Trainee
from benchmark.training.recipes import recipe_of, setting_of
from benchmark.training.state import TrainState, load_state, save_state
from benchmark.training.state_files import FAILURES_FILE, PROGRESS_FILE, REPORT_FILE
from benchmark.training.sweep import Sweep
from benchmark.training.training_job import Progress, SegmentFailure, SegmentReport, TrainingJob

PROGRESS_EVERY_S = 0.5
_MAX_ERROR_CHARS = 20_000


class Outbox:
    """Writes what a trainer hands out; the `Observer` of its sweep."""

    def __init__(self, directory: Path, device: torch.device, checkpoint_every_s: float, sharing: int = 1) -> None:
        self.directory, self.device, self.checkpoint_every_s = directory, device, checkpoint_every_s
        self.sharing = sharing
        self.num_updates = 0
        self._last_update = self._last_progress = self._last_checkpoint = time.monotonic()
        self._cost_until: dict[int, float] = {}
        self._cost_s = 0.0
        self._next_step = 0

    def updated(self, step: int, num_models: int, loss: Tensor) -> None:
        """Share the time of this step among the models that were trained in it; show progress now and then."""
        now = time.monotonic()
        if step < self._next_step:  # back in time, to models for which there was no room: nothing alive is older
            self._cost_until.clear()
        self._next_step = step + 1
        self._cost_until.setdefault(step, self._cost_s)
        self._cost_s += (now - self._last_update) / num_models
        self._cost_until[step + 1] = self._cost_s
        self._last_update = now
        self.num_updates += num_models
        if now - self._last_progress >= PROGRESS_EVERY_S:
            self._last_progress = now
            self.write_progress(float(loss))

    def write_progress(self, loss: float | None) -> None:
        """Say how far the trainer is."""
        finite = loss if loss is not None and math.isfinite(loss) else None
        progress = Progress(num_updates=self.num_updates, loss=finite)
        write_atomically(self.directory / PROGRESS_FILE, progress.model_dump_json().encode(), durable=False)

    def finished(self, live: LiveSegment, state: TrainState) -> None:
        """Publish the state that a segment ends in; the leaf of a pruned run is never continued."""
        resumable = not live.segment.is_leaf or not live.trainee.is_pruned
        self._publish(live.segment.key, live, state, resumable=resumable)

    def checkpoint_due(self) -> bool:
        """Whether the last checkpoint is old enough."""
        due = time.monotonic() - self._last_checkpoint >= self.checkpoint_every_s
        if due:
            self._last_checkpoint = time.monotonic()
        return due

    def checkpoint(self, root: str, live: LiveSegment, state: TrainState) -> None:
        """Publish a state inside a segment."""
        self._publish(live.segment.key_at(root, state.step), live, state, resumable=True)

    def failed(self, segment: Segment, error: str) -> None:
        """Append a failure, its end kept if it is long."""
        line = SegmentFailure(key=segment.key, error=error[-_MAX_ERROR_CHARS:]).model_dump_json()
        with (self.directory / FAILURES_FILE).open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def _publish(self, key: str, live: LiveSegment, state: TrainState, *, resumable: bool) -> None:
        start = live.segment.start
        report = SegmentReport(
            key=key, step=state.step, start=start,
            train_s=self._cost_until.get(state.step, 0.0) - self._cost_until.get(start, 0.0),
            sharing=self.sharing, peak_memory_bytes=peak_memory(self.device), losses=live.losses(),
        )  # fmt: skip
        with replaced_folder(self.directory / key, durable=False) as unfinished:
            save_state(state, unfinished, resumable=resumable)
            (unfinished / REPORT_FILE).write_text(report.model_dump_json(), encoding="utf-8")


def train(job: TrainingJob, submission: Path, data: Path, parents: Path, outbox: Outbox) -> None:
    """Train the job's tree; failures of the submission are reported, not raised."""
    device = torch.device(job.device)
    configure(device)
    try:
        tensors = load_file(data, device=job.device)
        images, labels = tensors["images"], tensors.get("labels") if job.num_classes is not None else None
        batches = Batches(images, labels, job.batch_size, job.seed)
        channels, height, width = images.shape[1:]
        setting = setting_of(job, (channels, height, width), batches.steps_per_epoch)
        recipe = recipe_of(job, load_method_class(submission), setting, batches)
        bound = most_models(Trainee(recipe), device, job.sharing)
    except Exception:
        for segment in job.segments:
            outbox.failed(segment, traceback.format_exc())
        return

    def load_parent(key: str) -> TrainState:
        return load_state(parents / key, device)

    Sweep(job.root, recipe, job.segments, load_parent, batches, job.checkpoint_interval, outbox, bound).run()
    outbox.write_progress(None)


def main() -> None:
    """Run one job."""
    parser = argparse.ArgumentParser(prog="python -m benchmark.training.trainer", description=__doc__)
    for name in ("job", "submission", "data", "parents", "outbox"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    arguments = parser.parse_args()
    job = TrainingJob.model_validate_json(arguments.job.read_text(encoding="utf-8"))
    outbox = Outbox(arguments.outbox, torch.device(job.device), job.checkpoint_every_s, job.sharing)
    train(job, arguments.submission, arguments.data, arguments.parents, outbox)


if __name__ == "__main__":
    main()
