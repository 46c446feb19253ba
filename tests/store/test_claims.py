"""Claims: one holder at a time, none after death, taken over only when a lease is over, and fenced off after that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from benchmark.store import claim as claim_files
from benchmark.store.claim import Claim, Holder, holder_of, read_holder, taken, this_boot, try_claim
from benchmark.store.claims import ClaimLostError, Claims, at_work_in, evaluation_claim, tree_claim
from benchmark.store.collector import adopt_leftovers
from benchmark.store.layout import Home
from benchmark.store.lock import at_work, only_one
from benchmark.store.state_store import Store
from tests.executors.warm import Notes, wait_until
from tests.store.test_state_store import KEY, fill

TREE = tree_claim("0123456789ab" * 4)
HOLD = (
    "import sys, time; from pathlib import Path; from benchmark.store.claim import try_claim\n"
    "claim = try_claim(Path(sys.argv[1]), 'simclr on digits-1.0'); print('held', flush=True); time.sleep(600)"
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def from_elsewhere(path: Path, **changes: Any) -> None:
    """Write a claim as a dispatcher of another machine would, whose lock this one does not see."""
    path.parent.mkdir(parents=True, exist_ok=True)
    holder = {"what": "vicreg on digits-1.0", "pid": 7, "host": "node7", "boot": "0" * 12, "token": "theirs"}
    path.write_text(json.dumps(holder | changes))


def test_a_claim_has_one_holder_who_is_named_and_leaves_nothing(home: Home) -> None:
    path = home.claims / TREE
    claim = try_claim(path, "simclr on digits-1.0")
    assert isinstance(claim, Claim)
    assert str(try_claim(path, "other")) == f"pid {os.getpid()} (simclr on digits-1.0)"
    assert str(holder_of(path)) == f"pid {os.getpid()} (simclr on digits-1.0)"
    claim.release()
    assert not path.exists()
    assert holder_of(path) is None
    again = try_claim(path, "other")
    assert isinstance(again, Claim)
    again.release()
    again.release()


def test_a_killed_process_holds_no_claim(home: Home) -> None:
    path = home.claims / TREE
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == b"held\n"
        assert str(try_claim(path, "other", {})) == f"pid {holder.pid} (simclr on digits-1.0)"
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    claim = try_claim(path, "other", {})
    assert isinstance(claim, Claim)
    claim.release()


def test_many_that_want_a_claim_at_the_same_time_hold_it_one_after_another(home: Home) -> None:
    """Its file is removed and made again all the time, which must let no two through."""
    inside, most = [0], list[int]()

    def want() -> None:
        for _ in range(30):
            while isinstance(claim := try_claim(home.claims / TREE, "x"), Holder):
                time.sleep(0)
            inside[0] += 1
            most.append(inside[0])
            inside[0] -= 1
            claim.release()

    threads = [threading.Thread(target=want) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 180


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"pid": "x"}', b"[" * 5000,
                                     b'{"what": "", "pid": 1e999, "host": "", "boot": "", "token": ""}'])
def test_a_claim_whose_file_makes_no_sense_is_taken(home: Home, content: bytes) -> None:
    path = home.claims / TREE
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    claim = try_claim(path, "x", {})
    assert isinstance(claim, Claim)
    claim.release()


def test_another_machines_claim_is_taken_only_when_it_has_stood_still_for_a_whole_lease(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the file system has no locks across machines, both would hold it; their clocks may differ by anything."""
    path, seen, now = home.claims / TREE, dict[Path, tuple[str, int, float]](), [1000.0]
    from_elsewhere(path)
    monkeypatch.setattr(claim_files.time, "monotonic", lambda: now[0])
    os.utime(path, (1, 1))  # their clock says 1970
    for step, renewed in ((0.0, False), (59.0, True), (59.0, False), (59.0, False)):
        now[0] += step
        if renewed:
            os.utime(path, (2, 2))
        found = try_claim(path, "x", seen)
        assert isinstance(found, Claim) == (now[0] == 1000.0 + 3 * 59), (step, found)
    assert read_holder(path).boot == this_boot()


def test_after_a_restart_of_the_machine_nobody_waits_for_what_was_at_work_before(home: Home) -> None:
    """Each claim of then was waited for, a whole lease long, and nobody was alone."""
    alone = list[str]()
    for name in (TREE, evaluation_claim("1" * 16)):
        from_elsewhere(home.claims / name, is_local=True)  # another name of a boot, and no lock
    assert at_work_in(home) == []
    with at_work(home, "simclr on digits-1.0", lambda _: None, lambda: alone.append("alone")) as claims:
        assert [claims.try_take(name) for name in (TREE, evaluation_claim("1" * 16))] == [None, None]
    assert alone == ["alone"]


def test_what_the_restarted_machine_holds_again_is_not_taken(home: Home) -> None:
    path = home.claims / TREE
    claim = try_claim(path, "x")
    assert isinstance(claim, Claim)
    from_elsewhere(path, is_local=True)
    assert isinstance(try_claim(path, "y", {}), Holder)
    assert holder_of(path) is not None
    claim.release()


def test_a_claim_of_a_client_of_this_machine_keeps_its_lease_and_one_of_this_machine_is_kept_by_its_clients(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server of NFS has the home on a disk of its own, and sees no lock that its clients take."""
    client, server = home.claims / "tree-a", home.claims / "tree-b"
    from_elsewhere(client)
    assert isinstance(try_claim(client, "x", {}), Holder)
    from_elsewhere(server, is_local=True)
    monkeypatch.setattr(claim_files, "is_local", lambda _: False)
    assert isinstance(try_claim(server, "x", {}), Holder)


def test_leases_of_many_claims_are_waited_for_together(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a network file system the first call after a restart waited for its evaluation, and then for its trees."""
    now = [1000.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(claim_files.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(claim_files.time, "sleep", sleep)
    names = [evaluation_claim("1" * 16), "tree-a", "tree-b"]
    for name in names:
        from_elsewhere(home.claims / name)
    with Claims(home, "x") as claims:
        claims.wait_for(names[0], lambda _: None)
        ended = now[0]
        assert list(claims.in_turns(names[1:], lambda _: None)) == [{"tree-a", "tree-b"}]
    assert ended - 1000.0 >= claim_files.LEASE_S
    assert now[0] - ended < 1.0


def test_who_was_taken_over_publishes_nothing_and_removes_nothing(home: Home, tmp_path: Path) -> None:
    with Claims(home, "simclr on digits-1.0") as claims:
        assert claims.try_take(TREE) is None
        store = Store(home.segments, claims.demand)
        store.publish(KEY, fill(tmp_path / "a" / KEY))
        assert store.has(KEY)
        from_elsewhere(home.claims / TREE)
        other = "b" * 64
        with pytest.raises(ClaimLostError, match=r"pid 7 on node7 \(vicreg on digits-1.0\).*run the same"):
            store.publish(other, fill(tmp_path / "b" / other, other))
        assert not store.has(other)
        with pytest.raises(ClaimLostError):
            store.drop_method_state(KEY)
        assert store.has(KEY, resumable=True)
    assert read_holder(home.claims / TREE).token == "theirs"
    assert [path.name for path in home.segments.iterdir()] == [KEY[:2]]


def test_removed_claims_are_lost_too(home: Home) -> None:
    with Claims(home, "x") as claims:
        claims.try_take(TREE)
        claims.demand()
        (home.claims / TREE).unlink()
        with pytest.raises(ClaimLostError, match="went to nobody"):
            claims.demand()


def test_a_lease_is_renewed_while_its_holder_lives(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim_files, "RENEW_S", 0.01)
    with Claims(home, "x") as claims:
        claims.try_take(TREE)
        path = home.claims / TREE
        os.utime(path, (1, 1))
        wait_until(lambda: path.stat().st_mtime > 1)
    assert not path.exists()


def test_trees_of_others_are_waited_for_last_and_never_while_something_is_held(home: Home) -> None:
    """Two dispatchers that share two trees would wait for each other for ever if each kept one."""
    notes, turns = Notes(), list[frozenset[str]]()
    with Claims(home, "simclr on digits-1.0") as first, Claims(home, "simclr on other-1.0") as second:
        first.try_take("tree-b")
        for turn in second.in_turns(["tree-a", "tree-b", "tree-a"], notes.stage):
            turns.append(turn)
            if "tree-a" in turn:
                threading.Timer(0.3, first.release, ["tree-b"]).start()
                assert first.try_take("tree-a") is not None
        assert turns == [{"tree-a"}, {"tree-b"}]
        assert notes.stages == [f"waiting: pid {os.getpid()} (simclr on digits-1.0) trains the same seeds"]
        assert [first.try_take(name) for name in ("tree-a", "tree-b")] == [None, None]


def test_a_tree_that_another_has_borrowed_for_a_moment_comes_in_the_same_turn(home: Home) -> None:
    with Claims(home, "simclr on digits-1.0") as first, Claims(home, "simclr on other-1.0") as second:
        first.try_take("tree-b")
        threading.Timer(0.02, first.release, ["tree-b"]).start()
        assert next(second.in_turns(["tree-a", "tree-b"], lambda _: None)) == {"tree-a", "tree-b"}


def test_jobs_of_a_living_dispatcher_are_not_adopted_and_those_of_a_dead_one_are(home: Home) -> None:
    for folder in ("aaaaaaaaaaaa-1", "bbbbbbbbbbbb-2", "bbbbbbbbbbbb-control-3"):
        (home.jobs / folder).mkdir(parents=True)
    with Claims(home, "x") as living, Claims(home, "y") as other:
        living.try_take(tree_claim("a" * 64))
        adopt_leftovers(home, Store(home.segments), other)
        assert [path.name for path in home.jobs.iterdir()] == ["aaaaaaaaaaaa-1"]
    adopt_leftovers(home, Store(home.segments))
    assert list(home.jobs.iterdir()) == []


def test_dispatchers_share_a_home_and_what_removes_things_waits_for_all(home: Home) -> None:
    notes, order = Notes(), list[str]()

    def remove() -> None:
        with only_one(home, notes.stage):
            order.append("removed")

    with at_work(home, "simclr on digits-1.0", notes.stage, lambda: order.append("alone")) as first:
        first.wait_for(evaluation_claim("0" * 16), notes.stage)
        with at_work(home, "vicreg on digits-1.0", notes.stage, lambda: order.append("not alone")) as second:
            second.wait_for(evaluation_claim("1" * 16), notes.stage)
            assert [each.what for each in at_work_in(home) or []] == ["simclr on digits-1.0", "vicreg on digits-1.0"]
            assert notes.stages == []
            thread = threading.Thread(target=remove)
            thread.start()
            wait_until(lambda: notes.stages)
            order.append("first")
    thread.join()
    assert order == ["alone", "first", "removed"]
    assert at_work_in(home) == []


def test_a_second_command_of_the_same_evaluation_waits_and_says_for_whom(home: Home) -> None:
    notes, name = Notes(), evaluation_claim("0" * 16)
    with Claims(home, "simclr on digits-1.0") as first, Claims(home, "simclr on digits-1.0") as second:
        first.wait_for(name, notes.stage)
        thread = threading.Thread(target=second.wait_for, args=(name, notes.stage))
        thread.start()
        wait_until(lambda: notes.stages)
        first.release(name)
        thread.join()
        assert second.try_take(name) is None
        assert first.try_take(name) is not None
    assert notes.stages == [f"waiting: pid {os.getpid()} (simclr on digits-1.0) is at work on the same"]


def test_a_state_that_another_process_changes_at_this_moment_is_not_called_damaged(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dropping a part of a state between two looks of another dispatcher moved an intact state away."""
    Store(home.segments).publish(KEY, fill(tmp_path / KEY))
    reader, judge = Store(home.segments), Store._damage  # pyright: ignore[reportPrivateUsage]
    looks: list[str | None] = []

    def look(self: Store, key: str) -> str | None:
        looks.append("method.pt: no such file or directory" if not looks else judge(self, key))
        return looks[-1]

    monkeypatch.setattr(Store, "_damage", look)
    assert reader.has(KEY)
    assert looks == ["method.pt: no such file or directory", None]
    assert not home.damaged.exists()


def test_who_waits_for_a_short_claim_is_told(home: Home) -> None:
    notes = Notes()
    claim = try_claim(home.claims / "mlflow", "simclr on digits-1.0")
    assert isinstance(claim, Claim)
    threading.Timer(0.5, claim.release).start()
    with taken(home.claims / "mlflow", "x", notes.stage):
        pass
    assert notes.stages == [f"waiting for pid {os.getpid()} (simclr on digits-1.0)"]


def test_a_dispatcher_of_another_machine_whose_lock_is_not_seen_is_not_taken_for_gone(home: Home) -> None:
    """Its jobs and its half-made answer were removed, and its submission was blamed for what that broke."""
    notes, alone = Notes(), list[str]()
    from_elsewhere(home.claims / evaluation_claim("1" * 16))
    with at_work(home, "simclr on digits-1.0", notes.stage, lambda: alone.append("alone")):
        assert alone == []
    os.utime(home.claims / evaluation_claim("1" * 16), (1, 1))
    with at_work(home, "simclr on digits-1.0", notes.stage, lambda: alone.append("alone")):
        assert alone == ["alone"]


def test_a_claim_from_the_future_is_no_sign_of_life(home: Home) -> None:
    path = home.claims / evaluation_claim("1" * 16)
    from_elsewhere(path)
    assert at_work_in(home) != []
    os.utime(path, (time.time() + 3.2e7, time.time() + 3.2e7))
    assert at_work_in(home) == []


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_is_no_file_is_refused_and_left_as_it_is(kind: str, home: Home, tmp_path: Path) -> None:
    path, target = home.claims / TREE, tmp_path / "target"
    path.parent.mkdir(parents=True)
    target.write_text("somebody's")
    make = {"link": lambda: path.symlink_to(target), "pipe": lambda: os.mkfifo(path), "folder": path.mkdir}
    make[kind]()
    with pytest.raises(OSError, match=r"expected a regular file|symbolic links|directory"):
        try_claim(path, "x", {})
    assert target.read_text() == "somebody's"


def test_what_a_claim_says_of_itself_is_printed_without_control_characters() -> None:
    assert "\x1b" not in str(Holder("\x1b[2J", 1, "\x1b", "", ""))
