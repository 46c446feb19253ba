"""Only the harness trains: what a submission may do with its encoder in which hook, what is counted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import yaml
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils.checkpoint import checkpoint

from benchmark.encoder import Encoder, build_encoder
from benchmark.evaluation.images_per_update import images_per_update
from benchmark.method.contract import Method, Setting
from benchmark.method.loading import load_method_class
from benchmark.plan import PruneEvent
from benchmark.training.guard import SAMPLED_EVERY, HookError, ImageCounts
from benchmark.training.live_model import LiveModel
from benchmark.training.trials.rehearsal import Rehearsal

from .methods import Restless, Taught
from .test_live_model import Plain, update
from .test_trainer import SEGMENTS, failures_in, job_of, report_of, run
from .tiny import BATCH_SIZE, DENSE, ENCODER, NUM_CLASSES, ROOT, TOTAL_STEPS, recipe_of, tree

HALF = PruneEvent(step=2, num_pruned=(605,), allocation="global", criterion="magnitude")


def weights_after(model: LiveModel, updates: int = 4) -> dict[str, Tensor]:
    for step in range(updates):
        if step == HALF.step:
            model.prune(HALF)
        update(model)
        model.snapshot()
    return model.snapshot().encoder


def cross_entropy(features_BD: Tensor, labels_B: Tensor | None) -> Tensor:
    assert labels_B is not None
    return F.cross_entropy(features_BD[:, :NUM_CLASSES], labels_B)


# --- What is refused -------------------------------------------------------------------------------------------------


class Extra(Plain):
    """Keeps the encoder and its last batch, so that it can train in every hook; the base of those that do."""

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Keep."""
        self.__dict__["encoder"] = encoder
        self.kept = (views_VBCHW.clone(), labels_B)
        return super().loss(encoder, views_VBCHW, labels_B)

    @torch.enable_grad()
    def train_more(self, call: Callable[[nn.Module, Tensor], Tensor] = lambda encoder, images: encoder(images)) -> None:
        """Make one more update, once there was one."""
        if "encoder" in self.__dict__:
            encoder, (views_VBCHW, labels_B) = self.__dict__["encoder"], self.kept
            gradients = torch.autograd.grad(
                cross_entropy(call(encoder, views_VBCHW[0]), labels_B), list(encoder.parameters())
            )
            with torch.no_grad():
                for weight, gradient in zip(encoder.parameters(), gradients, strict=True):
                    weight.sub_(0.01 * gradient)


class InAfterStep(Extra):
    """Trains in after_step."""

    def after_step(self, encoder: nn.Module) -> None:
        """Train."""
        self.train_more()


class InAfterStepByForward(Extra):
    """Trains in after_step, and calls `forward` itself."""

    def after_step(self, encoder: nn.Module) -> None:
        """Train."""
        self.train_more(lambda encoder, images: encoder.forward(images))


class InAfterStepByProbePoints(Extra):
    """Trains in after_step, on another method that computes features."""

    def after_step(self, encoder: nn.Module) -> None:
        """Train."""
        self.train_more(lambda encoder, images: encoder.probe_points(images)["features"])  # type: ignore[operator]


class InViews(Extra):
    """Trains in views."""

    def views(self, images_BCHW: Tensor) -> Tensor:
        """Train."""
        self.train_more()
        return super().views(images_BCHW)


class InLearningRate(Extra):
    """Trains when it is asked for a rate."""

    def learning_rate(self, step: int) -> float:
        """Train."""
        self.train_more()
        return 1.0


class Swallows(Extra):
    """Calls the encoder in after_step, and hides what that raises."""

    def after_step(self, encoder: nn.Module) -> None:
        """Call and hide."""
        with suppress(ValueError):
            encoder(self.kept[0][0])


class InTheOptimizer(Extra):
    """Hides more updates in the optimizer's own step."""

    def optimizer(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        """SGD that trains more."""
        method = self

        class More(torch.optim.SGD):
            def step(self, closure: Any = None) -> None:
                super().step(closure)
                method.train_more()

        return More(parameters, lr=0.01)


@pytest.mark.parametrize(("method", "hook"), [
    (InAfterStep, "after_step"), (InAfterStepByForward, "after_step"), (InAfterStepByProbePoints, "after_step"),
    (Swallows, "after_step"), (InViews, "views"), (InLearningRate, "learning_rate"),
    (InTheOptimizer, "optimizer.step"),
])  # fmt: skip
def test_a_call_of_the_encoder_outside_of_loss_is_refused_by_the_name_of_the_hook(
    method: type[Method], hook: str
) -> None:
    with pytest.raises(HookError, match=rf"^{hook}: expected no call of the encoder, got one with 16 images; only"):
        weights_after(LiveModel(recipe_of(method)))


def add_to(weight: Tensor) -> None:
    with torch.no_grad():
        weight.add_(1e-3)


def add_to_data(weight: Tensor) -> None:
    weight.data.add_(1e-3)


def replace_data(weight: Tensor) -> None:
    weight.data = weight.data + 1e-3


def flip_a_sign_of_zero(weight: Tensor) -> None:
    weight.data[:] = -0.0


CHANGES = (add_to, add_to_data, replace_data, flip_a_sign_of_zero)


def change_in(hook: str, change: Callable[[Tensor], None]) -> type[Method]:
    """Return a method that changes one weight in one hook: the bias of the last norm."""

    class Changes(Plain):
        def views(self, images_BCHW: Tensor) -> Tensor:
            self.change("views")
            return super().views(images_BCHW)

        def learning_rate(self, step: int) -> float:
            self.change("learning_rate")
            return 0.0

        def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
            self.__dict__["weight"] = list(encoder.parameters())[-1]
            if hook == "loss":
                change(self.__dict__["weight"].detach() if change is add_to else self.__dict__["weight"])
            return super().loss(encoder, views_VBCHW, labels_B)

        def after_step(self, encoder: nn.Module) -> None:
            self.change("after_step")

        def get_extra_state(self) -> int:
            self.change("state_dict")
            return 0

        def set_extra_state(self, state: int) -> None:
            pass

        def change(self, where: str) -> None:
            if where == hook and "weight" in self.__dict__:
                change(self.__dict__["weight"])

    return Changes


@pytest.mark.parametrize("hook", ["views", "learning_rate", "loss", "after_step", "state_dict"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_weight_that_a_hook_changes_is_found_in_the_first_updates_however_it_is_done(
    hook: str, change: Callable[[Tensor], None]
) -> None:
    got = r"another blocks\.stage3_block1\.shortcut\.1\.bias"
    with pytest.raises(HookError, match=rf"^{hook}: expected the encoder's weights as they were, got {got}; "):
        weights_after(LiveModel(recipe_of(change_in(hook, change))), updates=2)


def test_bits_are_compared_in_one_of_many_updates_which_depend_on_the_root_and_not_on_the_step_alone() -> None:
    def found_at(root: str) -> int:
        sneaky = change_in("after_step", add_to_data)
        model = LiveModel(replace(recipe_of(sneaky), root=root))
        model.guard.expect(0)
        model.guard.expect(0)  # the first updates, in which all bits are compared, are over
        for step in range(20 * SAMPLED_EVERY):
            weight = list(model.encoder.parameters())[-1]
            model.guard.expect(step)
            weight.data.add_(1e-3)
            try:
                model.guard.verify("after_step")
            except HookError:
                return step
        raise AssertionError("never found")

    found = [found_at(f"root {number}") for number in range(6)]
    assert len(set(found)) > 3
    assert sum(found) / len(found) < 4 * SAMPLED_EVERY


def test_a_state_is_refused_when_something_changed_the_model_after_its_last_update() -> None:
    """The code of a sibling runs between the end of a segment's last update and the moment its state is read."""
    model = LiveModel(recipe_of(Plain))
    update(model)
    add_to(next(model.encoder.parameters()))
    with pytest.raises(HookError, match=r"^views: "):
        model.snapshot()
    with pytest.raises(HookError, match=r"^views: "):
        model.prune(HALF)


class Pretrained(Plain):
    """Brings weights of its own when it is asked for an optimizer."""

    def optimizer(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        """Overwrite."""
        parameters[0].data.fill_(0.5)
        return super().optimizer(parameters)


def test_initial_weights_cannot_be_replaced() -> None:
    with pytest.raises(HookError, match=r"^optimizer: .*got another stem.0.weight"):
        LiveModel(recipe_of(Pretrained))


class Replaces(Plain):
    """Puts a parameter of its own into the encoder, one that no version counter belongs to."""

    def after_step(self, encoder: nn.Module) -> None:
        """Replace."""
        assert isinstance(encoder, Encoder)
        convolution = encoder.get_submodule("stem.0")
        convolution.weight = nn.Parameter(convolution.weight * 2)  # type: ignore[operator]


class Appends(Plain):
    """Adds a layer."""

    def after_step(self, encoder: nn.Module) -> None:
        """Append."""
        stem = encoder.get_submodule("stem")
        assert isinstance(stem, nn.Sequential)
        stem.append(nn.Conv2d(2, 2, 1))


@pytest.mark.parametrize("method", [Replaces, Appends])
def test_layers_and_parameters_stay_those_of_the_benchmark(method: type[Method]) -> None:
    with pytest.raises(HookError, match=r"^after_step: expected the encoder's own layers and parameters"):
        update(LiveModel(recipe_of(method)))


class StepsAgain(Plain):
    """Calls the optimizer's step once more."""

    def optimizer(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        """Keep it."""
        self.kept = torch.optim.SGD(parameters, lr=0.0)
        return self.kept

    def after_step(self, encoder: nn.Module) -> None:
        """Step."""
        self.kept.step()


def test_the_optimizer_steps_once_per_update() -> None:
    with pytest.raises(HookError, match=r"^after_step: expected no step of the optimizer, got one; "):
        update(LiveModel(recipe_of(StepsAgain)))


class Accumulates(Plain):
    """Gradient accumulation as training loops do it: three of four chunks would be lost."""

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Call backward on all chunks but the last."""
        assert labels_B is not None
        *others, last = [
            super(Accumulates, self).loss(encoder, views, labels) / 4
            for views, labels in zip(views_VBCHW.chunk(4, dim=1), labels_B.chunk(4), strict=True)
        ]
        for each in others:
            each.backward()
        return last


class LeavesOneInItsHead(Restless):
    """A gradient in the method's own parameters."""

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Train the projection apart."""
        self.projection(torch.rand(4, self.setting.feature_dim)).sum().backward()
        return super().loss(encoder, views_VBCHW, labels_B)


@pytest.mark.parametrize("method", [Accumulates, LeavesOneInItsHead])
def test_gradients_that_loss_leaves_are_refused_with_what_to_do(method: type[Method]) -> None:
    """Born from an incident: three quarters of an accumulated gradient were thrown away, and nobody was told (C1)."""
    with pytest.raises(HookError, match=r"^loss: expected no gradients .* return the mean of the chunks' losses"):
        update(LiveModel(recipe_of(method)))


# --- What is legal ---------------------------------------------------------------------------------------------------


class EmaTeacher(Plain):
    """BYOL: a teacher copied from the encoder in the first loss, and a predictor."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        dim = setting.feature_dim
        self.predictor = nn.Sequential(nn.Linear(dim, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, dim))
        self.teacher: nn.Module | None = None

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Predict the teacher's features."""
        if self.teacher is None:
            self.teacher = deepcopy(encoder).requires_grad_(requires_grad=False)
        with torch.no_grad():
            target_BD = self.teacher(views_VBCHW[0])
        return F.mse_loss(self.predictor(encoder(views_VBCHW[0])), target_BD)

    def after_step(self, encoder: nn.Module) -> None:
        """Move the teacher."""
        assert self.teacher is not None
        for kept, new in zip(self.teacher.parameters(), encoder.parameters(), strict=True):
            kept.lerp_(new, 0.1)


class Sam(Plain):
    """Sharpness-aware: the gradient at weights that are a step uphill, on a functional copy."""

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Climb, then compute the loss there."""
        weights = dict(encoder.named_parameters())
        here = super().loss(encoder, views_VBCHW, labels_B)
        uphill = torch.autograd.grad(here, list(weights.values()))
        there = {name: weight + 0.01 * slope for (name, weight), slope in zip(weights.items(), uphill, strict=True)}
        return cross_entropy(functional_call(encoder, there, (views_VBCHW[0],)), labels_B)


class ReadsWeights(Plain):
    """As SDCLR: a pruned branch of the encoder, made from its weights by reading them."""

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Compare both branches."""
        weights = {name: weight.detach().clone() for name, weight in encoder.named_parameters()}
        with torch.no_grad():
            for weight in weights.values():
                weight.masked_fill_(weight.abs() < weight.abs().median(), 0)
        sparse_BD = functional_call(encoder, weights, (views_VBCHW[0],))
        return super().loss(encoder, views_VBCHW, labels_B) + F.mse_loss(encoder(views_VBCHW[0]), sparse_BD)


class MultiCrop(Plain):
    """Crops of two sizes."""

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Two calls."""
        small = super().loss(encoder, views_VBCHW[..., 2:6, 2:6], labels_B)
        return small + super().loss(encoder, views_VBCHW, labels_B)


class Checkpointed(Plain):
    """Gradient checkpointing: the encoder is called again in the backward pass."""

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Forget the activations."""
        return cross_entropy(checkpoint(encoder, views_VBCHW[0], use_reentrant=False), labels_B)


class InBothModes(Plain):
    """Looks at the features that an evaluation would see."""

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Switch to evaluation and back."""
        encoder.eval()
        with torch.no_grad():
            confidence = encoder(views_VBCHW[0]).softmax(dim=1).max()
        encoder.train()
        return super().loss(encoder, views_VBCHW, labels_B) * (1 + confidence)


class Lars(torch.optim.SGD):
    """SGD whose steps are scaled layer by layer (You et al. 2017, arXiv 1708.03888), in its simplest form."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        """Scale every gradient, then step."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    weight.grad.mul_(0.02 * weight.norm() / (weight.grad.norm() + 1e-9) + 1e-3)
        super().step(closure)


class Lookahead(torch.optim.Optimizer):
    """Slow weights that follow the fast ones; never calls the constructor it inherits, as many of its kind."""

    def __init__(self, inner: torch.optim.Optimizer) -> None:
        self.inner, self.count = inner, 0
        self.param_groups, self.state, self.defaults = inner.param_groups, inner.state, inner.defaults
        self.slow = [weight.detach().clone() for group in inner.param_groups for weight in group["params"]]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Pass on."""
        self.inner.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """Pass on."""
        return self.inner.state_dict()

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Step, and every second time go half of the way back."""
        self.inner.step()
        self.count += 1
        if self.count % 2 == 0:
            weights = [weight for group in self.param_groups for weight in group["params"]]
            for weight, slow in zip(weights, self.slow, strict=True):
                slow.lerp_(weight, 0.5)
                weight.data = slow.clone()


class WithLars(Plain):
    """LARS."""

    def optimizer(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        """LARS."""
        torch.optim.SGD(parameters, lr=0.1)  # has torch wrap SGD.step too, so that hooks run twice in a step of LARS
        return Lars(parameters, lr=0.1, momentum=0.9)


class WithLookahead(Plain):
    """Lookahead."""

    def optimizer(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        """Lookahead."""
        return Lookahead(torch.optim.SGD(parameters, lr=0.1, momentum=0.9))


class TrainsPartOfIt(Plain):
    """Leaves the stem as it is, whose gradients nothing takes and nothing clears."""

    def optimizer(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        """All but the first."""
        return torch.optim.SGD(parameters[1:], lr=0.1)


class Diverged(Plain):
    """Every weight is NaN after the first update, which is no breach."""

    def optimizer(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        """Infinite."""
        return torch.optim.SGD(parameters, lr=float("inf"))


ONE = ImageCounts(encoder=BATCH_SIZE)


@pytest.mark.parametrize(("method", "images"), [
    (Plain, ONE), (Restless, ImageCounts(2 * BATCH_SIZE)), (Taught, ImageCounts(3 * BATCH_SIZE, BATCH_SIZE)),
    (EmaTeacher, ImageCounts(BATCH_SIZE, BATCH_SIZE)), (Sam, ImageCounts(2 * BATCH_SIZE)),
    (ReadsWeights, ImageCounts(3 * BATCH_SIZE)), (MultiCrop, ImageCounts(2 * BATCH_SIZE)),
    (Checkpointed, ImageCounts(2 * BATCH_SIZE)), (InBothModes, ImageCounts(2 * BATCH_SIZE)),
    (WithLars, ONE), (WithLookahead, ONE), (TrainsPartOfIt, ONE), (Diverged, ONE),
])  # fmt: skip
def test_honest_methods_are_let_alone_and_every_image_they_pass_through_the_encoder_is_counted(
    method: type[Method], images: ImageCounts
) -> None:
    model = LiveModel(recipe_of(method))
    model.guard.compares_always = True
    for num_updates in range(1, 5):
        if num_updates == HALF.step and method is not Diverged:
            model.prune(replace_step(HALF, model.step))
        update(model)
        counted = ImageCounts(num_updates * images.encoder, num_updates * images.copies)
        assert model.guard.images == counted
    model.snapshot()


def replace_step(event: PruneEvent, step: int) -> PruneEvent:
    return event.model_copy(update={"step": step})


@pytest.mark.parametrize("method", [Restless, Taught, Sam, Checkpointed])
def test_an_update_has_the_same_bits_with_and_without_the_guard_comparing(method: type[Method]) -> None:
    watched, other = LiveModel(recipe_of(method)), LiveModel(recipe_of(method))
    watched.guard.compares_always = True
    one, two = weights_after(watched), weights_after(other)
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_teacher_may_be_called_anywhere_and_a_copy_of_it_too() -> None:
    model = LiveModel(recipe_of(Plain))
    teacher = deepcopy(deepcopy(model.encoder))
    teacher(torch.rand(5, 1, 8, 8))
    assert model.guard.images == ImageCounts(0, 5)


def test_an_encoder_outside_of_training_has_no_gate() -> None:
    encoder = build_encoder(ENCODER, 1, seed=0)
    assert encoder.gate is None
    assert encoder(torch.rand(2, 1, 8, 8)).shape == (2, 8)


def test_compiled_updates_are_counted_and_guarded() -> None:
    """Compiled code runs no Python of `forward`: the gate is asked by the call."""
    model = LiveModel(recipe_of(Plain))
    model.encoder.compile(dynamic=False, fullgraph=True, backend="eager")
    for _ in range(3):
        update(model)
    assert model.guard.images == ImageCounts(3 * BATCH_SIZE)
    with pytest.raises(HookError, match=r"^views: expected no call"):
        model.encoder(torch.rand(BATCH_SIZE, 1, 8, 8))


class PretendsToReplay:
    """Stands for a captured CUDA graph: Python runs at the first call only, when nothing is computed yet."""

    def __init__(self) -> None:
        self.loss: Tensor | None = None

    def forget(self) -> None:
        """Capture again."""
        self.loss = None

    def replay(
        self, compute: Callable[[Tensor, Tensor | None], Tensor], views: Tensor, labels: Tensor | None
    ) -> Tensor:
        """Compute once."""
        self.loss = compute(views, labels) if self.loss is None else self.loss
        return self.loss


def test_images_of_a_captured_update_are_counted_at_every_replay_and_not_at_its_capture() -> None:
    model = LiveModel(recipe_of(Taught))
    model.__dict__["_capture"] = PretendsToReplay()
    for step in range(5):
        if step == HALF.step:
            model.prune(HALF)
        update(model)
        assert model.guard.images == ImageCounts((step + 1) * 3 * BATCH_SIZE, (step + 1) * BATCH_SIZE)


# --- The rehearsal ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [InAfterStep, InTheOptimizer, InViews, Swallows, Accumulates])
def test_a_rehearsal_finds_every_breach(method: type[Method]) -> None:
    [problem] = Rehearsal(recipe_of(method), (1, 8, 8), NUM_CLASSES).problems()
    assert problem.expected.split(":")[0] in ("after_step", "optimizer.step", "views", "loss")
    assert "; " in problem.got


def test_a_rehearsal_compares_all_bits_of_every_update() -> None:
    class Late(Plain):
        def after_step(self, encoder: nn.Module) -> None:
            self.count = getattr(self, "count", 0) + 1
            if self.count == 4:
                add_to_data(next(encoder.parameters()))

    [problem] = Rehearsal(recipe_of(Late), (1, 8, 8), NUM_CLASSES).problems()
    assert problem.expected == "after_step: the encoder's weights as they were"


HOSTILE = Path(__file__).parents[1] / "hostile"
CASES = [path.parent for path in sorted(HOSTILE.glob("*/expect.yaml")) if "hidden training" in path.read_text()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_hidden_training_is_found_by_rehearsal_and_trainer_alike_with_hook_and_line(case: Path, tmp_path: Path) -> None:
    """These cases of the hostile suite harm no machine: without an engine, they are judged here."""
    [words] = yaml.safe_load((case / "expect.yaml").read_text())["words"]
    [problem] = Rehearsal(recipe_of(load_method_class(case)), (1, 8, 8), NUM_CLASSES).problems()
    assert problem.expected.startswith(words.replace("expected ", ""))
    file, line = problem.where.split(":")
    assert (file, int(line) > 10) == ("method.py", True)
    failures = failures_in(run(job_of(), tmp_path, (case / "method.py").read_text()))
    assert set(failures) == {segment.key for segment in SEGMENTS}
    assert all(words in error.splitlines()[-1] for error in failures.values())


def test_a_report_says_how_many_images_passed(tmp_path: Path) -> None:
    outbox = run(job_of(tree(DENSE), checkpoint_every_s=0), tmp_path, Taught)
    [segment] = tree(DENSE)
    for key, updates in ((segment.key, TOTAL_STEPS), (segment.key_at(ROOT, 5), 5)):
        report = report_of(outbox / key)
        assert (report.images_encoder, report.images_copies) == (3 * BATCH_SIZE * updates, BATCH_SIZE * updates)
        assert images_per_update([report]) == {"encoder": 3.0 * BATCH_SIZE, "copies": 1.0 * BATCH_SIZE}
    old = report.model_copy(update={"images_encoder": None, "images_copies": None})
    assert images_per_update([report, old]) is None
    assert images_per_update([]) is None
