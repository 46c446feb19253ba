"""The rehearsal finds what breaks the contract, and names the submission's line; methods that keep to it pass."""

from __future__ import annotations

import importlib
import inspect
import re

import pytest
import torch
from torch import Tensor, nn

from benchmark.method.contract import Method, Setting
from benchmark.spec import Problem
from benchmark.training.live_model import Recipe
from benchmark.training.trials.rehearsal import Rehearsal
from tests.submissions.zoo import SUBMISSIONS
from tests.training.methods import Adaptive, BreaksWhenPruned, Diverges, Restless, Supervised, Taught
from tests.training.tiny import CPU, ENCODER, NUM_CLASSES, SEED, setting_of


def problems_of(method: type[Method], **hyperparameters: float) -> list[Problem]:
    recipe = Recipe(ENCODER, method, setting_of(NUM_CLASSES, **hyperparameters), SEED, CPU)
    return Rehearsal(recipe, (1, 8, 8), NUM_CLASSES).problems()


@pytest.mark.parametrize("method", [Restless, Taught, Adaptive, Supervised])
def test_a_method_that_keeps_to_the_contract_has_no_problems(method: type[Method]) -> None:
    assert problems_of(method) == []


class ViewsOfAnotherShape(Supervised):
    """Returns views without the dimension V."""

    def views(self, images_BCHW: Tensor) -> Tensor:
        """Forget one dimension."""
        return images_BCHW


class ViewsWithState(Supervised):
    """Counts how often its views were made."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.calls = 0

    def views(self, images_BCHW: Tensor) -> Tensor:
        """Darken a little more every time."""
        self.calls += 1
        return images_BCHW[None] / self.calls


class HiddenState(Supervised):
    """Keeps a number outside parameters, buffers and submodules."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.calls = 0

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Weigh more every time."""
        self.calls += 1
        return super().loss(encoder, views_VBCHW, labels_B) * self.calls


class BreaksBuffers(Supervised):
    """Writes infinity into a buffer after every update."""

    def after_step(self, encoder: nn.Module) -> None:
        """Write into a buffer that no loss reads in training mode."""
        dict(encoder.named_buffers())["blocks.stage3_block1.norm2.running_mean"].fill_(torch.inf)


@pytest.mark.parametrize(("method", "where", "text"), [
    (ViewsOfAnotherShape, "method.py: views", "(16, 1, 8, 8) torch.float32"),
    (ViewsWithState, "method.py: views", "must keep no state"),
    (HiddenState, "method.py", "kept outside parameters, buffers and submodules"),
    (BreaksBuffers, "method.py: optimizer", "NaN or infinity in blocks.stage3_block1.norm2.running_mean"),
    (BreaksWhenPruned, "method.py", "RuntimeError: this method cannot be pruned"),
])  # fmt: skip
def test_what_breaks_the_contract_is_named(method: type[Method], where: str, text: str) -> None:
    [problem] = problems_of(method)
    assert problem.where == where
    assert text in problem.got


def test_a_loss_that_is_no_number_is_named_with_its_update() -> None:
    [problem] = problems_of(Diverges, break_at=2)
    assert (problem.where, problem.expected, problem.got) == ("method.py: loss", "a finite number", "nan at update 2")


class ListOfViews(Supervised):
    """Gives crops of several sizes, as multi-crop methods do elsewhere."""

    def views(self, images_BCHW: Tensor) -> Tensor:
        """Return a list."""
        return [images_BCHW[None], images_BCHW[None, ..., :4, :4]]  # pyright: ignore[reportReturnType]


def test_views_of_several_sizes_are_refused_with_the_place_where_they_may_be_made() -> None:
    """It used to end as `exit 1` of the rehearsal."""
    [problem] = problems_of(ListOfViews)
    assert "one tensor" in problem.expected
    assert problem.got == "list; crops of other sizes are made inside `loss`, from views of the full size"


class WithClosure(Supervised):
    """Asks for L-BFGS, whose step needs a closure."""

    def optimizer(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        """Return it."""
        return torch.optim.LBFGS(parameters, lr=0.1)


def test_an_optimizer_with_a_closure_is_refused_with_the_way_that_sam_takes() -> None:
    """It used to be: expected loss to run, got TypeError."""
    [problem] = problems_of(WithClosure)
    assert "steps without a closure" in problem.expected
    assert "LBFGS" in problem.got
    assert "SAM" in problem.got
    name = re.search(r"(benchmark[.\w]+)\.(call_with)\(encoder, weights, images\)", problem.got)
    assert name is not None, "the way to do it has a name that can be imported"
    function = getattr(importlib.import_module(name[1]), name[2])
    assert list(inspect.signature(function).parameters) == ["module", "weights", "inputs"]
    assert "call_with(" in (SUBMISSIONS / "sam" / "method.py").read_text(encoding="utf-8")
