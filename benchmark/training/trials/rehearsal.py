"""The rehearsal of a submission: a few updates on random images, every promise of the contract tested.

    python -m benchmark.training.trials.rehearsal --job J --submission DIR

Runs submission code, like the trainer; prints one JSON list of problems. It trains nothing that anybody keeps.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from benchmark.data.batches import Batch, Batches
from benchmark.data.streams import enter_stream
from benchmark.method.loading import MethodLoadError, load_method_class
from benchmark.plan import PruneEvent
from benchmark.printable import error_line
from benchmark.spec import Problem
from benchmark.training.environment import configure
from benchmark.training.live_model import Recipe, Trainee
from benchmark.training.recipes import setting_of
from benchmark.training.state import TrainState, load_state, save_state
from benchmark.training.training_job import TrainingJob

T = TypeVar("T")

NUM_UPDATES = 4
"""Updates of a rehearsal: two before its prune event and two after."""


class Rehearsal:
    """Tries one submission on random images of the task's shape.

    Args:
        recipe: builds its models.
        image_shape: (channels, height, width).
        num_classes: C, for the random labels of supervised methods.
    """

    def __init__(self, recipe: Recipe, image_shape: tuple[int, int, int], num_classes: int | None) -> None:
        self.recipe = recipe
        batch_size = recipe.setting.batch_size
        generator = torch.Generator().manual_seed(0)
        images = torch.randint(0, 256, (NUM_UPDATES * batch_size, *image_shape), dtype=torch.uint8, generator=generator)
        labels = None
        if num_classes is not None:
            labels = torch.randint(0, num_classes, (len(images),), generator=generator)
        self.batches = Batches(images, labels, batch_size, recipe.seed)

    def problems(self) -> list[Problem]:
        """Run every check; one that cannot run because of an earlier failure is left out."""
        try:
            self._judge_views()
            whole = self._train(split_at=None)
            problems = self._judge_weights(whole)
            problems += self._judge_resumption(whole)
        except _Found as found:
            return [found.problem]
        return problems

    def _judge_views(self) -> None:
        trainee = self._call("__init__", lambda: Trainee(self.recipe))
        batch = self.batches.at(0)
        first, second = self._views(trainee, batch), self._views(trainee, batch)
        got = f"{tuple(first.shape)} {first.dtype}"
        expected = f"(V, {', '.join(map(str, batch.images_BCHW.shape))}) float32, V at least 1"
        if first.shape[1:] != batch.images_BCHW.shape or not first.is_floating_point() or not len(first):
            raise _Found(Problem("method.py: views", expected, got))
        if not torch.equal(first, second):
            raise _Found(
                Problem(
                    "method.py: views", "the same views whenever the random streams are the same",
                    "different ones: views may draw from torch, numpy and random, but must keep no state",
                )
            )  # fmt: skip

    def _views(self, trainee: Trainee, batch: Batch) -> Tensor:
        enter_stream(self.recipe.seed, "views", 0)
        with torch.no_grad():
            return self._call("views", lambda: trainee.method.views(batch.images_BCHW))

    def _train(self, split_at: int | None) -> TrainState:
        trainee = Trainee(self.recipe)
        for step in range(NUM_UPDATES):
            if step == split_at:
                trainee = self._resumed(trainee)
            if step == NUM_UPDATES // 2:
                total = sum(parameter.numel() for parameter in trainee.prunable.values())
                trainee.prune(
                    PruneEvent(step=step, num_pruned=(total // 2,), allocation="global", criterion="magnitude")
                )
            loss = self._update(trainee, step)
            if not bool(torch.isfinite(loss)):
                raise _Found(Problem("method.py: loss", "a finite number", f"{float(loss)} at update {step}"))
        return trainee.snapshot()

    def _update(self, trainee: Trainee, step: int) -> Tensor:
        batch = self.batches.at(step)
        enter_stream(self.recipe.seed, "views", step)
        with torch.no_grad():
            views_VBCHW = self._call("views", lambda: trainee.method.views(batch.images_BCHW))
        return self._call("loss", lambda: trainee.update(views_VBCHW, batch.labels_B))

    def _resumed(self, trainee: Trainee) -> Trainee:
        with tempfile.TemporaryDirectory() as folder:
            save_state(trainee.snapshot(), Path(folder))
            return self._call("state_dict", lambda: Trainee(self.recipe, load_state(Path(folder), self.recipe.device)))

    def _judge_weights(self, state: TrainState) -> list[Problem]:
        broken = [name for name, tensor in state.encoder.items() if not bool(torch.isfinite(tensor).all())]
        expected = "finite weights after a few updates"
        return [Problem("method.py: optimizer", expected, f"NaN or infinity in {name}") for name in broken[:1]]

    def _judge_resumption(self, whole: TrainState) -> list[Problem]:
        split = self._train(split_at=1)
        if all(torch.equal(whole.encoder[name], split.encoder[name]) for name in whole.encoder):
            return []
        expected = "the same weights when training is interrupted and resumed"
        got = "different ones: something that decides training is kept outside parameters, buffers and submodules"
        return [Problem("method.py", expected, got)]

    def _call(self, what: str, function: Callable[[], T]) -> T:
        try:
            return function()
        except _Found:
            raise
        except Exception as error:
            raise _Found(Problem(_place(error), f"{what} to run", error_line(error))) from error


class _Found(Exception):  # noqa: N818 - carries a finding, not an error of ours
    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def _place(error: BaseException) -> str:
    """Name the innermost line of the submission in a traceback."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename).name == "method.py":
            return f"method.py:{frame.lineno}"
    return "method.py"


def rehearse(job: TrainingJob, submission: Path, image_shape: tuple[int, int, int]) -> list[Problem]:
    """Give everything that a rehearsal finds wrong with a submission."""
    device = torch.device(job.device)
    configure(device)
    try:
        method = load_method_class(submission)
    except MethodLoadError as error:
        return [Problem("method.py", "code that can be imported", str(error))]
    setting = setting_of(job, image_shape, steps_per_epoch=NUM_UPDATES)
    return Rehearsal(Recipe(job.encoder, method, setting, job.seed, device), image_shape, job.num_classes).problems()


def main() -> None:
    """Rehearse one submission; what it prints goes to standard error, so that standard output is ours alone."""
    parser = argparse.ArgumentParser(prog="python -m benchmark.training.trials.rehearsal", description=__doc__)
    parser.add_argument("--job", type=Path, required=True)
    parser.add_argument("--submission", type=Path, required=True)
    parser.add_argument("--image-shape", type=int, nargs=3, required=True)
    arguments = parser.parse_args()
    answer = os.dup(1)
    os.dup2(2, 1)
    job = TrainingJob.model_validate_json(arguments.job.read_text(encoding="utf-8"))
    channels, height, width = arguments.image_shape
    problems = rehearse(job, arguments.submission, (channels, height, width))
    sys.stdout.flush()
    os.write(answer, json.dumps([[each.where, each.expected, each.got] for each in problems]).encode())


if __name__ == "__main__":
    main()
