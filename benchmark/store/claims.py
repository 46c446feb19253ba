"""What one dispatcher claims of a home, with leases: its evaluation, and the trees of the seeds that it trains.

And, from the claims of all, who is at work in a home, and on which of its evaluations that have no record yet.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmark.files.bounded import read_regular
from benchmark.recording.status import (
    CLAIMS_FOLDER,
    EVALUATION_CLAIM,
    MAX_STATUS_BYTES,
    STATUS_FOLDER,
    EvaluationStatus,
    Unfinished,
)
from benchmark.spec import Problem, UserError
from benchmark.store import claim as claim_files
from benchmark.store.claim import Claim, Holder, Seen, holder_of, read_holder, stands_still, try_claim
from benchmark.store.layout import Home

logger = logging.getLogger(__name__)

_POLL_S = 0.1
_MAX_FILES = 200
_STATUS_NAME = re.compile(r"[0-9a-f]{16}")


class ClaimLostError(UserError):
    """Another dispatcher has taken over what this one had claimed: it must write nothing any more."""


def evaluation_claim(status: str) -> str:
    """Name the claim of an evaluation by its status."""
    return f"{EVALUATION_CLAIM}{status}"


def tree_claim(root: str) -> str:
    """Name the claim of a seed's tree by its root, or by the beginning of it that the folders of its jobs have."""
    return f"tree-{root[:12]}"


def tree_of_job(folder: str) -> str:
    """Name the claim of the tree to which a job belongs, by the name of the job's folder."""
    return tree_claim(folder.partition("-")[0])


class Claims:
    """The claims of a dispatcher, as a context; while it holds any, a thread renews their leases.

    Args:
        home: where.
        what: it is doing, for others to read.
    """

    def __init__(self, home: Home, what: str) -> None:
        self.what = what
        self._folder = home.claims
        self._held: dict[str, Claim] = {}
        self._seen: Seen = {}
        self._changing, self._ended = threading.Lock(), threading.Event()
        self._renewing: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._renewing is not None:
            self._renewing.join()
        for name in list(self._held):
            self.release(name)

    def try_take(self, name: str) -> Holder | None:
        """Take a claim; return who has it if another does, and None if it is this dispatcher's now."""
        if name in self._held:
            return None
        found = try_claim(self._folder / name, self.what, self._seen)
        if isinstance(found, Holder):
            return found
        with self._changing:
            self._held[name] = found
        if self._renewing is None:
            self._renewing = threading.Thread(target=self._renew, name="leases", daemon=True)
            self._renewing.start()
        return None

    def wait_for(self, name: str, on_wait: Callable[[str], None]) -> None:
        """Take a claim; where another has it, wait, and say for whom."""
        said: Holder | None = None
        looks = 0
        while (holder := self.try_take(name)) is not None:
            looks += 1
            if looks == 1:
                self._note_leases()
            if looks > 2 and holder != said:  # a leaderboard that looks holds it for a moment too
                said = holder
                on_wait(f"waiting: {holder} is at work on the same")
            time.sleep(_POLL_S)

    def _note_leases(self) -> None:
        """Begin to wait for all leases in the home at once: a machine that was restarted may have left many."""
        for path in self._folder.iterdir():
            with suppress(OSError):
                stands_still(path, read_holder(path), self._seen, claim_files.LEASE_S)

    def in_turns(self, names: Sequence[str], on_wait: Callable[[str], None]) -> Iterator[frozenset[str]]:
        """Yield claims as they become free until all had their turn; each is held until the next turn.

        It waits while it holds none of them, so that two dispatchers never wait for each other; only a moment, and once
        per turn, for what another has borrowed: a tree that is missed comes after the whole turn.
        """
        left, said = list(dict.fromkeys(names)), ""
        while left:
            others = {name: holder for name in left if (holder := self.try_take(name)) is not None}
            mine = frozenset(left) - others.keys()
            if mine and others:
                time.sleep(_POLL_S)
                mine |= {name for name in others if self.try_take(name) is None}
            if mine:
                yield mine
                for name in mine:
                    self.release(name)
                left = [name for name in left if name not in mine]
                continue
            who = ", ".join(sorted({str(holder) for holder in others.values()}))
            if who != said:
                said = who
                on_wait(f"waiting: {who} trains the same seeds")
            time.sleep(_POLL_S)

    @contextmanager
    def borrowed(self, name: str) -> Generator[bool]:
        """Hold a claim for a moment; gives whether that was possible. One that is held already stays so."""
        was_mine = name in self._held
        is_mine = self.try_take(name) is None
        try:
            yield is_mine
        finally:
            if is_mine and not was_mine:
                self.release(name)

    def demand(self) -> None:
        """Refuse to go on where a claim was lost; asked before anything is published.

        Raises:
            ClaimLostError: another has taken over, or the claims were removed.
        """
        for name, each in list(self._held.items()):
            if not each.is_held():
                got = f"{each.path.name} went to {holder_of(each.path) or 'nobody'}: this process stood still for long"
                advice = "nothing more is written; run the same command again to continue"
                raise ClaimLostError([Problem(name, "a claim that this process holds", f"{got}; {advice}")])

    def release(self, name: str) -> None:
        """Give a claim back."""
        with self._changing:
            self._held.pop(name).release()

    def _renew(self) -> None:
        while not self._ended.wait(claim_files.RENEW_S):
            with self._changing:
                for each in self._held.values():
                    try:
                        each.renew()
                    except OSError as error:  # a file system that is away; `demand` finds out what came of it
                        logger.debug("the lease of %s was not renewed: %s", each.path, error)


def at_work_in(home: Home) -> list[Holder] | None:
    """List the dispatchers that are at work in a home; None where that cannot be known."""
    try:
        found = [holder_of(path) for path in sorted(home.claims.glob(f"{EVALUATION_CLAIM}*"))]
    except OSError as error:
        logger.debug("it is not known who is at work in %s: %s", home.root, error)
        return None
    return [each for each in found if each is not None]


def read_unfinished(home: Path) -> list[Unfinished]:
    """Read the status of every evaluation in a home, running ones first, then the most recent; bad files are ignored.

    One is running while a process holds its claim.
    """
    try:
        paths = [path for path in islice((home / STATUS_FOLDER).iterdir(), _MAX_FILES) if _is_status(path)]
    except OSError as error:
        logger.debug("no status is read: %s", error)  # most often nothing was ever evaluated here
        return []
    found: list[Unfinished] = []
    for path in paths:
        try:
            status = EvaluationStatus.model_validate_json(read_regular(path, MAX_STATUS_BYTES))
        except (OSError, ValueError, RecursionError) as error:
            logger.debug("%s is passed over, for it is no status: %s", path, error)
            continue
        found.append(Unfinished(status, _is_claimed(home, path.stem)))
    return sorted(found, key=lambda each: (not each.is_running, -each.status.heard))


def _is_status(path: Path) -> bool:
    return path.suffix == ".json" and _STATUS_NAME.fullmatch(path.stem) is not None


def _is_claimed(home: Path, name: str) -> bool | None:
    """Return whether anybody holds the claim of an evaluation, by the name of its status; None where nobody can know.

    Asking holds the claim for a moment, shared, where it is free; so a dispatcher tries more than once to take it.
    """
    path = home / CLAIMS_FOLDER / evaluation_claim(name)
    try:
        return holder_of(path) is not None
    except OSError as error:  # it may not be opened, or the file system knows no locks
        logger.debug("it is not known who holds %s: %s", path, error)
        return None
