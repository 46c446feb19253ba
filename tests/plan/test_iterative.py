"""Iterative pruning: rungs that runs share, exact counts, and the dense state that weights return to."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.plan import build_tree, compile_events, state_key
from benchmark.plan.events import round_half_up
from benchmark.plan.tree import anchor_key
from benchmark.spec import BenchmarkSpec, Iterative
from benchmark.spec.documents.loading import load_spec

LADDER = ("0.5", "0.8", "0.9")
SIZES = (40, 61)


def ladder(**changed: Any) -> Iterative:
    fields = {"name": "imp", "kind": "iterative", "begin": "0.25", "end": "0.75", "ladder": LADDER}
    return Iterative.model_validate({**fields, **changed})


def test_rungs_are_spaced_evenly_and_a_run_leaves_the_ladder_at_its_target() -> None:
    events = compile_events(ladder(), Decimal("0.8"), 100, SIZES)
    assert [(event.step, event.num_pruned) for event in events] == [(25, (51,)), (50, (81,))]
    (*_, last) = compile_events(ladder(), Decimal("0.9"), 100, SIZES)
    assert (last.step, last.num_pruned) == (75, (round_half_up(Decimal("0.9") * 101),))


def test_runs_to_different_rungs_share_every_rung_below() -> None:
    runs = [compile_events(ladder(), Decimal(rung), 100, SIZES) for rung in LADDER]
    segments = build_tree("r", [(), *runs], 100)
    assert sum(segment.num_steps for segment in segments) == 25 + 75 + 75 + 50 + 25
    assert runs[0] == runs[1][:1] == runs[2][:1]


@given(rungs=st.sets(st.integers(1, 99), min_size=1, max_size=8), total=st.integers(1, 200))
def test_counts_grow_along_any_ladder_and_end_exactly(rungs: set[int], total: int) -> None:
    sparsities = [Decimal(rung) / 100 for rung in sorted(rungs)]
    schedule = ladder(ladder=[str(each) for each in sparsities])
    for target in sparsities:
        events = compile_events(schedule, target, total, SIZES)
        counts = [event.num_pruned[0] for event in events]
        assert counts == sorted(set(counts))
        assert (counts or [0])[-1] == round_half_up(target * sum(SIZES))


@pytest.mark.parametrize("rewind", ["learning_rate", "weights"])
def test_every_event_rewinds_to_the_same_step(rewind: str) -> None:
    events = compile_events(ladder(rewind=rewind, rewind_to="0.1"), Decimal("0.9"), 100, SIZES)
    assert [(event.rewind, event.rewind_to) for event in events] == [(rewind, 10)] * 3


def test_the_trunk_is_cut_where_weights_return_to_and_no_name_changes() -> None:
    run = compile_events(ladder(rewind="weights", rewind_to="0.1"), Decimal("0.9"), 100, SIZES)
    segments = build_tree("r", [(), run], 100)
    anchor = anchor_key("r", run[0])
    assert anchor == state_key("r", (), 10)
    assert [segment.key for segment in segments if segment.stop == 10] == [anchor]
    assert {segment.key for segment in segments} - {anchor} == {
        state_key("r", (), 25), state_key("r", (), 100), state_key("r", run, 100)
    }  # fmt: skip
    assert sum(segment.num_steps for segment in segments) == 175


def test_returning_to_the_very_beginning_needs_no_stored_state() -> None:
    (event, *_) = compile_events(ladder(rewind="weights"), Decimal("0.5"), 100, SIZES)
    assert anchor_key("r", event) is None


@pytest.mark.parametrize(
    ("changed", "where"),
    [({"begin": "0.8"}, "begin"), ({"rewind_to": "0.3"}, "rewind_to"), ({"ladder": ["0.8", "0.5"]}, "ladder[1]")],
)
def test_impossible_ladders_are_refused(changed: dict[str, Any], where: str) -> None:
    with pytest.raises(ValueError, match=where.replace("[", r"\[")):
        ladder(**changed)


def test_a_grid_that_a_ladder_does_not_visit_is_refused() -> None:
    document = load_spec("digits").model_dump(mode="json")
    document["schedules"].append(ladder(ladder=["0.5", "0.8"]).model_dump(mode="json"))
    with pytest.raises(ValueError, match=r"'imp' without 0.9, 0.95, 0.98"):
        BenchmarkSpec.model_validate(document)
