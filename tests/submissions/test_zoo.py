"""Every shipped submission passes the check, trains, is resumed in every bit, and is as short as it says."""

from __future__ import annotations

import ast
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from benchmark.data.streams import enter_stream
from benchmark.encoder import feature_dim
from benchmark.spec.documents.loading import load_spec
from benchmark.training.live_model import LiveModel, Recipe
from benchmark.training.state import save_state
from benchmark.training.training_job import TrainingJob
from benchmark.training.trials.rehearsal import rehearse
from benchmark.tuning.search import lies_in
from tests.submissions.zoo import NAMES, SUBMISSIONS, shipped
from tests.training.tiny import (
    BATCH_SIZE,
    CPU,
    EARLY,
    ENCODER,
    HALFWAY,
    NUM_CLASSES,
    SEED,
    TOTAL_STEPS,
    Memory,
    batches_of,
    differences,
    leaf_key,
    load_from,
    state_after,
    sweep,
    trained,
    tree,
)  # fmt: skip

SHAPES = {"digits": (1, 8, 8), "corti2022": (3, 32, 32)}
WAITS = ("_local_scalar_dense", "nonzero", "is_nonzero", "equal", "masked_select", "unique", "item")


def recipe_of(name: str) -> Recipe:
    setting = shipped(name).setting((1, 8, 8), feature_dim(ENCODER), BATCH_SIZE, TOTAL_STEPS, NUM_CLASSES)
    return Recipe(ENCODER, shipped(name).method, setting, SEED, CPU)


@pytest.mark.parametrize("specification", SHAPES)
@pytest.mark.parametrize("name", NAMES)
def test_it_passes_the_rehearsal_of_check_with_the_encoder_and_hyperparameters_of(
    name: str, specification: str
) -> None:
    """What `fmn check` runs in a process of its own, on fewer images per update."""
    task = load_spec(specification).tasks[0]
    manifest = shipped(name).manifest
    job = TrainingJob(
        root="rehearsal", seed=0, encoder=task.encoder, dataset=task.dataset.name, flip=task.dataset.flip,
        device="cpu", segments=(), num_classes=10 if manifest.supervision == "labels" else None, batch_size=4,
        total_steps=100, checkpoint_interval=1, checkpoint_every_s=60, capturable=manifest.capturable,
        hyperparameters=dict(manifest.under(specification).resolved(task.dataset.name)),
    )  # fmt: skip
    assert rehearse(job, SUBMISSIONS / name, SHAPES[specification]) == []


@pytest.mark.parametrize("name", NAMES)
def test_it_trains_a_tree_and_every_segment_resumed_from_files_has_the_same_bits(name: str, tmp_path: Path) -> None:
    recipe = recipe_of(name)
    together = trained(recipe, tree(EARLY, HALFWAY))
    assert not together.errors, next(iter(together.errors.values()))
    assert differences(state_after(recipe, EARLY), together.finished_states[leaf_key(EARLY)]) == []
    for segment in tree(EARLY, HALFWAY):
        memory = Memory()
        sweep(recipe, [segment], memory, load_from(tmp_path))
        assert not memory.errors, memory.errors[segment.key]
        state = memory.finished_states[segment.key]
        (tmp_path / segment.key).mkdir()
        save_state(state, tmp_path / segment.key)
        assert differences(state, together.finished_states[segment.key]) == []


class Operations(TorchDispatchMode):
    """Lists every operation that torch queues."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Note the name, and do it."""
        self.names.append(func.name().removeprefix("aten::").partition(".")[0])
        return func(*args, **(kwargs or {}))


def operations_of_update(model: LiveModel, step: int) -> list[str]:
    batch = batches_of().at(step)
    enter_stream(SEED, "views", step)
    with torch.no_grad():
        views_VBCHW: Tensor = model.method.views(batch.images_BCHW)
    labels_B = None if model.recipe.setting.num_classes is None else batch.labels_B
    model.optimizer.zero_grad(set_to_none=True)
    enter_stream(SEED, "loss", step)
    with Operations() as queued:
        model.method.loss(model.encoder, views_VBCHW, labels_B).backward()
    return queued.names


@pytest.mark.parametrize("name", [name for name in NAMES if shipped(name).manifest.capturable])
def test_one_that_says_it_is_capturable_queues_the_same_work_at_every_update_and_never_waits(name: str) -> None:
    """As far as it shows without a GPU: no operation that reads a value back, and one list of operations."""
    model = LiveModel(recipe_of(name))
    model.guard._gate.hook = "loss"  # pyright: ignore[reportPrivateUsage] - this test runs the hook by itself
    first, *others = [operations_of_update(model, step) for step in range(3)]
    assert not set(first) & set(WAITS)
    assert others == [first, first]


def test_none_imports_another_and_all_are_short() -> None:
    lengths: dict[str, int] = {}
    for name in NAMES:
        (path,) = (SUBMISSIONS / name).glob("*.py")
        lengths[name] = len(path.read_text().splitlines())
        imported = {
            node.module or "" for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)
        }
        assert all(module.startswith(("torch", "benchmark.method", "benchmark.data")) for module in imported), name
    assert median(lengths.values()) <= 45
    assert max(lengths.values()) <= 60


def test_every_method_is_searched_alike_and_its_values_of_today_are_tried_first() -> None:
    """Three dimensions each, learning rate and weight decay among them; the control has nothing to choose."""
    for name in NAMES:
        manifest = shipped(name).manifest
        if name == "random_init":
            assert manifest.search_space == {}
            continue
        assert len(manifest.search_space) == 3, name
        assert list(manifest.search_space)[:2] == ["learning_rate", "weight_decay"], name
        for dataset in ("digits", "cifar10"):
            assert lies_in(manifest.resolved(dataset), manifest.search_space), name


def test_the_field_is_there() -> None:
    expected = "barlow_twins byol dcl dino label_smoothing moco_v2 nested nnclr random_init rotation sam sdclr simclr"
    assert sorted([*expected.split(), "simsiam", "supcon", "supervised", "vicreg"]) == NAMES
