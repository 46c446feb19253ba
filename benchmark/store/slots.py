"""Slots: one per core, or per share of a GPU, for all dispatchers of a home on one machine together.

Who starts a trainer takes a slot first. A slot belongs to a process, so that one that dies holds none. It refuses to
count jobs of a cluster, where the scheduler decides.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmark.store.claim import Claim, Seen, holder_of, stands_still, this_boot, try_claim
from benchmark.store.layout import Home

_POLL_S = 0.1
_RENEW_S = 1.0
ASLEEP_S = 5.0
"""Seconds after which who stands in line and has not looked for a slot (it was stopped, or is busy) is passed by."""


@dataclass(frozen=True)
class Place:
    """A core, or a share of a GPU.

    Attributes:
        name: of its slot.
        gpu: id of the GPU; None for a core.
    """

    name: str
    gpu: str | None = None


@dataclass(frozen=True)
class Slot:
    """A place that this process has."""

    claim: Claim
    gpu: str | None

    def release(self) -> None:
        """Give it back."""
        self.claim.release()


class Slots:
    """Takes slots for one dispatcher.

    First come, first served: who wants a slot draws a ticket, a claim whose name says when it was drawn, and waits for
    those with older ones. It gives its ticket back with every slot that it gets, so that a dispatcher with many seeds
    starts one of them and stands at the end of the line again. The ticket of a killed process is nobody's.

    Args:
        home: whose dispatchers share the places.
        places: that there are.
        what: this dispatcher is doing, for others to read.
        on_wait: called with a sentence for people when it has to wait.
    """

    def __init__(self, home: Home, places: Sequence[Place], what: str, on_wait: Callable[[str], None]) -> None:
        kind = "core" if all(place.gpu is None for place in places) else "share of a GPU"
        self._before = home.claims / f"slot-{this_boot()}-"
        self._line = self._path(f"next-{kind.replace(' ', '-')}-")
        self.places, self._kind, self._what, self._on_wait = tuple(places), kind, what, on_wait
        self._ticket: Claim | None = None
        self._renewed = 0.0
        self._seen: Seen = {}
        self._said = ""

    def try_take(self) -> Slot | None:
        """Take a slot; None where all are taken, or another dispatcher has waited for longer."""
        if self._ticket is None:
            drawn = f"{time.monotonic_ns():020d}-{uuid.uuid4().hex[:8]}"  # one clock for all processes of a machine
            ticket = try_claim(self._line.with_name(f"{self._line.name}{drawn}"), self._what)
            if not isinstance(ticket, Claim):
                return None  # another looks whose it is at this very moment
            self._ticket = ticket
        slot = None if self._ahead(self._ticket) else self._free()
        if slot is not None:
            self.give_way()
            self._said = ""
        elif time.monotonic() - self._renewed > _RENEW_S:
            self._ticket.renew()
            self._renewed = time.monotonic()
        return slot

    def _ahead(self, ticket: Claim) -> list[Path]:
        """List the older tickets of those who wait; those of killed processes are removed."""
        older = sorted(path for path in self._line.parent.glob(f"{self._line.name}*") if path.name < ticket.path.name)
        self._seen = {path: self._seen[path] for path in older if path in self._seen}
        ahead: list[Path] = []
        for path in older:
            holder = try_claim(path, self._what)
            if isinstance(holder, Claim):
                holder.release()
            elif not stands_still(path, holder, self._seen, ASLEEP_S):
                ahead.append(path)
        return ahead

    def _free(self) -> Slot | None:
        for place in self.places:
            found = try_claim(self._path(place.name), self._what)
            if isinstance(found, Claim):
                return Slot(found, place.gpu)
        return None

    def _path(self, name: str) -> Path:
        return self._before.with_name(f"{self._before.name}{name}")

    def say_for_whom(self) -> None:
        """Say who has the slots, where they are others than those last named."""
        paths = [self._path(place.name) for place in self.places]
        if self._ticket is not None:
            paths += self._ahead(self._ticket)  # one may be stopped, with all slots free
        found = {str(holder) for path in paths if (holder := holder_of(path))}
        who = ", ".join(sorted(found))
        if who and who != self._said:
            self._said = who
            self._on_wait(f"waiting for a {self._kind}: {who}")

    @contextmanager
    def several(self, most: int, on_wait: Callable[[], None]) -> Generator[int]:
        """Hold as many slots as are free, at least one and at most `most`; gives how many processes they are for.

        Args:
            most: how many processes are of use. Who has all shares of all GPUs may start as many: a scorer's processes
                share a GPU otherwise than trainers do.
            on_wait: called several times per second while there is none.
        """
        held: list[Slot] = []
        try:
            while (slot := self.try_take()) is None:
                self.say_for_whom()
                on_wait()
                time.sleep(_POLL_S)
            held.append(slot)
            while len(held) < most and (slot := self.try_take()) is not None:
                held.append(slot)
            self.give_way()  # others may have what becomes free from now on
            has_all_gpus = held[0].gpu is not None and len(held) == len(self.places)
            yield most if has_all_gpus else len(held)
        finally:
            for each in held:
                each.release()
            self.give_way()

    def give_way(self) -> None:
        """Leave the line."""
        ticket, self._ticket = self._ticket, None
        if ticket is not None:
            ticket.release()
