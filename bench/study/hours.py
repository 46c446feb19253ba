"""How many hours one contrastive method takes on one GPU: updates of the plan, times what was measured of each kind."""

from __future__ import annotations

import statistics
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import pairwise

from bench.cost_growth import plan_of
from bench.paired_timing import Line
from bench.population_scoring import PopulationTime
from bench.study.processes import WorkerError
from bench.study.scale import SPEC, Scale
from bench.study.updates import UpdateTimes
from benchmark.plan import Plan
from benchmark.spec.documents.loading import load_spec

NUM_TRAIN = 50_000
"""Training images of CIFAR-10."""

REPEATS = 3
REACH = "30 h (moonshot 12 h)"


@cache
def study_plan() -> Plan:
    """Return the plan of the founding study, nothing trained."""
    return plan_of(load_spec(SPEC), NUM_TRAIN, channels=3)


def updates_by_models(plan: Plan) -> dict[int, int]:
    """Return how many updates are made in one model alive, in two, and so on, each of the models counted."""
    found = Counter[int]()
    for subtree in plan.subtrees:
        ends = sorted({step for each in subtree.segments for step in (each.start, each.stop)})
        for start, stop in pairwise(ends):
            alive = sum(each.start <= start and stop <= each.stop for each in subtree.segments)
            found[alive] += alive * (stop - start)
    return dict(sorted(found.items()))


def training_s(updates: Mapping[int, int], per_update_s: Mapping[int, float]) -> float:
    """Return the seconds of all updates.

    Args:
        updates: by the number of models alive.
        per_update_s: seconds per update and model, by the same number.
    """
    return sum(count * per_update_s[alive] for alive, count in updates.items())


def hour_lines(times: UpdateTimes, scored: Callable[[], PopulationTime]) -> Iterator[Line]:
    """Time updates with as many models alive as the plan has, in bfloat16, and add scoring of all runs."""
    scale, plan = times.scale, study_plan()
    updates = updates_by_models(plan)
    for form in scale.forms(1, in_bfloat16=True):
        name = f"{scale.prefix}, hours of {SPEC}, {form.words}"
        try:
            forms = {alive: each for alive in updates for each in scale.forms(alive, in_bfloat16=True)
                     if each.compiled == form.compiled}  # fmt: skip
            measured = {alive: times.of(each, repeats=REPEATS).here_s for alive, each in forms.items()}
        except WorkerError as error:
            yield Line(name, "not measured", str(error), scale.aim(REACH))
            continue
        per_update_s = {alive: statistics.median(taken) for alive, taken in measured.items()}
        yield hour_line(name, scale, plan, updates, per_update_s, _if_it_scores(scored))


def _if_it_scores(scored: Callable[[], PopulationTime]) -> PopulationTime | None:
    try:
        return scored()
    except subprocess.CalledProcessError:
        return None  # hours of training are worth having without; what the scorer said is on the terminal


def hour_line(
    name: str, scale: Scale, plan: Plan, updates: Mapping[int, int], per_update_s: Mapping[int, float],
    scored: PopulationTime | None,
) -> Line:  # fmt: skip
    """Predict the hours of the study.

    Args:
        name: of the line.
        scale: what was trained.
        plan: the study's.
        updates: planned, by the number of models alive.
        per_update_s: seconds per update and model, by the same number.
        scored: how long a population took to score; None if it could not be scored.
    """
    training = training_s(updates, per_update_s)
    by_alive = ", ".join(f"{each * 1e3:.2f} ms with {alive} alive" for alive, each in per_update_s.items())
    basis = (
        f"predicted from {plan.num_updates:,} planned updates ({scale.words}); {by_alive}, per update and "
        f"model: {training / 3600:.2f} h, without start-up and checkpoints"
    )
    if scored is None:
        found = f"{training / 3600:.2f} h without scoring"
        return Line(name, found, f"{basis}; scoring was not measured", scale.aim(REACH))
    per_model_s = scored.wall_s / scored.num_runs
    scoring = per_model_s * len(plan.runs)
    basis += f"; scoring of {len(plan.runs):,} models at {per_model_s:.2f} s each: {scoring / 3600:.2f} h"
    total = f"{(training + scoring) / 3600:.2f} h"
    return Line(name, total, f"{basis} (measured: {scored.words})", scale.aim(REACH))
