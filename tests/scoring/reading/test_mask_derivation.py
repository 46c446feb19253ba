"""Masks are derived again from the states before them: honest ones hold bit by bit, one exchanged weight does not."""

from __future__ import annotations

import re
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Literal

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from benchmark.data.streams import stream_generator
from benchmark.encoder import Encoder, build_encoder, prunable_names
from benchmark.plan import PruneEvent
from benchmark.pruning.mask import Mask
from benchmark.scoring.invalid_output import InvalidOutput
from benchmark.scoring.reading.mask_derivation import demand_derived_mask
from benchmark.scoring.reading.model_reader import TaskReader
from benchmark.scoring.scoring_job import ENCODER_FILE, MASK_FILE, BranchPoint, RunToScore, ScoringJob
from benchmark.spec import BenchmarkSpec, SmallResNet
from tests.conftest import Evaluated
from tests.executors.warm import request, scoring_job

SPEC = SmallResNet(name="resnet8", width=2)
SEED, STEP = 3, 7
SIZES = [build_encoder(SPEC, 1, SEED).get_parameter(name).numel() for name in prunable_names(build_encoder(SPEC, 1, 0))]
TOTAL = sum(SIZES) // 2
PER_LAYER = tuple(size // 2 for size in SIZES)


def initial() -> Encoder:
    return build_encoder(SPEC, 1, SEED)


def event(
    num_pruned: tuple[int, ...] = (TOTAL,), criterion: Literal["magnitude", "random"] = "magnitude"
) -> PruneEvent:
    allocation = "global" if len(num_pruned) == 1 else "layerwise"
    return PruneEvent(step=STEP, num_pruned=num_pruned, allocation=allocation, criterion=criterion)


def store_state(folder: Path, generator_seed: int = 0) -> dict[str, Tensor]:
    """Write a dense state of random weights, many of them equal, and give its prunable weights."""
    encoder = initial()
    generator = torch.Generator().manual_seed(generator_seed)
    weights = {
        name: torch.randint(-9, 9, encoder.get_parameter(name).shape, generator=generator).float()
        for name in prunable_names(encoder)
    }
    folder.mkdir()
    save_file({**encoder.state_dict(), **weights}, folder / ENCODER_FILE)
    save_file({name: torch.ones_like(weight, dtype=torch.bool) for name, weight in weights.items()}, folder / MASK_FILE)
    return weights


def naive_mask(scores: dict[str, Tensor], event: PruneEvent) -> Mask:
    """Prune one weight after the other: the lowest score, of equal ones the first in the network's order."""
    kept = {name: torch.ones_like(score, dtype=torch.bool) for name, score in scores.items()}
    groups = [list(scores)] if event.allocation == "global" else [[name] for name in scores]
    for names, count in zip(groups, event.num_pruned, strict=True):
        places = [(float(v), n, i) for n, name in enumerate(names) for i, v in enumerate(scores[name].flatten())]
        for _, n, i in sorted(places)[:count]:
            kept[names[n]].view(-1)[i] = False
    return Mask(kept)


def naive_scores(weights: dict[str, Tensor], event: PruneEvent) -> dict[str, Tensor]:
    if event.criterion == "magnitude":
        return {name: weight.abs() for name, weight in weights.items()}
    generator = stream_generator(SEED, "prune", event.step)
    return {name: torch.rand(weight.shape, generator=generator) for name, weight in weights.items()}


def run_with(*points: BranchPoint, num_pruned: tuple[int, ...] = (TOTAL,)) -> RunToScore:
    return RunToScore(
        schedule="shot", sparsity=Decimal("0.5"), seed=SEED, state_key="k", num_pruned=num_pruned,
        directory=Path("unused"), branch_points=points,
    )  # fmt: skip


def exchange(mask: Mask, layer: int = 0) -> Mask:
    """Keep one weight that was pruned, and prune one that was kept."""
    kept = {name: each.clone() for name, each in mask.kept.items()}
    flat = kept[list(kept)[layer]].view(-1)
    pruned, living = int((~flat).nonzero()[0]), int(flat.nonzero()[0])
    flat[pruned], flat[living] = True, False
    return Mask(kept)


@pytest.mark.parametrize("num_pruned", [(TOTAL,), PER_LAYER], ids=["global", "layerwise"])
@pytest.mark.parametrize("criterion", ["magnitude", "random"])
def test_the_mask_of_a_stored_state_is_known_bit_by_bit(
    num_pruned: tuple[int, ...], criterion: Literal["magnitude", "random"], tmp_path: Path
) -> None:
    weights = store_state(tmp_path / "parent")
    applied = event(num_pruned, criterion)
    honest = naive_mask(naive_scores(weights, applied), applied)
    run = run_with(BranchPoint(directory=tmp_path / "parent", num_pruned=(), event=applied), num_pruned=num_pruned)
    demand_derived_mask(run, honest, initial)
    with pytest.raises(InvalidOutput, match=f"by {criterion} at update 7 .* keeps 1 of them"):
        demand_derived_mask(run, exchange(honest), initial)


def test_pruning_at_initialisation_is_derived_from_the_seed_alone() -> None:
    encoder = initial()
    applied = event()
    weights = {name: encoder.get_parameter(name).detach() for name in prunable_names(encoder)}
    honest = naive_mask(naive_scores(weights, applied), applied)
    run = run_with(BranchPoint(directory=None, num_pruned=(), event=applied))
    demand_derived_mask(run, honest, initial)
    with pytest.raises(InvalidOutput, match="keeps 1 of them"):
        demand_derived_mask(run, exchange(honest), initial)


def test_where_later_events_prune_more_the_first_ones_must_still_be_masked(tmp_path: Path) -> None:
    weights = store_state(tmp_path / "parent")
    first, last = event((TOTAL // 2,)), event((TOTAL,))
    point = BranchPoint(directory=tmp_path / "parent", num_pruned=(), event=first)
    begun = naive_mask(naive_scores(weights, first), first)
    other = store_state(tmp_path / "later", generator_seed=1)  # training went on, so that others go next
    scores = {name: torch.where(begun.kept[name], weight.abs(), -1.0) for name, weight in other.items()}
    run = run_with(point)
    demand_derived_mask(run, naive_mask(scores, last), initial)
    with pytest.raises(InvalidOutput, match=f"the {TOTAL // 2} weights that go first"):
        demand_derived_mask(run, naive_mask({n: each.abs() for n, each in other.items()}, last), initial)


def test_a_state_before_an_event_that_was_never_delivered_is_named(tmp_path: Path) -> None:
    run = run_with(BranchPoint(directory=tmp_path / "nowhere", num_pruned=(), event=event()))
    with pytest.raises(InvalidOutput, match=re.escape("the state before update 7, which the mask follows from")):
        demand_derived_mask(run, Mask.dense({}), initial)


@pytest.fixture(scope="module")
def job(evaluated: Evaluated, tiny_spec: BenchmarkSpec, plain: Path) -> ScoringJob:
    return scoring_job(request(tiny_spec, plain, evaluated.root), evaluated.root)


def test_every_pruned_run_has_a_branch_point_and_one_shot_ones_are_known_whole(job: ScoringJob) -> None:
    for run in job.tasks[0].runs:
        assert len(run.branch_points) == (0 if run.schedule == "dense" else 1), run.schedule
        if run.schedule in ("shot", "shot-random"):
            assert run.branch_points[0].event.num_pruned == run.num_pruned


@pytest.mark.parametrize("schedule", ["ramp", "shot", "shot-random"])
def test_what_was_really_trained_is_accepted_and_an_exchanged_weight_refused(
    job: ScoringJob, schedule: str, tmp_path: Path
) -> None:
    run = next(each for each in job.tasks[0].runs if each.schedule == schedule and each.sparsity == Decimal("0.9"))
    reader = TaskReader(job.spec, job.tasks[0], tmp_path)
    assert reader.read(run).values["linear/accuracy"] > 0
    fraud = tmp_path / "fraud"
    shutil.copytree(run.directory, fraud)
    kept = load_file(fraud / MASK_FILE)
    (point,) = run.branch_points
    assert point.directory is not None
    before = load_file(point.directory / ENCODER_FILE)
    smallest = min(kept, key=lambda name: float(before[name].abs().min()))
    if schedule == "shot-random":
        kept = dict(exchange(Mask(kept)).kept)
    else:
        flat = kept[smallest].view(-1)
        flat[int(before[smallest].abs().argmin())], flat[int(flat.int().argmax())] = True, False
    save_file(kept, fraud / MASK_FILE)
    cheat = run.model_copy(update={"directory": fraud, "state_key": "another"})
    with pytest.raises(InvalidOutput, match=re.escape("mask.safetensors: expected the")):
        reader.read(cheat)
