"""How cost grows: updates of plans, exactly, and the time of an update with the size of images."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from typing import Any

from bench.our_training import OurRun, random_images, small
from bench.paired_timing import Line, seconds
from bench.peer import Budget
from benchmark.encoder import layer_sizes
from benchmark.plan import Plan, TaskFacts, make_plan
from benchmark.spec import BenchmarkSpec
from benchmark.spec.documents.loading import load_spec
from benchmark.spec.documents.validation import parse_document

MORE_SPARSITIES = ("0.6", "0.7", "0.85", "0.93", "0.97")


def growth(quick: bool) -> Iterator[Line]:
    """Change one thing of the digits grid at a time, and compare the updates."""
    spec = load_spec("digits")
    base = plan_of(spec)
    changes: dict[str, Callable[[dict[str, Any]], object]] = {
        "twice the models": lambda d: d["population"].update(models=2 * d["population"]["models"]),
        "twice the sparsities": lambda d: d.update(sparsities=sorted([*d["sparsities"], *MORE_SPARSITIES])),
        "one more early schedule": lambda d: d["schedules"].append(
            {"name": "more", "kind": "gradual", "begin": "0.1", "end": "0.3", "updates": 20}
        ),
        "one more late schedule": lambda d: d["schedules"].append({"name": "more", "kind": "one_shot", "at": "0.9"}),
    }
    for name, change in changes.items():
        document = spec.model_dump(mode="json")
        change(document)
        grown = plan_of(parse_document(BenchmarkSpec, document))
        yield Line(
            f"growth, {name}", f"{grown.num_updates / base.num_updates:.2f}x",
            f"updates of the digits plan; {grown.num_updates_naive / base.num_updates_naive:.2f}x if runs are alone",
        )  # fmt: skip
    taken: dict[int, float] = {}
    for size in (8, 16, 32):
        run = OurRun(random_images(128, 3, size), Budget(small(8), 128, 1))
        run.epoch()
        taken[size] = statistics.median(seconds(run.epoch) for _ in range(2 if quick else 5))
    sizes = ", ".join(f"{size} px {taken_s * 1e3:.0f} ms" for size, taken_s in taken.items())
    basis = f"32 against 8 px, per update of 256 views: {sizes}"
    yield Line("growth, image size", f"{taken[32] / taken[8]:.1f}x", basis)


def plan_of(spec: BenchmarkSpec, num_train: int = 1352, channels: int = 1) -> Plan:
    """Plan a specification of one task, by default on as many images as digits has."""
    task = spec.tasks[0]
    facts = TaskFacts("bench", num_train, layer_sizes(task.encoder, channels), view_flops=0)
    name = f"{task.dataset.name}/{task.encoder.name}"
    return make_plan(spec, {name: facts}, {name: "bench"}, "bench")
