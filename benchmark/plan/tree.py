"""The radix tree of event lists: runs are trained as one as long as they have pruned alike.

Which states exist already is the store's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from pydantic import BaseModel, ConfigDict

from benchmark.plan.events import PruneEvent
from benchmark.plan.state_keys import state_key


class Segment(BaseModel):
    """A stretch of training that every run below it in the tree shares."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    key: str
    """Key of the state it ends in."""
    parent: str | None
    """Key of the state it starts from; None for the initial state of the seed."""
    start: int
    """Number of updates made before it."""
    stop: int
    """Number of updates made when it ends; equal to `start` where only events separate two states."""
    applied: tuple[PruneEvent, ...]
    """Events that the parent state has behind it."""
    events: tuple[PruneEvent, ...]
    """Events of this segment, at steps in [start, stop), or at `stop` where the run ends."""
    is_leaf: bool
    """Whether a run ends here."""

    @property
    def num_steps(self) -> int:
        """Number of updates made in this segment."""
        return self.stop - self.start

    @property
    def is_derivable(self) -> bool:
        """Whether it begins with an event: the mask after it can then be derived from the stored parent state."""
        return bool(self.events) and self.events[0].step == self.start

    def key_at(self, root: str, step: int) -> str:
        """Return the key of the state inside this segment after `step` updates, before any event at `step`."""
        return state_key(root, (*self.applied, *(event for event in self.events if event.step < step)), step)

    def anchors(self, root: str) -> tuple[str, ...]:
        """Return the keys of the stored states to which events of this segment rewind the weights.

        The initial state is not among them, because it can be built.
        """
        return tuple(key for event in self.events if (key := anchor_key(root, event)) is not None)

    def from_checkpoint(self, root: str, step: int) -> Segment:
        """Return the rest of this segment, continued from its state after `step` updates."""
        done = tuple(event for event in self.events if event.step < step)
        rest = self.events[len(done) :]
        return Segment(
            key=self.key, parent=self.key_at(root, step), start=step, stop=self.stop, applied=(*self.applied, *done),
            events=rest, is_leaf=self.is_leaf,
        )  # fmt: skip


def anchor_key(root: str, event: PruneEvent) -> str | None:
    """Return the key of the dense state to which an event rewinds the weights.

    Returns:
        None where the event rewinds no weights, or rewinds them to the initial state.
    """
    return state_key(root, (), event.rewind_to) if event.rewind == "weights" and event.rewind_to else None


def build_tree(root: str, runs: Iterable[tuple[PruneEvent, ...]], total_steps: int) -> tuple[Segment, ...]:
    """Arrange the event lists of one seed as a radix tree.

    Args:
        root: the seed's root key.
        runs: event lists, each with increasing steps; equal lists become one leaf.
        total_steps: updates of every run.

    Returns:
        Segments, parents before children. Every distinct run ends in exactly one segment with `is_leaf`.
    """
    runs = sorted(set(runs), key=_order)
    cuts = {event.rewind_to or 0 for run in runs for event in run if event.rewind == "weights"}
    uncut = _grow(root, runs, total_steps, parent=None, start=0, applied=())
    return tuple(piece for segment in uncut for piece in _cut(root, segment, sorted(cuts)))


def for_another_seed(segments: Iterable[Segment], root: str) -> tuple[Segment, ...]:
    """Return the tree of another seed: nothing but keys differs, because all seeds prune alike.

    Args:
        segments: the tree of any seed, from `build_tree`.
        root: the other seed's root key.
    """
    keys: dict[str | None, str | None] = {None: None}
    found: list[Segment] = []
    for segment in segments:
        key = keys[segment.key] = state_key(root, (*segment.applied, *segment.events), segment.stop)
        found.append(segment.model_copy(update={"key": key, "parent": keys[segment.parent]}))
    return tuple(found)


def path_to(segments: Iterable[Segment], key: str) -> tuple[Segment, ...]:
    """Return the segments from the beginning of training to the one that ends in the state `key`."""
    by_key = {segment.key: segment for segment in segments}
    path: list[Segment] = []
    end: str | None = key
    while end is not None:
        path.append(by_key[end])
        end = path[-1].parent
    return tuple(reversed(path))


def checkpoint_steps(segment: Segment, interval: int) -> range:
    """List the steps strictly inside a segment where a state may have been saved."""
    return range((segment.start // interval + 1) * interval, segment.stop, interval)


def segments_left(
    segments: Iterable[Segment], root: str, interval: int, wanted: Iterable[str], is_there: Callable[[str, bool], bool]
) -> list[Segment]:
    """Return what has to be trained so that the wanted states are there, parents before children.

    A segment whose end is there is needed again only where something missing has to continue from it and it cannot be
    trained on. A segment of which a checkpoint is there starts from the latest one.

    Args:
        segments: of one seed, parents before children.
        root: the seed's root key.
        interval: steps between the positions where checkpoints may have been taken.
        wanted: keys of states in which segments end.
        is_there: returns whether the state of a key is there, and can be trained on if the second argument says so.
    """
    segments = tuple(segments)
    by_key = {segment.key: segment for segment in segments}
    needed: dict[str, Segment] = {}

    def need(segment: Segment, resumable: bool) -> None:
        if segment.key in needed or is_there(segment.key, resumable):
            return
        rest = _from_latest_checkpoint(segment, root, interval, is_there)
        needed[segment.key] = rest
        for continued in (rest.parent, *rest.anchors(root)):
            if continued in by_key:
                need(by_key[continued], True)

    for key in wanted:
        need(by_key[key], False)
    return [needed[segment.key] for segment in segments if segment.key in needed]


def _from_latest_checkpoint(
    segment: Segment, root: str, interval: int, is_there: Callable[[str, bool], bool]
) -> Segment:  # fmt: skip
    for step in reversed(checkpoint_steps(segment, interval)):
        if is_there(segment.key_at(root, step), True):
            return segment.from_checkpoint(root, step)
    return segment


def _cut(root: str, segment: Segment, steps: Sequence[int]) -> Iterator[Segment]:
    """Cut a dense segment at `steps`, to which weights are rewound, so that the states there are kept.

    Cuts change no key.
    """
    for step in steps:
        before_events = not segment.applied and all(event.step >= step for event in segment.events)
        if before_events and segment.start < step < segment.stop:
            rest = segment.from_checkpoint(root, step)
            yield Segment(
                key=segment.key_at(root, step), parent=segment.parent, start=segment.start, stop=step, applied=(),
                events=(), is_leaf=False,
            )  # fmt: skip
            segment = rest
    yield segment


def _order(events: tuple[PruneEvent, ...]) -> list[str]:
    """Return a sort key of every field: sets have another order in every process, and trees must not."""
    return [f"{event.step:012d} {event.model_dump_json()}" for event in events]


def _grow(
    root: str, rests: Sequence[tuple[PruneEvent, ...]], total_steps: int, *, parent: str | None, start: int,
    applied: tuple[PruneEvent, ...],
) -> Iterator[Segment]:  # fmt: skip
    """Yield the segments of runs that have the `applied` events in common, parents before children.

    Args:
        root: the seed's root key.
        rests: per run, the events that are not applied yet; all different.
        total_steps: number of updates of every run.
        parent: key of the state in which the runs part from others; None at the beginning.
        start: number of updates made in that state.
        applied: events applied in that state.
    """
    shared = _common_prefix(rests)
    rests = [rest[len(shared) :] for rest in rests]
    done = (*applied, *shared)
    is_leaf = len(rests) == 1
    stop = total_steps if is_leaf else min(rest[0].step for rest in rests if rest)
    key = state_key(root, done, stop)
    ends_here = is_leaf or (stop == total_steps and () in rests)
    yield Segment(key=key, parent=parent, start=start, stop=stop, applied=applied, events=shared, is_leaf=ends_here)
    if is_leaf:
        return
    branches: dict[PruneEvent | None, list[tuple[PruneEvent, ...]]] = {}
    for rest in rests:
        branches.setdefault(rest[0] if rest and rest[0].step == stop else None, []).append(rest)
    for event, branch in branches.items():
        if event is None and ends_here and branch == [()]:
            continue  # the unpruned run ends in the very state where the others branch off
        yield from _grow(root, branch, total_steps, parent=key, start=stop, applied=done)


def _common_prefix(lists: Sequence[tuple[PruneEvent, ...]]) -> tuple[PruneEvent, ...]:
    """Return the events with which all lists begin."""
    shared: list[PruneEvent] = []
    for column in zip(*lists, strict=False):
        if any(event != column[0] for event in column):
            break
        shared.append(column[0])
    return tuple(shared)
