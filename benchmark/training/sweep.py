"""The sweep: one pass over training time that trains a seed's tree of segments, all models alive in lockstep.

A segment starts when its parent has ended. Where states are kept and how progress is shown is decided by an `Observer`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from torch import Tensor

from benchmark.data.batches import Batches
from benchmark.plan.events import PruneEvent
from benchmark.plan.tree import Segment, anchor_key
from benchmark.training.advance import LiveSegment, advance
from benchmark.training.live_model import LiveModel, Recipe
from benchmark.training.segment_error import SegmentError, segment_error
from benchmark.training.state import TrainState


class Observer(Protocol):
    """What a sweep calls while it trains; it decides where states are kept and how progress is shown."""

    def finished(self, live: LiveSegment, state: TrainState) -> None:
        """Handle the state in which a segment has ended; what it raises fails the segment."""

    def failed(self, segment: Segment, error: SegmentError) -> None:
        """Handle a segment that cannot be trained."""

    def updated(self, step: int, num_models: int, loss: Tensor) -> None:
        """Handle the end of step `step`, made in `num_models` models; `loss` is the latest, on the device."""

    def checkpoint_due(self) -> bool:
        """Return whether the live segments should be saved at this checkpoint step."""
        ...

    def checkpoint(self, root: str, live: LiveSegment, state: TrainState) -> None:
        """Save a state inside a segment; what it raises fails the segment."""


class Sweep:
    """Trains segments of one seed, from the first update to the last.

    Args:
        root: root key of the seed.
        recipe: builds the models.
        segments: what to train. A parent is another segment of the list, or comes from `load_parent`.
        load_parent: returns the stored state of a name.
        batches: the seed's batches.
        checkpoint_interval: steps between the positions where a checkpoint may be taken.
        observer: called at every end, failure, update and checkpoint.
        most_models: largest number of models alive at once; None for no bound. Where more segments are due, some wait
            until others have ended, and the sweep goes back in time to them. Their views are then made a second time,
            and no bit changes.
    """

    def __init__(
        self, root: str, recipe: Recipe, segments: Sequence[Segment], load_parent: Callable[[str], TrainState],
        batches: Batches, checkpoint_interval: int, observer: Observer, most_models: int | None = None,
    ) -> None:  # fmt: skip
        self.root, self.recipe, self.load_parent, self.batches = root, recipe, load_parent, batches
        self.checkpoint_interval, self.observer, self.most_models = checkpoint_interval, observer, most_models
        self.waiting = sorted(segments, key=_is_pruned)  # the dense trunk first: others rewind to states on it
        self.live: list[LiveSegment] = []
        self.own_keys = {segment.key for segment in segments}
        self.ended: dict[str, TrainState] = {}

    def run(self) -> None:
        """Train every segment, or report why it cannot be trained."""
        while self.waiting or self.live:
            now = self.live[0].model.step if self.live else min(segment.start for segment in self.waiting)
            self._start(now)
            if self._finish(now):
                continue  # what ended here may have children that start here
            if self.live:
                until = self._next_stop(now)
                advance(self.live, until, self.batches, self.observer.updated)
                self._drop_failed()
                self._save_checkpoints(until)

    def _start(self, now: int) -> None:
        """Start every segment that starts at step `now`, as far as there is room for its model."""
        for segment in [segment for segment in self.waiting if segment.start == now]:
            if segment.parent in self.own_keys and segment.parent not in self.ended:
                continue  # its parent has no updates and ends at this very step, or waits too
            if len(self.live) == self.most_models:
                break
            self.waiting.remove(segment)
            try:
                state = None if segment.parent is None else self._state(segment.parent)
                self.live.append(LiveSegment(segment, LiveModel(self.recipe, state), self._anchor))
            except Exception as error:  # a submission may raise anything
                self._fail(segment, segment_error(error))
        self._forget_unneeded_states()

    def _forget_unneeded_states(self) -> None:
        """Keep an ended state in memory only while a segment starts from it or rewinds to it later."""
        needed = {segment.parent for segment in self.waiting}
        for segment in (*self.waiting, *(each.segment for each in self.live)):
            needed.update(segment.anchors(self.root))
        self.ended = {key: state for key, state in self.ended.items() if key in needed}

    def _state(self, key: str) -> TrainState:
        return self.ended.get(key) or self.load_parent(key)

    def _anchor(self, event: PruneEvent) -> TrainState | None:
        """Return the dense state to which an event rewinds the weights; None if it does not."""
        if event.rewind != "weights":
            return None
        key = anchor_key(self.root, event)
        return self._state(key) if key else self.recipe.initial_state()

    def _finish(self, now: int) -> bool:
        """End every segment that stops at step `now`; return whether there was one."""
        ending = [each for each in self.live if each.segment.stop == now]
        for each in ending:
            self.live.remove(each)
            try:
                each.prune_if_due(at_end=True)
                state = each.model.snapshot()
                self.observer.finished(each, state)
            except Exception as error:  # a submission may raise anything, also when its state is read or written
                self._fail(each.segment, segment_error(error))
            else:
                self.ended[each.segment.key] = state
        return bool(ending)

    def _next_stop(self, now: int) -> int:
        """Return the next step at which a segment starts or stops, or a checkpoint may be taken."""
        checkpoint = (now // self.checkpoint_interval + 1) * self.checkpoint_interval
        starts = [segment.start for segment in self.waiting if segment.start > now]
        return min([checkpoint, *starts, *(each.segment.stop for each in self.live)])

    def _drop_failed(self) -> None:
        for each in list(self.live):
            if each.error is not None:
                self.live.remove(each)
                self._fail(each.segment, each.error)

    def _fail(self, segment: Segment, error: SegmentError) -> None:
        """Report a failed segment and every segment below it: none of these can be trained any more."""
        self.observer.failed(segment, error)
        for child in [child for child in self.waiting if child.parent == segment.key]:
            self.waiting.remove(child)
            self._fail(child, error)

    def _save_checkpoints(self, step: int) -> None:
        """Save every segment that is inside its steps, where a checkpoint may be taken and is due."""
        if step % self.checkpoint_interval or not self.observer.checkpoint_due():
            return
        for each in list(self.live):
            if each.segment.start < step < each.segment.stop:
                try:
                    self.observer.checkpoint(self.root, each, each.model.snapshot())
                except Exception as error:  # a submission may raise anything when its state is read
                    self.live.remove(each)
                    self._fail(each.segment, segment_error(error))


def _is_pruned(segment: Segment) -> bool:
    return bool(segment.applied or segment.events)
