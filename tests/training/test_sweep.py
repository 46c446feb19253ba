"""The sweep: what fails takes only its own descendants along, the trunk is one, and a method cannot see what comes."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from torch import Tensor, nn

from benchmark.method.contract import Setting
from benchmark.plan import PruneEvent, Segment
from benchmark.training.state import TrainState, save_state

from .methods import (
    BreaksAtAnUpdate,
    BreaksInViews,
    BreaksWhenPruned,
    CannotBeSavedWhenPruned,
    Diverges,
    Restless,
    Supervised,
)
from .tiny import (
    DENSE,
    EARLY,
    HALFWAY,
    ROOT,
    RUNS,
    TOTAL_STEPS,
    Memory,
    differences,
    leaf_key,
    load_from,
    recipe_of,
    state_after,
    sweep,
    trained,
    tree,
)

AT_INITIALISATION, AFTER_THE_LAST = RUNS["at initialisation, random"], RUNS["after the last update"]


def descends_from(segments: tuple[Segment, ...], key: str) -> set[str]:
    """List a segment and everything below it; parents come first."""
    below = {key}
    below.update(segment.key for segment in segments if segment.parent in below)
    for segment in segments:
        if segment.parent in below:
            below.add(segment.key)
    return below


@pytest.fixture(scope="module")
def everything() -> Memory:
    return trained(recipe_of(Restless), tree())


def test_every_segment_ends_once_after_exactly_its_updates(everything: Memory) -> None:
    assert set(everything.finished_states) == {segment.key for segment in tree()}
    assert {segment.key: segment.stop for segment in tree()} == {
        key: state.step for key, state in everything.finished_states.items()
    }
    assert sum(num_models for _, num_models in everything.updates) == sum(segment.num_steps for segment in tree())
    assert [step for step, _ in everything.updates] == list(range(TOTAL_STEPS))


@pytest.mark.parametrize("most_models", [1, 2, 5])
def test_a_bound_on_models_alive_is_kept_and_changes_no_bit(everything: Memory, most_models: int) -> None:
    """What finds no room waits, and the sweep goes back in time to it; rewinding runs still find their anchors."""
    bounded = Memory()
    sweep(recipe_of(Restless), tree(), bounded, most_models=most_models)
    assert not bounded.errors, next(iter(bounded.errors.values()))
    assert max(num_models for _, num_models in bounded.updates) == most_models
    assert max(num_models for _, num_models in everything.updates) > most_models
    steps = [step for step, _ in bounded.updates]
    assert any(after < before for before, after in itertools.pairwise(steps))
    assert set(bounded.finished_states) == set(everything.finished_states)
    for key, state in bounded.finished_states.items():
        assert differences(state, everything.finished_states[key]) == []


def test_pruned_states_have_exactly_the_counts_of_their_events(everything: Memory) -> None:
    for segment in tree():
        state = everything.finished_states[segment.key]
        events = (*segment.applied, *segment.events)
        expected = sum(events[-1].num_pruned) if events else 0
        assert state.mask.num_pruned == expected
        assert all(not state.encoder[name][~kept].any() for name, kept in state.mask.kept.items())


def test_along_every_path_masks_are_nested(everything: Memory) -> None:
    for segment in tree():
        if segment.parent is not None:
            before = everything.finished_states[segment.parent].mask
            after = everything.finished_states[segment.key].mask
            assert before.kept.keys() == after.kept.keys()
            assert not any(bool((kept & ~before.kept[name]).any()) for name, kept in after.kept.items())


def test_a_method_that_breaks_when_pruned_loses_pruned_runs_and_leaves_the_others_bitwise_alone() -> None:
    memory = trained(recipe_of(BreaksWhenPruned), tree(DENSE, EARLY, HALFWAY, AFTER_THE_LAST))
    assert set(memory.errors) == {leaf_key(EARLY), leaf_key(HALFWAY)}
    assert all("RuntimeError: this method cannot be pruned" in error for error in memory.errors.values())
    for run in (DENSE, AFTER_THE_LAST):
        undisturbed = state_after(recipe_of(BreaksWhenPruned), run)
        assert differences(memory.finished_states[leaf_key(run)], undisturbed) == []


def test_what_breaks_in_the_middle_of_a_tree_takes_its_descendants_along_and_nothing_else() -> None:
    """Two runs share pruning at initialisation and part later; they break on their shared segment."""
    more = PruneEvent(step=20, num_pruned=(1100,), allocation="global", criterion="random")
    branch = (*AT_INITIALISATION, more)
    segments = tree(DENSE, AFTER_THE_LAST, AT_INITIALISATION, branch)
    [shared] = [segment for segment in segments if segment.events == AT_INITIALISATION and not segment.is_leaf]
    memory = trained(recipe_of(BreaksWhenPruned), segments)
    assert set(memory.errors) == descends_from(segments, shared.key)
    assert {leaf_key(AT_INITIALISATION), leaf_key(branch)} < set(memory.errors)
    assert set(memory.finished_states) == {segment.key for segment in segments} - set(memory.errors)
    undisturbed = state_after(recipe_of(BreaksWhenPruned), AFTER_THE_LAST)
    assert differences(memory.finished_states[leaf_key(AFTER_THE_LAST)], undisturbed) == []


def test_a_method_that_breaks_on_the_trunk_keeps_what_had_ended_before() -> None:
    segments = tree()
    memory = trained(recipe_of(BreaksAtAnUpdate, break_at=8), segments)
    ended_before = {segment.key for segment in segments if segment.stop <= 8}
    assert ended_before
    assert set(memory.finished_states) == ended_before
    assert set(memory.errors) == {segment.key for segment in segments} - ended_before


@pytest.mark.parametrize("break_at", [0, 1, 23])
def test_a_failure_at_any_update_is_reported_for_every_segment_that_needed_it(break_at: int) -> None:
    memory = trained(recipe_of(BreaksAtAnUpdate, break_at=break_at), tree(DENSE, AFTER_THE_LAST))
    assert set(memory.errors) == {leaf_key(DENSE), leaf_key(AFTER_THE_LAST)}
    assert len(memory.updates) == break_at + 1


def test_an_exception_in_views_fails_all_that_are_alive_with_its_traceback() -> None:
    memory = trained(recipe_of(BreaksInViews, break_at=4), tree(DENSE, EARLY, HALFWAY))
    assert set(memory.errors) == {segment.key for segment in tree(DENSE, EARLY, HALFWAY)}
    assert all("RuntimeError: these views break" in error for error in memory.errors.values())
    assert [step for step, _ in memory.updates] == [0, 1, 2, 3]


def test_a_state_that_cannot_be_written_fails_its_segment_and_no_other() -> None:
    memory = trained(recipe_of(CannotBeSavedWhenPruned), tree(DENSE, EARLY, HALFWAY))
    assert set(memory.errors) == {leaf_key(EARLY), leaf_key(HALFWAY)}
    assert leaf_key(DENSE) in memory.finished_states


def test_a_checkpoint_that_cannot_be_written_fails_its_segment_and_no_other() -> None:
    memory = Memory(saves_checkpoints=True)
    sweep(recipe_of(CannotBeSavedWhenPruned), tree(DENSE, EARLY, HALFWAY), memory, checkpoint_interval=5)
    assert set(memory.errors) == {leaf_key(EARLY), leaf_key(HALFWAY)}
    assert leaf_key(DENSE) in memory.finished_states


def test_a_parent_that_cannot_be_loaded_fails_what_continues_it_and_everything_below() -> None:
    trunk, *below = tree(DENSE, EARLY, HALFWAY)
    memory = Memory()
    sweep(recipe_of(Restless), below, memory)
    assert set(memory.errors) == {segment.key for segment in below}
    assert all(f"nothing is stored, {trunk.key} neither" in error for error in memory.errors.values())


def test_a_diverged_run_stops_at_the_update_whose_loss_is_not_finite_and_the_others_go_on() -> None:
    """It used to be trained to its end: hours for weights that are not numbers."""
    memory = trained(recipe_of(Diverges, break_at=3), tree(DENSE, EARLY))
    assert set(memory.errors) == {segment.key for segment in tree(DENSE, EARLY)}
    assert all("DivergedError: the loss is nan at update 3" in error for error in memory.errors.values())
    assert memory.updates == [(step, 1) for step in range(4)]


def test_checkpoints_lie_on_the_grid_inside_segments_and_are_the_states_they_are_named_after() -> None:
    segments = tree(DENSE, EARLY)
    memory = Memory(saves_checkpoints=True)
    sweep(recipe_of(Restless), segments, memory, checkpoint_interval=4)
    expected = {
        segment.key_at(ROOT, step): step for segment in segments for step in range(segment.start + 1, segment.stop)
        if step % 4 == 0
    }  # fmt: skip
    assert {key: state.step for key, state in memory.checkpoints.items()} == expected
    for key, state in memory.checkpoints.items():
        for segment in segments:
            if segment.start < state.step < segment.stop and segment.key_at(ROOT, state.step) == key:
                rest = segment.from_checkpoint(ROOT, state.step)
                resumed = Memory()
                sweep(recipe_of(Restless), [rest], resumed, memory.checkpoints.__getitem__)
                assert differences(resumed.finished_states[segment.key], memory.finished_states[segment.key]) == []


def test_segments_that_start_late_from_stored_states_wait_for_their_step(tmp_path: Path) -> None:
    """A resumed job is a forest: roots at different steps, each in lockstep with whatever is alive by then."""
    segments = tree(DENSE, EARLY, HALFWAY)
    whole = trained(recipe_of(Restless), segments)
    for segment in segments:
        if not segment.is_leaf:
            (tmp_path / segment.key).mkdir()
            save_state(whole.finished_states[segment.key], tmp_path / segment.key)
    leaves = [segment for segment in segments if segment.is_leaf]
    memory = Memory()
    sweep(recipe_of(Restless), leaves, memory, load_from(tmp_path))
    assert len({segment.start for segment in leaves}) == 2
    for leaf in leaves:
        assert differences(memory.finished_states[leaf.key], whole.finished_states[leaf.key]) == []


class Spying(Restless):
    """Writes down everything that its interface shows it, per model."""

    models = itertools.count()
    diary: dict[int, list[tuple[int, float]]]

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.model = next(Spying.models)
        Spying.diary[self.model] = []

    def learning_rate(self, step: int) -> float:
        """Note the logical step."""
        rate = super().learning_rate(step)
        self.rate_asked = (step, rate)
        return rate

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Note the step and how much of the encoder lives."""
        living = sum(int(weight.count_nonzero()) for weight in encoder.parameters() if weight.dim() == 4)
        Spying.diary[self.model].append((self.rate_asked[0], living))
        assert self.rate_asked[1] == Restless.learning_rate(self, self.rate_asked[0])
        return super().loss(encoder, views_VBCHW, labels_B)


def test_before_its_first_event_every_run_is_one_and_the_same_model() -> None:
    """I1: there is one trunk per seed, and nothing in it depends on what the runs below will be."""
    Spying.diary = {}
    trained(recipe_of(Spying), tree(DENSE, EARLY, HALFWAY))
    dense_by_step = [step for diary in Spying.diary.values() for step, living in diary if living == 1210]
    assert sorted(dense_by_step) == list(range(TOTAL_STEPS))
    assert all(diary == sorted(diary) for diary in Spying.diary.values())


@pytest.mark.parametrize("others", [(), (EARLY,), (EARLY, HALFWAY), (AT_INITIALISATION, AFTER_THE_LAST)])
def test_the_state_before_an_event_has_the_same_name_and_bits_whatever_is_planned(
    others: tuple[tuple[PruneEvent, ...], ...],
) -> None:
    memory = Memory(saves_checkpoints=True)
    sweep(recipe_of(Supervised), tree(DENSE, *others), memory, checkpoint_interval=1)
    states: dict[str, TrainState] = {**memory.checkpoints, **memory.finished_states}
    alone = Memory(saves_checkpoints=True)
    sweep(recipe_of(Supervised), tree(DENSE), alone, checkpoint_interval=1)
    for key, state in alone.checkpoints.items():
        assert differences(states[key], state) == []
