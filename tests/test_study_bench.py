"""The bench at the founding study's scale makes every line, tiny and on a CPU, and its ratios are of what it timed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from bench import __main__ as bench
from bench.paired_timing import Line, in_turn
from bench.population_scoring import PopulationTime, scored_population
from bench.study import parts
from bench.study.hours import hour_line, study_plan, training_s, updates_by_models
from bench.study.own_loop import against_own_loop
from bench.study.processes import ROOT, Worker, WorkerError, checked_checkout
from bench.study.scale import Form, Scale, study_scale, tiny_scale
from bench.study.updates import Timed, UpdateTimes, published, update_line, update_lines
from bench.study.views import kornia_modules, side
from bench.whole_grids import whole_evaluation
from benchmark.data.streams import enter_stream
from benchmark.method.contract import Method

WHOLE = "| GPU, whole corti"
SCORED = PopulationTime(90.0, 30, "30 models")
FAST = Form(6, in_bfloat16=True, captured=True)


class ScriptedWorker(Worker):
    """Takes as many seconds per run as it is told to, and refuses to build compiled models."""

    def __init__(self, scripted_s: list[float], checkout: Path = ROOT) -> None:
        super().__init__(checkout)
        self.scripted_s, self.built = scripted_s, list[dict[str, Any]]()

    def build(self, label: str, side: str, options: dict[str, Any]) -> None:
        if options["training"]["compiled"]:
            raise WorkerError("no compiler")
        self.built.append(options)

    def seconds(self, label: str) -> float:
        return self.scripted_s[len(self.built) - 1]


def on_a_gpu() -> Scale:
    return study_scale(quick=True)


def test_every_line_of_the_study_is_measured_on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    evaluated: list[tuple[object, ...]] = []
    monkeypatch.setattr("bench.whole_grids.evaluate", lambda *given: evaluated.append(given))  # pyright: ignore[reportUnknownArgumentType]
    lines = {line.name: line for line in parts.study_lines(tiny_scale(), None, lambda: SCORED)}
    prefix = "CPU, tiny study, "
    assert {name.removeprefix(prefix) for name in lines} == {
        "one model, float32, plain", "one model, bfloat16, plain", "3 siblings, float32, plain",
        "3 siblings, bfloat16, plain", "16 views, 8 px colour, queued", "16 views, 8 px colour, kornia's modules",
        "16 views, 8 px grey, queued", "16 views, 8 px grey, kornia's modules", "own loop",
        "against own loop, bfloat16, plain", "against own loop, bfloat16, plain, whole study",
        "hours of corti2022, bfloat16, plain", "whole",
    }  # fmt: skip
    assert [line for line in lines.values() if "not measured" in str(line)] == []
    assert evaluated[0][2:] == ("cpu", "supcon")


def test_on_a_gpu_there_are_eight_forms_of_an_update() -> None:
    scale = on_a_gpu()
    names = [str(form) for number in (1, 6) for fast in (False, True) for form in scale.forms(number, in_bfloat16=fast)]
    assert names[:2] == ["one model, float32, captured", "one model, float32, captured and compiled"]
    assert names[-1] == "6 siblings, bfloat16, captured and compiled"
    assert len(set(names)) == 8
    assert (scale.views, scale.encoder, scale.px) == (512, {"name": "wrn-16-2"}, 32)


def test_an_update_is_compared_with_the_published_time_of_as_many_siblings() -> None:
    base = published(6)
    assert base is not None
    line = update_line("x", Timed([0.002, 0.004, 0.005], []), on_a_gpu(), base, "float32, captured", "")
    assert line.value == "4.00 ms [2.00, 5.00], 2.08x"  # 8.3 / 4
    assert "128,000 views/s" in line.basis
    assert "8.30 ms (float32, captured; published of code b0fb2ce on an H200)" in line.basis
    assert line.reach == "2.4x"
    assert published(5) is None


def test_another_version_takes_the_place_of_published_times() -> None:
    """Its float32 is what all forms are compared with; each is also compared with the same form, pair by pair."""
    scale = on_a_gpu()
    here, there = ScriptedWorker([0.4, 0.1, 0.6, 0.3]), ScriptedWorker([0.8, 0.4, 1.8, 1.2])
    lines = {line.name: line for line in update_lines(UpdateTimes(scale, here, there))}
    fast = lines["GPU, study, one model, bfloat16, captured"]
    assert fast.value == "5.00 ms [5.00, 5.00], 8.00x"  # of 20 updates: 0.8 / 0.1
    assert "4.0x [4.0, 4.0] of the same form" in fast.basis
    assert "against 40.00 ms (float32, captured; measured of" in fast.basis
    assert lines["GPU, study, 6 siblings, float32, captured"].value.endswith(", 3.00x")
    assert not any("published" in line.basis for line in lines.values())


def test_a_form_that_cannot_be_trained_costs_no_other_line() -> None:
    lines = list(update_lines(UpdateTimes(on_a_gpu(), ScriptedWorker([0.1] * 4))))
    assert [line.value == "not measured" for line in lines] == [False, True] * 4
    assert lines[1].basis == "no compiler"
    assert "published of code b0fb2ce" in lines[0].basis


def test_where_the_other_version_fails_ours_is_still_measured() -> None:
    class Broken(ScriptedWorker):
        def build(self, label: str, side: str, options: dict[str, Any]) -> None:
            raise WorkerError("ImportError: too old")

    (line, *_) = update_lines(UpdateTimes(on_a_gpu(), ScriptedWorker([0.248] * 4), Broken([])))
    assert line.value == "12.40 ms [12.40, 12.40], 1.00x"
    assert "not measured: ImportError: too old" in line.basis


def test_a_study_is_faster_than_its_own_loop_by_its_updates_and_by_what_the_plan_shares() -> None:
    per_update, per_study = against_own_loop(on_a_gpu(), FAST, [0.06, 0.045], [0.003, 0.003])
    assert (per_update.value, per_update.reach) == ("17.5x [15.0, 20.0]", "15x")
    assert (per_study.value, per_study.reach) == ("30.6x [26.3, 35.0]", "26x")  # times 49,783,500 / 28,445,580
    assert "28,445,580" in per_study.basis


def test_the_hours_of_the_study_count_every_planned_update_once() -> None:
    updates = updates_by_models(study_plan())
    assert sum(updates.values()) == study_plan().num_updates == 28_445_580
    assert {alive: count // alive // 30 for alive, count in updates.items()} == {1: 577, 13: 19118, 25: 19305, 37: 5850}
    assert training_s({1: 10, 3: 60}, {1: 0.5, 3: 0.1}) == pytest.approx(11)


def test_hours_are_those_of_updates_and_of_scoring_as_measured() -> None:
    plan = study_plan()
    updates = updates_by_models(plan)
    line = hour_line("hours", on_a_gpu(), plan, updates, dict.fromkeys(updates, 0.0035), SCORED)
    assert line.reach == "30 h (moonshot 12 h)"
    assert line.value == "28.58 h"  # 28,445,580 x 3.5 ms are 27.66 h, 1,110 models at 3 s are .93 h
    without = hour_line("hours", on_a_gpu(), plan, updates, dict.fromkeys(updates, 0.0035), None)
    assert without.value == "27.66 h without scoring"


def test_the_page_names_every_line_that_a_gpu_will_give(monkeypatch: pytest.MonkeyPatch) -> None:
    class Willing(Worker):
        def build(self, label: str, side: str, options: dict[str, Any]) -> None: ...

        def seconds(self, label: str) -> float:
            return 0.5

    for module in ("parts", "own_loop"):
        monkeypatch.setattr(f"bench.study.{module}.Worker", Willing)
    monkeypatch.setattr(parts, "whole_evaluation", lambda *given: Line(given[0], "1 s", "", given[-1]))  # pyright: ignore[reportUnknownArgumentType]
    lines = list(parts.study_lines(on_a_gpu(), None, lambda: SCORED))
    assert [line for line in lines if "not measured" in str(line)] == []
    rows = [row.split(" | ") for row in (ROOT / "docs" / "performance.md").read_text().splitlines()]
    named = {row[0].removeprefix("| "): row[2].strip() for row in rows if row[0].startswith(("| GPU, study", WHOLE))}
    assert named == {line.name: line.reach for line in lines}


def test_views_of_a_graph_are_those_of_the_method(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a CPU something else stands in for the graph, which is made after a plain call and once."""
    made: list[str] = []

    class Replayed:
        def __init__(self, device: torch.device) -> None:
            made.append(device.type)

        def views(self, method: Method, images_BCHW: torch.Tensor) -> torch.Tensor:
            return method.views(images_BCHW)

    monkeypatch.setattr("bench.study.views.CapturedViews", Replayed)
    batches = side({"device": "cpu", "channels": 3, "px": 8, "images": 4, "batches": 2, "form": "graph"})
    batches()
    assert made == ["cpu"]


def test_a_part_that_breaks_off_says_so_and_the_next_one_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Iterator[Any]:
        raise RuntimeError("out of luck")

    for name in ("update_lines", "view_lines", "own_loop_lines", "hour_lines", "whole_line"):
        monkeypatch.setattr(parts, name, broken)
    lines = list(parts.study_lines(tiny_scale()))
    assert [line.name.rpartition(" ")[2] for line in lines] == list(parts.PARTS)
    assert {line.basis for line in lines} == {"RuntimeError: out of luck"}


def test_sides_take_turns() -> None:
    order: list[str] = []

    def named(name: str) -> float:
        order.append(name)
        return float(len(order))

    assert in_turn([lambda: named("a"), lambda: named("b")], 2) == [[1, 3], [2, 4]]
    assert order == ["a", "b", "a", "b"]


def test_a_folder_that_is_no_other_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="--against: expected a folder with another version of this repository"):
        checked_checkout(tmp_path)
    assert checked_checkout(ROOT) == ROOT


def test_another_version_is_timed_on_a_gpu_or_not_at_all() -> None:
    with pytest.raises(SystemExit, match="--against times updates on a GPU"):
        bench.main(only="views", against=ROOT)


def test_numbers_never_come_from_the_code_of_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python would fall back to an installed version, and compare it with itself."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with Worker(tmp_path) as worker, pytest.raises(WorkerError, match="expected the code of"):
        worker.build("updates", "updates", {})


def test_images_that_are_not_here_are_not_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FMN_DATA", str(tmp_path))
    monkeypatch.setenv("FMN_HOME", str(tmp_path))
    names = ("corti2022-mini", "corti2022-mini-jpeg")
    assert whole_evaluation("whole", names, "supcon", "cuda", "7 min").value == "not measured"


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 12, 10)])
def test_kornia_makes_views_of_the_same_shape(shape: tuple[int, int, int]) -> None:
    enter_stream(0, "views", 0)
    images_BCHW = torch.rand(4, *shape)
    assert kornia_modules(shape, 0.5)(images_BCHW).shape == images_BCHW.shape


def test_a_quick_population_is_a_third_of_the_models_on_a_tenth_of_the_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.population_scoring.time_population", lambda *given: given)  # pyright: ignore[reportUnknownArgumentType]
    assert scored_population("cuda", quick=True) == ("cuda", 2, 5_000, 1_000)
    assert scored_population("cuda", quick=False) == ("cuda", 6, 50_000, 10_000)
