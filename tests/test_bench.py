"""The bench compares like with like: the peer trains the same network to the same sparsity. Nothing here is timed."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
import torch

from bench import __main__ as bench
from bench.commands import large_plan
from bench.cost_growth import growth, plan_of
from bench.gpu_speed import on_gpu
from bench.model_scoring import naively, ours
from bench.our_training import OurRun, WithoutAugmentation, random_images, small
from bench.paired_timing import Line, alternate, ratio
from bench.peer import Budget, NaiveRun, events_of
from bench.population_scoring import population_job
from bench.update_speed import digits
from benchmark.encoder import build_encoder, layer_sizes, prunable_names
from benchmark.scoring.reading.worker_pool import reader_of
from benchmark.scoring.scoring_job import ScoringJob
from benchmark.spec.documents.loading import load_spec

TINY = Budget(small(2), 16, 5)
IMAGES = random_images(64, 1, 8)


@pytest.mark.parametrize("schedule", ["early", "late", "one-shot"])
def test_the_peer_ends_at_exactly_the_sparsity_of_the_cell(schedule: str) -> None:
    spec = load_spec("digits")
    run = NaiveRun(IMAGES, TINY, seed=0)
    events = events_of(spec, schedule, Decimal("0.9"), run.total_steps)
    total = sum(layer_sizes(spec.tasks[0].encoder, 1))
    shrunk = tuple(
        event.model_copy(update={"num_pruned": (event.num_pruned[0] * 1000 // total,)}) for event in events
    )
    for _ in range(TINY.epochs):
        run.epoch(shrunk)
    modules = [name.rpartition(".")[0] for name in prunable_names(build_encoder(small(2), 1, 0))]
    masks = [run.encoder.get_submodule(name).get_buffer("weight_mask") for name in modules]
    assert sum(int((mask == 0).sum()) for mask in masks) == shrunk[-1].num_pruned[0]


@pytest.mark.parametrize("channels", [1, 3])
def test_both_sides_train_on_views_of_the_same_images(channels: int) -> None:
    images = random_images(32, channels, 8)
    peer, ours = NaiveRun(images, TINY, 0), OurRun(images, TINY)
    first, second = next(iter(peer.loader))
    assert first.shape == second.shape == (16, channels, 8, 8)
    assert not torch.equal(first, second)
    before = {name: tensor.clone() for name, tensor in ours.models[0].encoder.state_dict().items()}
    ours.epoch()
    assert any(not torch.equal(before[name], tensor) for name, tensor in ours.models[0].encoder.state_dict().items())
    assert first.dtype == torch.float32


def test_without_augmentation_both_views_are_the_image() -> None:
    batch = torch.rand(4, 1, 8, 8)
    views = WithoutAugmentation(IMAGES, TINY).models[0].method.views(batch)
    assert torch.equal(views, torch.stack([batch, batch]))


def test_both_sides_read_the_same_of_a_model() -> None:
    """Votes of equal neighbours may fall otherwise in scikit-learn, which knows no tie rule; hence not all."""
    spec, data, budget = digits()
    encoder = build_encoder(budget.encoder, 1, 0)
    peer, mine = naively(encoder, data, spec.evaluation), ours(encoder, data, spec.evaluation)
    for name in ("linear", "knn", "depth"):
        assert (getattr(peer, name) == getattr(mine, name)).mean() > 0.98, name
    assert peer.accuracy(data.test.labels) == pytest.approx(mine.accuracy(data.test.labels), abs=0.005)


def test_siblings_are_all_trained_on_the_same_batches() -> None:
    family = OurRun(IMAGES, TINY, siblings=3)
    family.epoch()
    alone = OurRun(IMAGES, TINY)
    alone.epoch()
    for model in family.models:
        for name, tensor in model.encoder.state_dict().items():
            assert torch.equal(tensor, alone.models[0].encoder.state_dict()[name])


def test_without_a_gpu_the_bench_says_so() -> None:
    if torch.cuda.is_available():
        pytest.skip("a GPU is here")
    assert [line.value for line in on_gpu(quick=True)] == ["not measured"]


def test_sides_take_turns_and_the_ratio_is_the_median_of_pairs() -> None:
    order: list[str] = []
    alternate(lambda: order.append("peer"), lambda: order.append("ours"), 2)
    assert order == ["peer", "ours"] * 3
    assert ratio([2.0, 9.0, 4.0], [1.0, 3.0, 1.0]) == "3.0x [2.0, 4.0]"


def test_the_population_that_is_scored_is_a_job_that_the_scorer_accepts(tmp_path: Path) -> None:
    job = population_job(tmp_path, "cpu", [0, 1], 30, 20)
    assert ScoringJob.model_validate_json(job.model_dump_json()) == job
    reader = reader_of(job, job.tasks[0])
    (dense, pruned), total = job.tasks[0].runs[:2], sum(layer_sizes(job.spec.tasks[0].encoder, 3))
    for run, zeros in ((dense, 0), (pruned, int(pruned.sparsity * total))):
        assert sum(each for _, _, each in reader.layers(run)) == zeros


def test_the_plan_that_growth_is_measured_on_is_the_specification_itself() -> None:
    plan = plan_of(load_spec("digits"))
    assert (plan.num_updates_naive, plan.num_updates) == (37_800, 19_110)
    assert {line.name for line in growth(quick=True)} >= {"growth, twice the models", "growth, image size"}


def test_only_the_measured_part_of_a_page_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"# Speed\n\nbefore\n{bench.BEGIN}old\n{bench.END}after\n")
    bench.write_into(page, [Line("whole grid", "7.0x", "why", "12x")])
    text = page.read_text()
    assert text.startswith("# Speed\n\nbefore\n")
    assert text.endswith(f"{bench.END}after\n")
    assert "| whole grid | 7.0x | 12x | why |" in text
    assert "old" not in text
    page.write_text(f"{text}{bench.BEGIN_GPU}{bench.END}")
    bench.write_into(page, [Line("GPU, views/s", "9", "why")], bench.BEGIN_GPU)
    assert page.read_text().startswith(text)
    assert page.read_text().endswith(f"| GPU, views/s | 9 |  | why |\n{bench.END}")
    page.write_text("nothing to replace")
    with pytest.raises(SystemExit, match="expected the lines"):
        bench.write_into(page, [])


def test_the_large_plan_has_as_many_runs_as_its_name_says(tmp_path: Path) -> None:
    path = tmp_path / "large-plan.yaml"
    path.write_text(large_plan.document())
    spec = load_spec(str(path))
    assert spec.population.models * (len(spec.schedules) * len(spec.sparsities) + 1) == 100_500
