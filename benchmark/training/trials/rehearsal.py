"""The rehearsal of a submission: a few updates on random images, in which every rule of the contract is tested.

    python -m benchmark.training.trials.rehearsal --job J --submission DIR --image-shape C H W [--processor-s SECONDS]

Of large images the encoder is given fewer pixels, while the batch is the task's own: queues, batch norm and everything
else that goes by its size are tried as they are. One update of a few images is made with all their pixels. Where either
finds what the other size could not have, only what whole batches of whole images say counts.

Runs submission code, as the trainer does. Prints one JSON list of problems, each [where, expected, got].
"""

from __future__ import annotations

import inspect
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from benchmark.data.streams import enter_stream
from benchmark.encoder import Encoder
from benchmark.method.contract import Method
from benchmark.method.loading import MethodLoadError, load_method_class
from benchmark.plan import PruneEvent
from benchmark.printable import error_line
from benchmark.spec import Problem
from benchmark.training.acceleration.prefetch import checked_views
from benchmark.training.environment import configure
from benchmark.training.guard import HookError
from benchmark.training.live_model import LiveModel, Recipe
from benchmark.training.recipes import setting_of
from benchmark.training.state import TrainState, load_state, save_state
from benchmark.training.training_job import TrainingJob
from benchmark.training.trials.command import ImageShape, run_trial
from benchmark.training.trials.fewer_pixels import give_fewer_pixels, pixel_step
from benchmark.training.trials.processor_time import OutOfTime
from benchmark.training.trials.random_batches import random_batches

T = TypeVar("T")

NUM_UPDATES = 4
"""Updates of a rehearsal: two before its prune event and two after."""

FEW_IMAGES = 8
"""Images of the update that is made with all pixels of large images."""


class Rehearsal:
    """Tries one submission on random images of the task's shape.

    Args:
        recipe: builds its models.
        image_shape: (channels, height, width).
        num_classes: C, for the random labels of supervised methods; None for methods without labels.
        all_pixels: whether the encoder is given whole images, which can take minutes.

    Attributes:
        may_be_of_size: whether what was found could be due to the images that the encoder was given.
        is_out_of_time: whether the processor time was over before the end.
    """

    def __init__(
        self, recipe: Recipe, image_shape: ImageShape, num_classes: int | None, *, all_pixels: bool = True
    ) -> None:
        self.recipe, self._all_pixels = recipe, all_pixels
        self.may_be_of_size = self.is_out_of_time = False
        batch_size, seed = recipe.setting.batch_size, recipe.seed
        self.batches = random_batches(NUM_UPDATES, batch_size, image_shape, num_classes, seed, recipe.device)

    def problems(self) -> list[Problem]:
        """Run every check, and return what they find; an exception or a wrong type ends the rehearsal."""
        return self._found_by(self._run)

    def problems_of_one_update(self) -> list[Problem]:
        """Check the views and the first update alone."""
        return self._found_by(self._run_once)

    def _found_by(self, run: Callable[[], list[Problem]]) -> list[Problem]:
        try:
            return run()
        except _ProblemFound as found:
            return [found.problem]
        except OutOfTime as over:
            self.is_out_of_time = True
            return [_no_end(over)]

    def _run(self) -> list[Problem]:
        self._check_views()
        uninterrupted = self._train(resume_at=None)
        broken = _non_finite_weights(uninterrupted)
        self.may_be_of_size = bool(broken)
        return [*broken, *self._lost_on_resumption(uninterrupted)]

    def _run_once(self) -> list[Problem]:
        self._check_views()
        self._checked_update(self._call("__init__", self._model), step=0)
        return []

    def _check_views(self) -> None:
        """Demand views of the right shape, and equal views from equal random streams."""
        model = self._call("__init__", self._model)
        first, second = self._views(model, step=0), self._views(model, step=0)
        shape = self.batches.at(0).images_BCHW.shape
        got = f"{tuple(first.shape)} {first.dtype}"
        expected = f"(V, {', '.join(map(str, shape))}) float32, V at least 1"
        if first.shape[1:] != shape or not first.is_floating_point() or not len(first):
            raise _ProblemFound(Problem("method.py: views", expected, got))
        if not torch.equal(first, second):
            raise _ProblemFound(
                Problem(
                    "method.py: views", "the same views whenever the random streams are the same",
                    "different ones: views may draw from torch, numpy and random, but must keep no state",
                )
            )  # fmt: skip

    def _train(self, resume_at: int | None) -> TrainState:
        """Make all updates, half of the weights pruned midway; at `resume_at` the model is saved and loaded."""
        model = self._call("__init__", self._model)
        for step in range(NUM_UPDATES):
            if step == resume_at:
                model = self._resumed(model)
            if step == NUM_UPDATES // 2:
                self._prune(model, step)
            self._checked_update(model, step)
        return self._call("state_dict", model.snapshot)

    def _prune(self, model: LiveModel, step: int) -> None:
        half = (model.num_prunable // 2,)
        event = PruneEvent(step=step, num_pruned=half, allocation="global", criterion="magnitude")
        self._call("views", lambda: model.prune(event))

    def _checked_update(self, model: LiveModel, step: int) -> None:
        views_VBCHW, labels_B = self._views(model, step), self.batches.at(step).labels_B
        loss = self._call("loss", lambda: model.update(views_VBCHW, labels_B))
        if not bool(torch.isfinite(loss)):
            self.may_be_of_size = True
            raise _ProblemFound(Problem("method.py: loss", "a finite number", f"{float(loss)} at update {step}"))

    def _views(self, model: LiveModel, step: int) -> Tensor:
        images_BCHW = self.batches.at(step).images_BCHW
        enter_stream(self.recipe.seed, "views", step)
        with torch.no_grad():
            return self._call("views", lambda: checked_views(model.method.views(images_BCHW)))

    def _resumed(self, model: LiveModel) -> LiveModel:
        with tempfile.TemporaryDirectory() as folder:
            save_state(self._call("state_dict", model.snapshot), Path(folder))
            return self._call("state_dict", lambda: self._loaded(Path(folder)))

    def _loaded(self, folder: Path) -> LiveModel:
        return self._model(load_state(folder, self.recipe.device))

    def _model(self, state: TrainState | None = None) -> LiveModel:
        model = LiveModel(self.recipe, state)
        model.guard.compares_always = True
        if not self._all_pixels:
            give_fewer_pixels(each for each in (model.encoder, *model.method.modules()) if isinstance(each, Encoder))
        return model

    def _lost_on_resumption(self, uninterrupted: TrainState) -> list[Problem]:
        """Train again, interrupted after the first update, and compare every weight."""
        resumed = self._train(resume_at=1)
        if all(torch.equal(weight, resumed.encoder[name]) for name, weight in uninterrupted.encoder.items()):
            return []
        expected = "the same weights when training is interrupted and resumed"
        got = "different ones: something that decides training is kept outside parameters, buffers and submodules"
        return [Problem("method.py", expected, got)]

    def _call(self, what: str, function: Callable[[], T]) -> T:
        """Call code of the submission; any exception becomes a problem that names the submission's line."""
        try:
            return function()
        except HookError as error:
            where = _place(error) or _definition(self.recipe.method, error.hook) or "method.py"
            expected, got = f"{error.hook}: {error.expected}", f"{error.got}; {error.remedy}"
            raise _ProblemFound(Problem(where, expected, got)) from error
        except Exception as error:
            self.may_be_of_size = what == "loss"
            where = _place(error) or "method.py"
            raise _ProblemFound(Problem(where, f"{what} to run", error_line(error))) from error


class _ProblemFound(Exception):  # noqa: N818 - an answer of the rehearsal, not an error of ours
    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def _no_end(over: OutOfTime) -> Problem:
    expected = f"four updates within {over.limit_s:g} s of processor time"
    return Problem(_place(over) or "method.py", expected, "no end by then")


def _non_finite_weights(state: TrainState) -> list[Problem]:
    broken = [name for name, tensor in state.encoder.items() if not bool(torch.isfinite(tensor).all())]
    expected = "finite weights after a few updates"
    return [Problem("method.py: optimizer", expected, f"NaN or infinity in {name}") for name in broken[:1]]


def _place(error: BaseException) -> str | None:
    """Name the innermost line of the submission in a traceback."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename).name == "method.py":
            return f"method.py:{frame.lineno}"
    return None


def _definition(method: type[Method], hook: str) -> str | None:
    """Name the line where the submission defines a hook, which has ended by the time its breach is found."""
    for base in method.__mro__:
        function = vars(base).get(hook)
        if inspect.isfunction(function) and Path(function.__code__.co_filename).name == "method.py":
            return f"method.py:{function.__code__.co_firstlineno}"
    return None


def rehearse(job: TrainingJob, submission: Path, image_shape: ImageShape) -> list[Problem]:
    """Return everything that a rehearsal finds wrong with a submission.

    Args:
        job: the task and the device; its segments are not trained.
        submission: folder of the submission's code.
        image_shape: (channels, height, width).
    """
    device = torch.device(job.device)
    configure(device)
    try:
        method = load_method_class(submission)
    except MethodLoadError as error:
        return [Problem("method.py", "code that can be imported", str(error))]
    except OutOfTime as over:
        return [_no_end(over)]
    setting = setting_of(job, image_shape, steps_per_epoch=NUM_UPDATES)
    recipe = Recipe(job.encoder, method, setting, job.seed, device)
    if pixel_step(*image_shape[1:]) == 1:
        return Rehearsal(recipe, image_shape, job.num_classes).problems()
    return _of_large_images(recipe, image_shape, job.num_classes)


def _of_large_images(recipe: Recipe, image_shape: ImageShape, num_classes: int | None) -> list[Problem]:
    """Try whole batches with fewer pixels, few images with all pixels, and what is in doubt with all of both."""
    first = Rehearsal(recipe, image_shape, num_classes, all_pixels=False)
    found = first.problems()
    if first.is_out_of_time or (found and not first.may_be_of_size):
        return found
    whole = Rehearsal(recipe, image_shape, num_classes)
    if found:
        confirmed = whole.problems()
    else:
        setting = replace(recipe.setting, batch_size=min(FEW_IMAGES, recipe.setting.batch_size))
        found = Rehearsal(replace(recipe, setting=setting), image_shape, num_classes).problems_of_one_update()
        confirmed = whole.problems_of_one_update() if found else []
    if not whole.is_out_of_time:
        return confirmed
    return [replace(each, got=f"{each.got}; tried on fewer pixels or images, because whole ones took too long")
            for each in found]  # fmt: skip


def _answer(job: TrainingJob, submission: Path, image_shape: ImageShape) -> list[list[str]]:
    return [[each.where, each.expected, each.got] for each in rehearse(job, submission, image_shape)]


def main() -> None:
    """Run the trial that the command line asks for, and print its answer."""
    run_trial("rehearsal", __doc__, _answer)


if __name__ == "__main__":
    main()
