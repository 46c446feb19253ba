"""The parts of the study's measurements by name, in the order in which they are made."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path

from bench.commands.start_up import SPEC as TINY_SPEC
from bench.paired_timing import Line
from bench.population_scoring import PopulationTime, time_population
from bench.study.hours import hour_lines
from bench.study.own_loop import own_loop_lines
from bench.study.processes import Worker
from bench.study.scale import Scale
from bench.study.updates import UpdateTimes, update_lines
from bench.study.views import view_lines
from bench.whole_grids import whole_evaluation

PARTS = ("updates", "views", "loop", "hours", "whole")


def study_lines(
    scale: Scale, against: Path | None = None, scored: Callable[[], PopulationTime] | None = None, only: str = ""
) -> Iterator[Line]:
    """Measure at a scale.

    Args:
        scale: what is trained, and where.
        against: a folder with another version of this repository, whose updates are timed in turn with ours.
        scored: returns how long a population took to score, where that is measured anyway.
        only: one of `PARTS` alone.
    """
    scored = scored or cache(partial(time_population, scale.device, *scale.scored))
    with ExitStack() as processes:
        here = processes.enter_context(Worker())
        there = None if against is None else processes.enter_context(Worker(against))
        times = UpdateTimes(scale, here, there)
        parts: dict[str, Callable[[], Iterator[Line]]] = {
            "updates": lambda: update_lines(times),
            "views": lambda: view_lines(scale, here),
            "loop": lambda: own_loop_lines(scale, here),
            "hours": lambda: hour_lines(times, scored),
            "whole": lambda: iter([whole_line(scale)]),
        }
        for name in PARTS:
            if only in ("", name):
                yield from _as_far_as_it_goes(f"{scale.prefix}, {name}", parts[name])


def _as_far_as_it_goes(name: str, part: Callable[[], Iterator[Line]]) -> Iterator[Line]:
    """Yield the lines of a part; where it breaks off, say so, because the parts after it are worth their time."""
    try:
        yield from part()
    except (Exception, SystemExit) as error:  # SystemExit: an evaluation that failed
        yield Line(name, "not measured", f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")


def whole_line(scale: Scale) -> Line:
    """Time a whole evaluation of SupCon: of the study's small specification on a GPU, of a tiny one on a CPU."""
    if scale.device == "cuda":
        names = ("corti2022-mini", "corti2022-mini-jpeg")
        return whole_evaluation("GPU, whole corti2022-mini", names, "supcon", "cuda", "7 min")
    with tempfile.TemporaryDirectory() as folder:
        tiny = Path(folder, "tiny.yaml")
        tiny.write_text(TINY_SPEC, encoding="utf-8")
        return whole_evaluation(f"{scale.prefix}, whole", (str(tiny),), "supcon", "cpu", "")
