"""The radix tree of event lists: nothing lost, nothing trained twice, names that depend on nothing else."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from benchmark.plan import PruneEvent, Segment, build_tree, state_key
from benchmark.plan.tree import for_another_seed

Events = tuple[PruneEvent, ...]

ROOT = "root of a seed"


def event(step: int, num_pruned: int, criterion: str = "magnitude") -> PruneEvent:
    return PruneEvent.model_validate(
        {"step": step, "num_pruned": (num_pruned,), "allocation": "global", "criterion": criterion}
    )


@st.composite
def forests(draw: st.DrawFn) -> tuple[int, list[Events]]:
    """Draw (total_steps, event lists) from so small a world that lists often begin alike."""
    total_steps = draw(st.integers(1, 6))
    runs: list[Events] = []
    for _ in range(draw(st.integers(1, 8))):
        at = sorted(draw(st.sets(st.integers(0, total_steps), max_size=3)))
        counts = sorted(draw(st.sets(st.integers(1, 4), min_size=len(at), max_size=len(at))))
        criterion = draw(st.sampled_from(["magnitude", "magnitude", "random"]))
        runs.append(tuple(event(step, count, criterion) for step, count in zip(at, counts, strict=True)))
    return total_steps, runs


def path_to(segments: Sequence[Segment], leaf: Segment) -> list[Segment]:
    """Give the segments from the root of the tree to `leaf`."""
    by_key = {segment.key: segment for segment in segments}
    path = [leaf]
    while path[0].parent is not None:
        path.insert(0, by_key[path[0].parent])
    return path


def leaf_of(segments: Sequence[Segment], run: Events, total_steps: int) -> Segment:
    [leaf] = [each for each in segments if each.is_leaf and each.key == state_key(ROOT, run, total_steps)]
    return leaf


def naive_num_updates(runs: Sequence[Events], total_steps: int) -> int:
    """Count distinct states before every update: fewer updates than this no sharing can do with."""
    return sum(len({tuple(e for e in run if e.step <= step) for run in runs}) for step in range(total_steps))


@given(forests())
def test_from_root_to_leaf_a_path_has_exactly_the_events_and_steps_of_its_run(forest: tuple[int, list[Events]]) -> None:
    total_steps, runs = forest
    segments = build_tree(ROOT, runs, total_steps)
    for run in runs:
        path = path_to(segments, leaf_of(segments, run, total_steps))
        assert tuple(each for segment in path for each in segment.events) == run
        assert sum(segment.num_steps for segment in path) == total_steps
        assert path[0].start == 0
        assert path[-1].stop == total_steps
        for above, below in pairwise(path):
            assert above.stop == below.start
            assert below.applied == (*above.applied, *above.events)


@given(forests())
def test_there_are_as_many_leaves_as_distinct_runs_and_every_segment_leads_to_one(
    forest: tuple[int, list[Events]],
) -> None:
    total_steps, runs = forest
    segments = build_tree(ROOT, runs, total_steps)
    leaves = [segment for segment in segments if segment.is_leaf]
    assert {leaf.key for leaf in leaves} == {state_key(ROOT, run, total_steps) for run in runs}
    assert len(leaves) == len(set(runs))
    assert {each.key for leaf in leaves for each in path_to(segments, leaf)} == {each.key for each in segments}


@given(forests())
def test_parents_come_before_children_and_names_are_unique(forest: tuple[int, list[Events]]) -> None:
    total_steps, runs = forest
    seen: set[str | None] = {None}
    segments = build_tree(ROOT, runs, total_steps)
    for segment in segments:
        assert segment.parent in seen
        assert segment.key not in seen
        seen.add(segment.key)
    assert [segment.parent for segment in segments].count(None) == 1


@given(forests())
def test_every_event_lies_in_its_segment_and_only_the_last_step_may_hold_one_at_the_end(
    forest: tuple[int, list[Events]],
) -> None:
    total_steps, runs = forest
    for segment in build_tree(ROOT, runs, total_steps):
        assert segment.start <= segment.stop
        for each in segment.events:
            assert segment.start <= each.step < segment.stop or each.step == segment.stop == total_steps


@given(forests())
def test_no_update_is_made_twice_and_none_that_could_be_shared(forest: tuple[int, list[Events]]) -> None:
    total_steps, runs = forest
    num_updates = sum(segment.num_steps for segment in build_tree(ROOT, runs, total_steps))
    assert num_updates == naive_num_updates(runs, total_steps)
    assert num_updates <= total_steps * len(set(runs))


@given(forests())
def test_a_state_has_the_same_name_wherever_the_tree_is_cut(forest: tuple[int, list[Events]]) -> None:
    total_steps, runs = forest
    segments = build_tree(ROOT, runs, total_steps)
    for run in runs:
        for segment in path_to(segments, leaf_of(segments, run, total_steps)):
            for step in range(segment.start, segment.stop):
                before = [each for each in run if each.step < step]
                assert segment.key_at(ROOT, step) == state_key(ROOT, before, step)
            if segment.start < segment.stop and segment.parent is not None:
                assert segment.key_at(ROOT, segment.start) == segment.parent


@given(forests(), forests())
def test_adding_runs_renames_no_leaf(forest: tuple[int, list[Events]], more: tuple[int, list[Events]]) -> None:
    total_steps, runs = forest
    added = [run for run in more[1] if all(each.step <= total_steps for each in run)]
    few, many = build_tree(ROOT, runs, total_steps), build_tree(ROOT, [*runs, *added], total_steps)
    assert {each.key for each in few if each.is_leaf} <= {each.key for each in many if each.is_leaf}


@given(forests(), st.randoms(use_true_random=False))
def test_the_order_in_which_runs_are_named_does_not_matter(
    forest: tuple[int, list[Events]], shuffler: random.Random
) -> None:
    total_steps, runs = forest
    shuffled = [*runs, *runs[:2]]
    shuffler.shuffle(shuffled)
    assert build_tree(ROOT, runs, total_steps) == build_tree(ROOT, shuffled, total_steps)


@given(forests(), st.data())
def test_the_rest_after_a_checkpoint_ends_in_the_same_state_with_the_events_that_are_left(
    forest: tuple[int, list[Events]], data: st.DataObject
) -> None:
    total_steps, runs = forest
    long = [segment for segment in build_tree(ROOT, runs, total_steps) if segment.num_steps >= 2]
    if not long:
        return
    segment = data.draw(st.sampled_from(long))
    step = data.draw(st.integers(segment.start + 1, segment.stop - 1))
    rest = segment.from_checkpoint(ROOT, step)
    assert (rest.key, rest.stop, rest.is_leaf) == (segment.key, segment.stop, segment.is_leaf)
    assert (rest.start, rest.parent) == (step, segment.key_at(ROOT, step))
    assert rest.applied + rest.events == segment.applied + segment.events
    assert all(each.step < step for each in rest.applied)
    assert all(each.step >= step for each in rest.events)
    for later in range(step + 1, segment.stop):
        assert rest.from_checkpoint(ROOT, later) == segment.from_checkpoint(ROOT, later)


@given(forests(), st.one_of(st.none(), st.integers(0, 3)))
def test_the_tree_of_another_seed_is_the_one_that_would_be_built_for_it(
    forest: tuple[int, list[Events]], rewind_to: int | None
) -> None:
    total_steps, runs = forest
    if rewind_to is not None:  # trees are cut where weights are rewound to
        back = {"rewind": "weights", "rewind_to": rewind_to}
        runs = [*runs, *(tuple(each.model_copy(update=back) for each in run if each.step >= rewind_to) for run in runs)]
    segments = build_tree(ROOT, runs, total_steps)
    assert for_another_seed(segments, "another root") == build_tree("another root", runs, total_steps)


def test_the_dense_trunk_ends_where_the_first_run_leaves_it_and_goes_on_for_the_others() -> None:
    early, late = (event(2, 1),), (event(5, 1),)
    trunk, *_ = segments = build_tree(ROOT, [early, late, ()], 8)
    assert (trunk.start, trunk.stop, trunk.parent, trunk.is_leaf) == (0, 2, None, False)
    assert {(each.start, each.stop, each.events, each.is_leaf) for each in segments} == {
        (0, 2, (), False), (2, 5, (), False), (2, 8, early, True), (5, 8, (), True), (5, 8, late, True),
    }  # fmt: skip


def test_runs_that_prune_at_initialisation_branch_from_a_segment_without_updates() -> None:
    origin, *branches = build_tree(ROOT, [(event(0, 1),), (event(0, 2),), ()], 4)
    assert (origin.start, origin.stop, origin.events, origin.key) == (0, 0, (), state_key(ROOT, (), 0))
    assert [(each.parent, each.start, each.stop) for each in branches] == [(origin.key, 0, 4)] * 3


def test_a_dense_run_is_itself_the_branch_point_of_runs_pruned_after_the_last_update() -> None:
    """Its leaf has children without updates: nothing is trained for them, and the dense state is named once."""
    dense, *pruned = build_tree(ROOT, [(event(4, 1),), (event(4, 2),), ()], 4)
    assert (dense.start, dense.stop, dense.is_leaf) == (0, 4, True)
    assert [(each.parent, each.num_steps, each.is_leaf) for each in pruned] == [(dense.key, 0, True)] * 2
    assert [each.events for each in pruned] == [(event(4, 1),), (event(4, 2),)]


def test_a_pruned_run_may_be_the_branch_point_of_one_pruned_again_after_the_last_update() -> None:
    once, again = build_tree(ROOT, [(event(2, 1),), (event(2, 1), event(4, 3))], 4)
    assert (once.is_leaf, once.events) == (True, (event(2, 1),))
    assert (again.parent, again.num_steps, again.applied, again.events) == (once.key, 0, once.events, (event(4, 3),))


def test_without_a_dense_run_pruning_after_the_last_update_still_shares_all_updates() -> None:
    trunk, *pruned = build_tree(ROOT, [(event(4, 1),), (event(4, 2),)], 4)
    assert (trunk.num_steps, trunk.is_leaf) == (4, False)
    assert [each.num_steps for each in pruned] == [0, 0]


def test_runs_that_differ_only_in_where_they_rewind_to_lie_in_the_same_order_everywhere() -> None:
    runs = [(event(2, 1).model_copy(update={"rewind_to": rewind_to}),) for rewind_to in (None, 0, 1)]
    _, *branches = build_tree(ROOT, reversed(runs), 4)
    assert [each.events[0].rewind_to for each in branches] == [0, 1, None]


def test_one_run_alone_is_one_segment() -> None:
    run = (event(0, 1), event(3, 2), event(4, 3))
    assert build_tree(ROOT, [run, run], 4) == (
        Segment(key=state_key(ROOT, run, 4), parent=None, start=0, stop=4, applied=(), events=run, is_leaf=True),
    )
