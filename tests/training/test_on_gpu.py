"""Training on a GPU: captured or plain, together or alone, resumed or not, the bits are the same."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import kornia.augmentation as K
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.data.batches import Batches
from benchmark.data.streams import enter_stream
from benchmark.data.views import augmented_views, standard_augmentation
from benchmark.encoder import build_encoder
from benchmark.method.contract import Method, Setting
from benchmark.plan import Segment
from benchmark.spec import SmallResNet
from benchmark.training.acceleration.capture_check import captured_views_of, demand_capturable
from benchmark.training.acceleration.memory import peak_memory
from benchmark.training.capture import GraphPool
from benchmark.training.environment import configure
from benchmark.training.live_model import LiveModel, Recipe
from benchmark.training.state import TrainState, load_state, save_state
from benchmark.training.sweep import Sweep

from .tiny import (
    BATCH_SIZE,
    ENCODER,
    IMAGES,
    LABELS,
    NUM_CLASSES,
    ROOT,
    RUNS,
    SEED,
    Memory,
    differences,
    leaf_key,
    setting_of,
    tree,
)

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

GPU = torch.device("cuda")


@pytest.fixture(autouse=True, scope="module")
def _as_trainers_are() -> None:
    configure(GPU)


class Queued(Method):
    """Contrastive with dropout, a queue and a teacher, all on the device and in place: what may be captured."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.projection = nn.Sequential(nn.Linear(setting.feature_dim, 6), nn.BatchNorm1d(6), nn.Linear(6, 3))
        self.teacher = build_encoder(SmallResNet(name="resnet8", width=setting.feature_dim // 4), 1, seed=0)
        self.teacher.requires_grad_(requires_grad=False)
        self.queue: Tensor
        self.newest: Tensor
        self.register_buffer("queue", F.normalize(torch.randn(8, 3)))
        self.register_buffer("newest", torch.zeros(8, 3))

    def views(self, images_BCHW: Tensor) -> Tensor:
        """Add noise of two kinds, drawn on the device and on the host."""
        pair_VBCHW = torch.stack([images_BCHW * random.uniform(0.8, 1.0), images_BCHW])
        return (pair_VBCHW + 0.1 * torch.randn_like(pair_VBCHW)).clamp(0, 1)

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """InfoNCE against the other view and the queue, and the distance to the teacher."""
        features = F.dropout(encoder(views_VBCHW.flatten(0, 1)), 0.2)
        first_BD, second_BD = F.normalize(self.projection(features), dim=1).chunk(2)
        self.newest.copy_(second_BD[:8].detach())
        logits = torch.cat([first_BD @ second_BD.T, first_BD @ self.queue.T], dim=1) / 0.3
        pull = F.mse_loss(encoder(views_VBCHW[0]), self.teacher(views_VBCHW[1]))
        return pull + F.cross_entropy(logits, torch.arange(len(first_BD), device=logits.device))

    def after_step(self, encoder: nn.Module) -> None:
        """Move the queue and the teacher on."""
        self.queue.copy_(F.normalize(self.queue + self.newest + 0.01 * torch.randn_like(self.queue), dim=1))
        for kept, new in zip(self.teacher.parameters(), encoder.parameters(), strict=True):
            kept.lerp_(new, 0.1)


class Labelled(Method):
    """Cross-entropy by Adam; scribbles over its views and labels."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.classifier = nn.Linear(setting.feature_dim, setting.num_classes or 0)

    def optimizer(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        """AdamW."""
        return torch.optim.AdamW(parameters, lr=0.01)

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Normalise and shift in place."""
        assert labels_B is not None
        views_VBCHW.sub_(0.3).mul_(2)
        labels_B.add_(1).remainder_(self.classifier.out_features)
        return F.cross_entropy(self.classifier(encoder(views_VBCHW[0])), labels_B)


def recipe_of(method: type[Method], *, captured: bool = True, in_bfloat16: bool = False) -> Recipe:
    pool = GraphPool(GPU) if captured else None
    return Recipe(
        ENCODER, method, setting_of(NUM_CLASSES), SEED, GPU, in_bfloat16=in_bfloat16, graph_pool=pool
    )


def batches() -> Batches:
    return Batches(IMAGES.to(GPU), LABELS.to(GPU), BATCH_SIZE, SEED)


def trained(recipe: Recipe, segments: tuple[Segment, ...], store: Path | None = None) -> Memory:
    """Train segments in one sweep; parents that are not among them are read from `store`."""
    memory = Memory()

    def load_parent(key: str) -> TrainState:
        assert store is not None
        return load_state(store / key, GPU)

    Sweep(ROOT, recipe, segments, load_parent, batches(), 5, memory).run()
    assert not memory.errors, next(iter(memory.errors.values()))
    return memory


@pytest.mark.parametrize("in_bfloat16", [False, True])
@pytest.mark.parametrize("method", [Queued, Labelled])
def test_captured_updates_give_every_state_of_the_tree_the_bits_of_plain_ones(
    method: type[Method], in_bfloat16: bool
) -> None:
    plain = trained(recipe_of(method, captured=False, in_bfloat16=in_bfloat16), tree()).finished_states
    captured = trained(recipe_of(method, in_bfloat16=in_bfloat16), tree()).finished_states
    assert plain.keys() == captured.keys()
    for key, state in plain.items():
        assert differences(state, captured[key]) == []


@pytest.mark.parametrize("method", [Queued, Labelled])
def test_a_run_has_the_same_bits_trained_alone_and_in_the_tree_of_all_runs(method: type[Method]) -> None:
    together = trained(recipe_of(method), tree()).finished_states
    assert len({state.encoder["stem.0.weight"].cpu().numpy().tobytes() for state in together.values()}) > len(RUNS)
    for run in RUNS.values():
        alone = trained(recipe_of(method), tree(run)).finished_states[leaf_key(run)]
        assert differences(alone, together[leaf_key(run)]) == []


def test_segments_trained_each_in_a_sweep_of_its_own_from_files_give_the_same_bits(tmp_path: Path) -> None:
    together = trained(recipe_of(Queued), tree()).finished_states
    for segment in tree():
        state = trained(recipe_of(Queued), (segment,), tmp_path).finished_states[segment.key]
        (tmp_path / segment.key).mkdir()
        save_state(state, tmp_path / segment.key)
        assert differences(state, together[segment.key]) == []


@pytest.mark.parametrize("method", [Queued, Labelled])
def test_what_can_be_captured_is_accepted(method: type[Method]) -> None:
    demand_capturable(recipe_of(method), batches())


class CountsInPython(Labelled):
    """Weighs its loss by a number that Python counts."""

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Grow."""
        self.calls = getattr(self, "calls", 0) + 1
        return super().loss(encoder, views_VBCHW, labels_B) * self.calls


class DrawsOnTheHost(Labelled):
    """Weighs its loss by a number that Python draws."""

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Jitter."""
        return super().loss(encoder, views_VBCHW, labels_B) * random.uniform(0.5, 1.5)


class Waits(Labelled):
    """Looks at its loss."""

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Wait for the device."""
        loss = super().loss(encoder, views_VBCHW, labels_B)
        return loss * (1 if loss.item() > 0 else 2)


class ReplacesTensors(Queued):
    """Puts a new queue where the old one was."""

    def after_step(self, encoder: nn.Module) -> None:
        """Replace."""
        self.queue = F.normalize(self.queue + self.newest, dim=1)


@pytest.mark.parametrize("method", [CountsInPython, DrawsOnTheHost, ReplacesTensors])
def test_what_claims_to_be_capturable_and_is_not_is_refused(method: type[Method]) -> None:
    with pytest.raises(ValueError, match="capturable: expected the same bits"):
        demand_capturable(recipe_of(method), batches())


COLOURED = torch.randint(0, 256, (len(IMAGES), 3, 16, 16), dtype=torch.uint8)


class Augmented(Labelled):
    """Two views by the standard augmentation, of which the loss uses one."""

    def views(self, images_BCHW: Tensor) -> Tensor:
        """Augment twice."""
        augmentation = standard_augmentation(tuple(images_BCHW.shape[1:]), 1.0, flip=True)  # pyright: ignore[reportArgumentType]
        return augmented_views(augmentation, images_BCHW, num_views=2)


class AugmentedByKornia(Labelled):
    """Draws on the host, as a submission with modules of its own does."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.augmentation = K.RandomAffine(10.0, p=0.5)

    def views(self, images_BCHW: Tensor) -> Tensor:
        """Rotate."""
        return augmented_views(self.augmentation, images_BCHW, num_views=2)


class LooksAtItsViews(Labelled):
    """Reads a value back."""

    def views(self, images_BCHW: Tensor) -> Tensor:
        """Wait for the device."""
        return images_BCHW[None] / max(0.5, float(images_BCHW.max()))


@pytest.mark.parametrize("images", [IMAGES, COLOURED])
def test_standard_views_are_replayed_with_the_bits_of_plain_calls(images: Tensor) -> None:
    data = Batches(images.to(GPU), LABELS.to(GPU), BATCH_SIZE, SEED)
    recipe = recipe_of(Augmented)
    captured = captured_views_of(recipe, data)
    assert captured is not None
    methods = [LiveModel(recipe).method for _ in range(2)]
    for step in (7, 8, 7, 9):
        for method in methods:
            batch = data.at(step)
            enter_stream(SEED, "views", step)
            plain = method.views(batch.images_BCHW)
            enter_stream(SEED, "views", step)
            assert torch.equal(captured.views(method, batch.images_BCHW), plain)


def test_the_standard_augmentation_never_waits_for_the_device() -> None:
    for images in (IMAGES, COLOURED):
        batch = Batches(images.to(GPU), None, BATCH_SIZE, SEED).at(0).images_BCHW
        method = LiveModel(recipe_of(Augmented)).method
        method.views(batch)
        torch.cuda.set_sync_debug_mode("error")
        try:
            method.views(batch)
        finally:
            torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("method", [Queued, AugmentedByKornia, LooksAtItsViews])
def test_views_that_draw_on_the_host_or_wait_are_made_by_python_at_every_update(method: type[Method]) -> None:
    recipe = recipe_of(method)
    assert captured_views_of(recipe, batches()) is None
    demand_capturable(recipe, batches())


def test_a_tree_trained_on_replayed_views_has_the_bits_of_plain_ones() -> None:
    plain = trained(recipe_of(Augmented), tree()).finished_states
    recipe = recipe_of(Augmented)
    replayed = trained(replace(recipe, captured_views=captured_views_of(recipe, batches())), tree()).finished_states
    for key, state in plain.items():
        assert differences(state, replayed[key]) == []


def test_a_loss_that_waits_for_the_device_cannot_be_captured_and_the_device_works_on() -> None:
    with pytest.raises(ValueError, match="capturable: expected a loss that queues work"):
        demand_capturable(recipe_of(Waits), batches())
    assert trained(recipe_of(Labelled), tree(RUNS["halfway"])).finished_states


def test_views_of_another_shape_are_refused() -> None:
    model = LiveModel(recipe_of(Labelled))
    batch = batches().at(0)
    demand_capturable(recipe_of(Labelled), batches())
    model.update(batch.images_BCHW[None].clone(), batch.labels_B)
    with pytest.raises(ValueError, match="views of one shape"):
        model.update(batch.images_BCHW[None, :4].clone(), batch.labels_B)


def test_graphs_of_many_models_share_the_memory_of_their_activations() -> None:
    """Sixteen siblings take what one takes, and their weights."""
    recipe = replace(recipe_of(Labelled), encoder=SmallResNet(name="resnet8", width=32))
    recipe = replace(recipe, setting=replace(recipe.setting, feature_dim=128))
    images = torch.rand(1, 512, 1, 8, 8, device=GPU)
    labels = torch.randint(0, NUM_CLASSES, (512,), device=GPU)
    demand_capturable(recipe, Batches(IMAGES.to(GPU), LABELS.to(GPU), BATCH_SIZE, SEED))
    reserved: list[int] = []
    siblings: list[LiveModel] = []
    for _ in range(16):
        siblings.append(LiveModel(recipe))
        siblings[-1].update(images.clone(), labels.clone())
        torch.cuda.synchronize()
        reserved.append(torch.cuda.memory_reserved())
    at_rest = sum(weight.numel() for weight in siblings[0].encoder.parameters()) * 4 * 3 + 8 * 2**20
    assert reserved[-1] - reserved[0] <= 15 * at_rest
    block = torch.empty(2**30, dtype=torch.uint8, device=GPU)
    most = torch.cuda.memory_reserved()
    del block
    torch.cuda.empty_cache()
    assert torch.cuda.memory_reserved() < most <= peak_memory(GPU)


_COMPILED = """
import hashlib, sys, torch
sys.path.insert(0, {root!r})
from tests.training.test_on_gpu import GPU, Labelled, batches, configure, recipe_of, replace
from benchmark.training.live_model import LiveModel
configure(GPU)
model = LiveModel(replace(recipe_of(Labelled, captured=False, in_bfloat16=True), is_compiled=True))
for step in range(5):
    batch = batches().at(step % 4)
    model.update(batch.images_BCHW[None].clone(), batch.labels_B.clone())
print(hashlib.sha256(b"".join(t.cpu().numpy().tobytes() for t in model.encoder.state_dict().values())).hexdigest())
"""


def test_compiled_encoders_have_the_same_bits_whichever_process_compiles_them(tmp_path: Path) -> None:
    """Two processes, each with an empty cache of compiled code."""
    program = _COMPILED.format(root=str(Path(__file__).resolve().parents[2]))
    processes: list[subprocess.Popen[str]] = []
    for number in range(2):
        caches = {name: str(tmp_path / f"{name}-{number}") for name in ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")}
        command = [sys.executable, "-c", program]
        processes.append(subprocess.Popen(command, env={**os.environ, **caches}, stdout=subprocess.PIPE, text=True))
    digests = {process.communicate(timeout=300)[0].strip() for process in processes}
    assert len(digests) == 1
    assert len(digests.pop()) == 64
