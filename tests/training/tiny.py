"""The tiny task that training is tested on: 64 random images, 24 updates, 1,210 prunable weights, and its runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from benchmark.data.batches import Batches
from benchmark.encoder import feature_dim, layer_sizes
from benchmark.method.contract import Method, Setting
from benchmark.plan import PruneEvent, Segment, build_tree, compile_events, state_key
from benchmark.spec import EncoderSpec, Gradual, Iterative, OneShot, Schedule, SmallResNet
from benchmark.training.advance import LiveSegment
from benchmark.training.live_model import Recipe
from benchmark.training.segment_error import SegmentError
from benchmark.training.state import TrainState, load_state
from benchmark.training.state_files import METHOD_FILE
from benchmark.training.sweep import Observer, Sweep
from benchmark.training.training_job import TrainingJob

Events = tuple[PruneEvent, ...]

ROOT = "root of a tiny seed"
SEED = 3
ENCODER = SmallResNet(name="resnet8", width=2)
BATCH_SIZE, STEPS_PER_EPOCH, TOTAL_STEPS = 16, 4, 24
NUM_CLASSES = 3
CPU = torch.device("cpu")

_GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.randint(0, 256, (BATCH_SIZE * STEPS_PER_EPOCH, 1, 8, 8), dtype=torch.uint8, generator=_GENERATOR)
LABELS = torch.randint(0, NUM_CLASSES, (len(IMAGES),), generator=_GENERATOR)


def one_shot(at: str, sparsity: str, **more: Any) -> Events:
    return _compile(OneShot(name="shot", kind="one_shot", at=Decimal(at), **more), sparsity)


def gradual(begin: str, end: str, updates: int, sparsity: str, **more: Any) -> Events:
    ramp = Gradual(name="ramp", kind="gradual", begin=Decimal(begin), end=Decimal(end), updates=updates, **more)
    return _compile(ramp, sparsity)


def iterative(rewind: Literal["learning_rate", "weights"], rewind_to: str, sparsity: str) -> Events:
    ladder = Iterative(
        name="ladder", kind="iterative", begin=Decimal("0.25"), end=Decimal("0.75"), rewind=rewind,
        rewind_to=Decimal(rewind_to), ladder=(Decimal("0.5"), Decimal("0.8"), Decimal("0.95")),
    )  # fmt: skip
    return _compile(ladder, sparsity)


def _compile(schedule: Schedule, sparsity: str) -> Events:
    return compile_events(schedule, Decimal(sparsity), TOTAL_STEPS, layer_sizes(ENCODER, 1))


DENSE: Events = ()
EARLY = gradual("0.25", "0.75", 3, "0.9")
HALFWAY = one_shot("0.5", "0.5")
RUNS: dict[str, Events] = {
    "dense": DENSE,
    "early": EARLY,
    "early, less": gradual("0.25", "0.75", 3, "0.6"),
    "halfway": HALFWAY,
    "halfway, layerwise": one_shot("0.5", "0.9", allocation="layerwise"),
    "at initialisation, random": one_shot("0", "0.8", criterion="random"),
    "after the last update": one_shot("1", "0.9"),
    "halfway, and again after the last update": (*HALFWAY, *one_shot("1", "0.95")),
    "to the very end": gradual("0.75", "1", 2, "0.98"),
    "weights back to update 3": iterative("weights", "0.125", "0.8"),
    "weights back to the beginning": iterative("weights", "0", "0.5"),
    "learning rate back": iterative("learning_rate", "0.125", "0.95"),
}
"""Runs that branch at the first step, midway, side by side at one step and after the last update, and that go back."""


def tree(*runs: Events) -> tuple[Segment, ...]:
    return build_tree(ROOT, runs or RUNS.values(), TOTAL_STEPS)


def leaf_key(run: Events) -> str:
    """Name the state that a run ends in."""
    return state_key(ROOT, run, TOTAL_STEPS)


def without_leaves(segments: Sequence[Segment]) -> list[Segment]:
    """Pretend that every segment is continued, so that trainers deliver complete states, the method's part included."""
    return [segment.model_copy(update={"is_leaf": False}) for segment in segments]


def setting_of(num_classes: int | None = NUM_CLASSES, **hyperparameters: float) -> Setting:
    return Setting(
        dataset="tiny", image_shape=(1, 8, 8), flip=False, num_classes=num_classes,
        feature_dim=feature_dim(ENCODER), batch_size=BATCH_SIZE, steps_per_epoch=STEPS_PER_EPOCH,
        total_steps=TOTAL_STEPS, hyperparameters={"learning_rate": 0.05, "weight_decay": 0.001, **hyperparameters},
    )  # fmt: skip


def job_without_segments(
    encoder: EncoderSpec = ENCODER, *, batch_size: int = BATCH_SIZE, total_steps: int = TOTAL_STEPS
) -> TrainingJob:
    """Describe the tiny task, or another budget, as trials are given it."""
    return TrainingJob(
        root="root", seed=0, encoder=encoder, dataset="tiny", flip=False, num_classes=NUM_CLASSES,
        batch_size=batch_size, total_steps=total_steps, hyperparameters={"learning_rate": 0.1, "weight_decay": 0.0},
        capturable=True, device="cpu", segments=(), checkpoint_interval=1, checkpoint_every_s=60,
    )  # fmt: skip


def recipe_of(method: type[Method], seed: int = SEED, **hyperparameters: float) -> Recipe:
    return Recipe(ENCODER, method, setting_of(NUM_CLASSES, **hyperparameters), seed, CPU)


def batches_of(seed: int = SEED) -> Batches:
    return Batches(IMAGES, LABELS, BATCH_SIZE, seed)


@dataclass
class Memory:
    """An observer that keeps everything it is given; checkpoints where `saves_checkpoints` says so."""

    saves_checkpoints: bool = False
    finished_states: dict[str, TrainState] = field(default_factory=dict[str, TrainState])
    errors: dict[str, str] = field(default_factory=dict[str, str])
    updates: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    checkpoints: dict[str, TrainState] = field(default_factory=dict[str, TrainState])

    def finished(self, live: LiveSegment, state: TrainState) -> None:
        """Keep the state; a segment ends once."""
        assert live.segment.key not in self.finished_states
        self.finished_states[live.segment.key] = state

    def failed(self, segment: Segment, error: SegmentError) -> None:
        """Keep the traceback; a segment fails once."""
        assert segment.key not in self.errors
        self.errors[segment.key] = error.traceback

    def updated(self, step: int, num_models: int, loss: Tensor) -> None:
        """Note which update was made in how many models."""
        self.updates.append((step, num_models))

    def checkpoint_due(self) -> bool:
        """Say what was decided beforehand."""
        return self.saves_checkpoints

    def checkpoint(self, root: str, live: LiveSegment, state: TrainState) -> None:
        """Keep the state by its name."""
        self.checkpoints[live.segment.key_at(root, state.step)] = state


def _no_parent(key: str) -> TrainState:
    raise LookupError(f"nothing is stored, {key} neither")


def sweep(
    recipe: Recipe, segments: Sequence[Segment], observer: Observer,
    load_parent: Callable[[str], TrainState] = _no_parent, checkpoint_interval: int = 5, most_models: int | None = None,
) -> None:  # fmt: skip
    batches = batches_of(recipe.seed)
    Sweep(ROOT, recipe, segments, load_parent, batches, checkpoint_interval, observer, most_models).run()


def trained(recipe: Recipe, segments: Sequence[Segment]) -> Memory:
    """Train segments in one go and keep everything in memory."""
    memory = Memory()
    sweep(recipe, segments, memory)
    return memory


def state_after(recipe: Recipe, run: Events) -> TrainState:
    """Train one run from its first update to its last, alone, and give its last state."""
    memory = trained(recipe, tree(run))
    assert not memory.errors, next(iter(memory.errors.values()))
    return memory.finished_states[leaf_key(run)]


def collect(outbox: Path, store: Path) -> None:
    """Move whatever complete states an outbox holds, as a host does once the trainer is gone."""
    for folder in outbox.iterdir():
        if folder.is_dir() and folder.suffix != ".unfinished":
            shutil.rmtree(store / folder.name, ignore_errors=True)
            folder.rename(store / folder.name)


def load_from(store: Path) -> Callable[[str], TrainState]:
    return lambda key: load_state(store / key, CPU)


def remaining(segments: Sequence[Segment], wanted: Set[str], store: Path) -> list[Segment]:
    """List what is left to train until the store holds all `wanted` states, each segment from its last checkpoint."""
    by_key = {segment.key: segment for segment in segments}
    left: dict[str, Segment] = {}

    def can_continue(key: str) -> bool:
        return (store / key / METHOD_FILE).exists()

    def need(segment: Segment) -> None:
        steps = reversed(range(segment.start + 1, segment.stop))
        held = next((step for step in steps if can_continue(segment.key_at(ROOT, step))), None)
        rest = segment if held is None else segment.from_checkpoint(ROOT, held)
        left[segment.key] = rest
        for key in (rest.parent, *rest.anchors(ROOT)):
            if key in by_key and key not in left and not can_continue(key):
                need(by_key[key])

    for key in wanted:
        if not (store / key).exists() and key not in left:
            need(by_key[key])
    return [left[segment.key] for segment in segments if segment.key in left]


def differences(one: TrainState, other: TrainState) -> list[str]:
    """Name everything in which two states differ by a single bit."""
    first, second = dict(_leaves("", _parts(one))), dict(_leaves("", _parts(other)))
    return [name for name in first.keys() | second.keys() if _bits(first.get(name)) != _bits(second.get(name))]


def _parts(state: TrainState) -> dict[str, Any]:
    return {
        "steps": [state.step, state.logical_step], "encoder": state.encoder, "mask": state.mask.kept,
        "method": state.method, "optimizer": state.optimizer,
    }  # fmt: skip


def _leaves(where: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return [leaf for key in value for leaf in _leaves(f"{where}/{key}", value[key])]
    if isinstance(value, list | tuple):
        return [leaf for position, each in enumerate(value) for leaf in _leaves(f"{where}/{position}", each)]
    return [(where, value)]


def _bits(value: Any) -> Any:
    """Give the bytes of a tensor, so that NaN equals NaN and zero differs from minus zero."""
    if isinstance(value, Tensor):
        return str(value.dtype), tuple(value.shape), value.cpu().numpy().tobytes()
    return repr(value)
