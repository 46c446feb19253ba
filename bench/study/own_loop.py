"""The study's own loop beside ours: a loader of PIL images, torchvision's transforms, float32, one process per run."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from typing import Any

import torch
from pydantic import TypeAdapter

from bench.our_training import random_images
from bench.paired_timing import Line, in_turn, ratio
from bench.peer import Budget, NaiveRun
from bench.study.hours import study_plan
from bench.study.processes import Worker, WorkerError
from bench.study.scale import SPEC, Form, Scale
from bench.study.updates import options_of, spread
from benchmark.spec import EncoderSpec

MOST_REPEATS = 3
"""A timing takes ten seconds and more."""


def own_loop_lines(scale: Scale, ours: Worker) -> Iterator[Line]:
    """Time the study's loop in a process of its own, in turn with updates of siblings in bfloat16."""
    options = {
        "encoder": scale.encoder, "px": scale.px, "images": scale.images, "steps": scale.own_steps,
        "device": scale.device, "workers": scale.workers,
    }  # fmt: skip
    with Worker() as peer:
        ours.forget()
        try:
            peer.build("peer", "own_loop", options)
        except WorkerError as error:
            yield Line(f"{scale.prefix}, own loop", "not measured", str(error))
            return
        forms, failed = list(scale.forms(scale.siblings, in_bfloat16=True)), dict[Form, str]()
        for form in forms:
            try:
                ours.build(form.words, "updates", options_of(scale, form))
            except WorkerError as error:
                failed[form] = str(error)
        built = [form for form in forms if form not in failed]
        acts = [lambda: peer.seconds("peer"), *(lambda form=form: ours.seconds(form.words) for form in built)]
        peer_s, *ours_s = in_turn(acts, min(scale.repeats, MOST_REPEATS))
    each_s = [taken / scale.own_steps for taken in peer_s]
    yield _own(scale, each_s)
    for form, taken in zip(built, ours_s, strict=True):
        yield from against_own_loop(scale, form, each_s, [each / scale.steps / form.siblings for each in taken])
    for form, reason in failed.items():
        yield Line(f"{scale.prefix}, against own loop, {form.words}", "not measured", reason)


def _own(scale: Scale, each_s: list[float]) -> Line:
    return Line(
        f"{scale.prefix}, own loop", f"{1 / statistics.median(each_s):.1f} updates/s",
        f"{scale.words}: torchvision's transforms on PIL images, {scale.workers} DataLoader workers, float32, one "
        f"process per run, one run at a time; {spread(each_s)} per update, n = {len(each_s)}",
    )  # fmt: skip


def against_own_loop(scale: Scale, form: Form, peer_s: list[float], ours_s: list[float]) -> Iterator[Line]:
    """Say how many times as fast we are, per update and per study.

    Args:
        scale: what was trained.
        form: how our siblings were updated.
        peer_s: seconds per update of the study's loop.
        ours_s: seconds per update and model of ours, timed in turn with it.
    """
    name = f"{scale.prefix}, against own loop, {form.words}"
    basis = f"per update and model of {form.siblings} siblings, in turn: {spread(ours_s)}, n = {len(ours_s)}"
    yield Line(name, ratio(peer_s, ours_s), basis, scale.aim("15x"))
    plan = study_plan()
    sharing = plan.num_updates_naive / plan.num_updates
    shared_s = [each / sharing for each in ours_s]
    yield Line(
        f"{name}, whole study", ratio(peer_s, shared_s),
        f"the line before, times {sharing:.2f}: {plan.num_updates_naive:,} updates in runs alone, "
        f"{plan.num_updates:,} in the plan of {SPEC}", scale.aim("26x"),
    )  # fmt: skip


def side(options: dict[str, Any]) -> Callable[[], None]:
    """Build what a worker times: a pass of the study's loop over its images, until the device has computed it.

    Args:
        options: `encoder` as a specification writes it; `px`, `images` per update, `steps`, `device`, `workers`.
    """
    encoder: Any = TypeAdapter[Any](EncoderSpec).validate_python(options["encoder"])
    pictures = random_images(options["images"] * options["steps"], 3, options["px"])
    budget = Budget(encoder, options["images"], 1000)
    run = NaiveRun(pictures, budget, 0, device=options["device"], workers=options["workers"])
    torch.use_deterministic_algorithms(mode=False)  # as scripts run

    def one_pass() -> None:
        run.epoch()
        if options["device"] == "cuda":
            torch.cuda.synchronize()

    return one_pass
