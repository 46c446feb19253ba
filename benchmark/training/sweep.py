"""The sweep: trains a seed's tree of segments from its first update to its last, everything alive in lockstep.

It refuses to know where states are kept and how progress is shown; an `Observer` is told.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from typing import Protocol

from torch import Tensor

from benchmark.data.batches import Batches
from benchmark.plan.events import PruneEvent
from benchmark.plan.tree import Segment, anchor_key
from benchmark.training.advance import LiveSegment, advance
from benchmark.training.live_model import LiveModel, Recipe
from benchmark.training.state import TrainState


class Observer(Protocol):
    """Who is told what happens; decides where states go and how progress is shown."""

    def finished(self, live: LiveSegment, state: TrainState) -> None:
        """A segment has reached its end."""

    def failed(self, segment: Segment, error: str) -> None:
        """A segment cannot be trained; `error` is a traceback."""

    def updated(self, step: int, num_models: int, loss: Tensor) -> None:
        """Update `step` was made in `num_models` models; `loss` is the latest, on the device."""

    def checkpoint_due(self) -> bool:
        """Whether the live segments should be saved at this checkpoint step."""
        ...

    def checkpoint(self, root: str, live: LiveSegment, state: TrainState) -> None:
        """Save a state inside a segment."""


class Sweep:
    """One pass over training time through a forest of segments of one seed.

    Args:
        root: root key of the seed.
        recipe: builds the models.
        segments: what to train; a parent is another segment of the list, or comes from `load_parent`.
        load_parent: gives the stored state of that name.
        batches: the seed's batches.
        checkpoint_interval: steps between the positions where a checkpoint may be taken.
        observer: told of every end, failure and update.
        most_models: how many models are alive at once at most. Where more are due, the others wait for these to end;
            the sweep then goes back in time to them. It costs their views again and changes no bit.
    """

    def __init__(
        self, root: str, recipe: Recipe, segments: Sequence[Segment], load_parent: Callable[[str], TrainState],
        batches: Batches, checkpoint_interval: int, observer: Observer, most_models: int | None = None,
    ) -> None:  # fmt: skip
        self.root, self.recipe, self.load_parent, self.batches = root, recipe, load_parent, batches
        self.checkpoint_interval, self.observer, self.most_models = checkpoint_interval, observer, most_models
        self.waiting = sorted(segments, key=_is_pruned)  # a dense trunk first: others rewind to states on it
        self.live: list[LiveSegment] = []
        self.own_keys = {segment.key for segment in segments}
        self.ended: dict[str, TrainState] = {}

    def run(self) -> None:
        """Train everything that can be trained."""
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
        """Begin every segment that starts now; the state it continues has ended already, or is stored."""
        for segment in [segment for segment in self.waiting if segment.start == now]:
            if segment.parent in self.own_keys and segment.parent not in self.ended:
                continue  # its parent starts and ends here without updates, or waits itself
            if len(self.live) == self.most_models:
                break
            self.waiting.remove(segment)
            try:
                state = None
                if segment.parent is not None:
                    state = self._state(segment.parent)
                self.live.append(LiveSegment(segment, LiveModel(self.recipe, state), self._anchor))
            except Exception as error:
                self._fail(segment, error)
        still_needed = {segment.parent for segment in self.waiting}
        for segment in (*self.waiting, *(each.segment for each in self.live)):
            still_needed.update(segment.anchors(self.root))
        self.ended = {key: state for key, state in self.ended.items() if key in still_needed}

    def _state(self, key: str) -> TrainState:
        return self.ended.get(key) or self.load_parent(key)

    def _anchor(self, event: PruneEvent) -> TrainState | None:
        """Give the dense state to which an event rewinds the weights, if it does."""
        if event.rewind != "weights":
            return None
        key = anchor_key(self.root, event)
        return self._state(key) if key else self.recipe.initial_state()

    def _finish(self, now: int) -> bool:
        ending = [each for each in self.live if each.segment.stop == now]
        for each in ending:
            self.live.remove(each)
            try:
                each.prune_if_due(at_end=True)
                state = each.model.snapshot()
                self.observer.finished(each, state)
            except Exception as error:  # the method's part of a state is its own code, and may not be writable
                self._fail(each.segment, error)
            else:
                self.ended[each.segment.key] = state
        return bool(ending)

    def _next_stop(self, now: int) -> int:
        checkpoint = (now // self.checkpoint_interval + 1) * self.checkpoint_interval
        starts = [segment.start for segment in self.waiting if segment.start > now]
        return min([checkpoint, *starts, *(each.segment.stop for each in self.live)])

    def _drop_failed(self) -> None:
        for each in [each for each in self.live if each.error is not None]:
            self.live.remove(each)
            self._fail(each.segment, each.error)

    def _fail(self, segment: Segment, error: BaseException | str | None) -> None:
        """Report a failed segment and everything below it, which can no longer be trained."""
        self.observer.failed(segment, error if isinstance(error, str) else _traceback(error))
        for child in [child for child in self.waiting if child.parent == segment.key]:
            self.waiting.remove(child)
            self._fail(child, error)

    def _save_checkpoints(self, step: int) -> None:
        if step % self.checkpoint_interval or not self.observer.checkpoint_due():
            return
        for each in list(self.live):
            if each.segment.start < step < each.segment.stop:
                try:
                    self.observer.checkpoint(self.root, each, each.model.snapshot())
                except Exception as error:
                    self.live.remove(each)
                    self._fail(each.segment, error)


def _is_pruned(segment: Segment) -> bool:
    return bool(segment.applied or segment.events)


def _traceback(error: BaseException | None) -> str:
    return "".join(traceback.format_exception(error)) if error else "unknown error"
