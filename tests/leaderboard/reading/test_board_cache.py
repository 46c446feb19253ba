"""What an index remembers is what reading afresh gives, and nothing gets past a signature through it."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmark.recording.archive import outcomes_path, signature_path
from benchmark.recording.record import Failure
from benchmark.recording.signature import sign
from benchmark.recording.signing_keys import SigningKey, signing_key
from benchmark.recording.trust import Signer, Trust, load_trust
from benchmark.recording.verify import Sealed, open_sealed, unseal
from leaderboard.board.board import Board, Condensed, assemble, condense
from leaderboard.reading import board_cache as index
from leaderboard.reading import record_store
from leaderboard.reading.board_cache import BoardCache
from tests.leaderboard.records import HOSTILE_NAMES, Knobs, add_outcomes, evaluation, shelve, write_signed

FAILED = {("late", 0.9, 1): Failure(reason="out_of_memory", message="<b>2 GiB</b>")}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three records, an own cache folder that does not exist yet."""
    monkeypatch.setenv("FMN_CACHE", str(tmp_path / "cache"))
    names = [Knobs("simclr"), Knobs("supcon", failures=FAILED), Knobs(HOSTILE_NAMES[0], description=HOSTILE_NAMES[1])]
    shelve(tmp_path / "home", *map(evaluation, names))
    return tmp_path / "home"


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Digests of the records that were parsed, as it happens."""
    found: list[str] = []

    def note(sealed: Sealed) -> object:
        found.append(sealed.statement.record_sha256)
        return unseal(sealed)

    monkeypatch.setattr(index, "unseal", note)
    return found


def _serve(home: Path, trust: Trust | None = None) -> tuple[Board, list[record_store.Rejected]]:
    """Open a store as a new server does."""
    known, trust = BoardCache.of([home]), trust or load_trust()
    taken = [_take(known, stamp.path, trust) for stamp in record_store.stamps([home])]
    known.save()
    rejected = [each for each in taken if isinstance(each, record_store.Rejected)]
    return assemble(each for each in taken if isinstance(each, Condensed)), rejected


def _take(known: BoardCache, path: str, trust: Trust) -> Condensed | record_store.Rejected:
    return record_store.read_as(Path(path), trust, lambda sealed: known.condensed(path, sealed))


def _afresh(home: Path) -> Board:
    """Open a store without any index."""
    read = {stamp.path: record_store.read(Path(stamp.path), load_trust()) for stamp in record_store.stamps([home])}
    good = {path: each for path, each in read.items() if not isinstance(each, record_store.Rejected)}
    return assemble(condense(path, each.record, each.signer) for path, each in good.items())


def _assert_same(first: Board, second: Board) -> None:
    assert first.entries == second.entries
    assert list(first.entries) == list(second.entries)
    pd.testing.assert_frame_equal(first.numbers, second.numbers, check_exact=True)
    pd.testing.assert_frame_equal(first.seeds, second.seeds, check_exact=True)


def _records(home: Path) -> list[Path]:
    return sorted(home.glob("records/*/*.json"))


def _file(home: Path) -> Path:
    (found,) = (home.parent / "cache").iterdir()
    return found


def test_a_new_server_parses_nothing_and_has_exactly_the_board_of_reading_afresh(home: Path, parsed: list[str]) -> None:
    _assert_same(_serve(home)[0], _afresh(home))
    assert len(parsed) == 3
    parsed.clear()
    board, rejected = _serve(home)
    _assert_same(board, _afresh(home))
    assert (parsed, rejected) == ([], [])
    assert len(board.numbers) > 100
    assert HOSTILE_NAMES[0] in board.names_by_age


def test_a_changed_record_is_read_again_and_only_that_one(home: Path, parsed: list[str]) -> None:
    _serve(home)
    parsed.clear()
    path = _records(home)[0]
    write_signed(path, evaluation(Knobs("simclr", dense=0.5)))
    board, _ = _serve(home)
    assert parsed == [hashlib.sha256(path.read_bytes()).hexdigest()]
    _assert_same(board, _afresh(home))


def test_a_record_changed_after_signing_is_refused_although_its_old_content_is_known(home: Path) -> None:
    _serve(home)
    path = _records(home)[0]
    path.write_bytes(path.read_bytes().replace(b"simclr", b"simCLR"))
    board, rejected = _serve(home)
    assert [each.why for each in rejected] == ["the record was changed after signing"]
    assert str(path) not in board.entries


def test_known_content_without_its_signature_is_not_shown(home: Path, parsed: list[str]) -> None:
    _serve(home)
    parsed.clear()
    first, second, _ = _records(home)
    signature_path(first).unlink()
    signature_path(second).write_bytes(signature_path(second).read_bytes()[:-2] + b"}}")
    board, rejected = _serve(home)
    assert [each.path for each in rejected] == [str(first), str(second)]
    assert (len(board.entries), parsed) == (1, [])


def test_a_record_disappears_with_the_trust_in_its_signer_and_returns_with_it(home: Path, parsed: list[str]) -> None:
    trust = load_trust()
    assert len(_serve(home, trust)[0].entries) == 3
    board, rejected = _serve(home, Trust({}))
    assert (len(board.entries), len(rejected)) == (0, 3)
    assert all("not trusted here" in each.why for each in rejected)
    parsed.clear()
    assert len(_serve(home, trust)[0].entries) == 3
    assert len(parsed) == 3  # what no board shows is not kept


def test_known_content_signed_by_somebody_else_is_shown_as_theirs(home: Path, parsed: list[str]) -> None:
    _serve(home)
    parsed.clear()
    stranger = SigningKey("unisolated", Ed25519PrivateKey.generate())
    path = _records(home)[0]
    write_signed(path, evaluation(Knobs("simclr")), stranger)
    assert len(_serve(home)[0].entries) == 2
    signers = load_trust().signers
    owner = Signer("Lab B", stranger.public, frozenset({"unisolated"}))
    entry = _serve(home, Trust({**signers, stranger.public: owner}))[0].entries[str(path)]
    assert (entry.signed_by, entry.key_id) == ("Lab B", stranger.public.id)


def test_known_content_is_not_shown_where_its_key_is_not_trusted_any_more_for_its_day(home: Path) -> None:
    _serve(home)
    signers = {key: replace(signer, until="2001-01-01") for key, signer in load_trust().signers.items()}
    board, rejected = _serve(home, Trust(signers))
    assert not board.entries
    assert all("trusted for records until 2001-01-01 only" in each.why for each in rejected)
    assert len(rejected) == 3


def test_a_record_moved_elsewhere_is_found_under_its_new_path(home: Path, parsed: list[str]) -> None:
    _serve(home)
    parsed.clear()
    path = _records(home)[0]
    moved = path.with_name("moved.json")
    signature_path(path).rename(signature_path(moved))
    path.rename(moved)
    board, _ = _serve(home)
    _assert_same(board, _afresh(home))
    assert (str(moved) in board.entries, parsed) == (True, [])


def test_what_other_code_has_condensed_is_not_used(
    home: Path, parsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _serve(home)
    parsed.clear()
    monkeypatch.setattr(index, "made_by", lambda: b"other code")
    _assert_same(_serve(home)[0], _afresh(home))
    assert len(parsed) == 3
    _serve(home)
    assert len(parsed) == 3


def _cut(content: bytes) -> bytes:
    return content[:1000]


def _flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def _sealed_rubbish(content: bytes) -> bytes:
    rubbish = b"\xff" * len(content)
    return hashlib.sha256(index.made_by() + rubbish).digest() + rubbish


@pytest.mark.parametrize("damage", [_cut, _flip, _sealed_rubbish, lambda _: b""])
def test_a_damaged_index_is_ignored_and_made_again(
    home: Path, parsed: list[str], damage: Callable[[bytes], bytes]
) -> None:
    _serve(home)
    parsed.clear()
    good = _file(home).read_bytes()
    _file(home).write_bytes(damage(good))
    _assert_same(_serve(home)[0], _afresh(home))
    assert len(parsed) == 3
    assert len(BoardCache.of([home]).found) == 3


def test_a_forged_number_is_shown_neither_from_a_folder_nor_from_a_file_that_others_can_write(home: Path) -> None:
    _serve(home)
    known, (path, *_) = BoardCache.of([home]), _records(home)
    true = known.condensed(str(path), open_sealed(path, load_trust())).entry
    forged = {name: replace(each, entry=replace(each.entry, device_s=0.0)) for name, each in known.found.items()}
    replace(known, used=forged, written=frozenset()).save()
    assert _serve(home)[0].entries[str(path)].device_s == 0.0  # so the forgery itself is good
    for place in (_file(home), _file(home).parent):
        mode = place.stat().st_mode
        replace(known, used=forged, written=frozenset()).save()
        place.chmod(0o777)
        assert BoardCache.of([home]).found == {}
        assert _serve(home)[0].entries[str(path)] == true
        place.chmod(mode)


def test_an_index_is_never_kept_within_a_store(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FMN_CACHE", str(home / "cache"))
    (home / "cache").mkdir(mode=0o700)
    assert len(_serve(home)[0].entries) == 3
    assert list((home / "cache").iterdir()) == []


@pytest.mark.parametrize("place", ["/proc/cache", "a file"])
def test_a_cache_folder_that_cannot_be_made_harms_nobody(
    home: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home.parent / "a file").touch()
    monkeypatch.setenv("FMN_CACHE", str(home.parent / place))
    _assert_same(_serve(home)[0], _afresh(home))
    assert BoardCache.of([home]).found == {}


def test_a_disk_on_which_nothing_can_be_written_harms_nobody(
    home: Path, parsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _serve(home)
    before = _file(home).read_bytes()
    write_signed(_records(home)[0], evaluation(Knobs("simclr", dense=0.5)))

    def refuse(path: Path, content: bytes) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(index, "write_atomically", refuse)
    parsed.clear()
    _assert_same(_serve(home)[0], _afresh(home))
    _assert_same(_serve(home)[0], _afresh(home))
    assert len(parsed) == 2
    assert _file(home).read_bytes() == before


def test_only_records_that_are_still_there_are_kept(home: Path) -> None:
    _serve(home)
    size = _file(home).stat().st_size
    for path in _records(home)[1:]:
        path.unlink()
    _serve(home)
    assert len(BoardCache.of([home]).found) == 1
    assert _file(home).stat().st_size < size


def test_an_unchanged_index_is_not_written_again(home: Path) -> None:
    _serve(home)
    before = _file(home).stat()
    _serve(home)
    assert _file(home).stat().st_ino == before.st_ino
    assert (before.st_mode & 0o777, _file(home).parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_indexes_of_forgotten_stores_do_not_pile_up(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "MAX_FILES", 2)
    for number in range(4):
        shelve(home.parent / f"home-{number}", evaluation())
        _serve(home.parent / f"home-{number}")
    assert len(list((home.parent / "cache").iterdir())) == 2
    assert len(BoardCache.of([home.parent / "home-3"]).found) == 1


def test_a_record_whose_facts_would_not_come_back_is_read_again_every_time(home: Path, parsed: list[str]) -> None:
    path = _records(home)[0]
    record = evaluation(Knobs("simclr"))
    text = record.model_dump_json().replace('"train_s":210.0', '"train_s":1e999')
    write_text_signed(path, text)
    for _ in range(2):
        parsed.clear()
        _serve(home)
    assert parsed == [hashlib.sha256(path.read_bytes()).hexdigest()]


def test_a_seed_that_no_table_can_hold_is_a_reason_and_not_a_crash(home: Path) -> None:
    path = _records(home)[0]
    write_text_signed(path, evaluation(Knobs("simclr")).model_dump_json().replace('"seed":0', f'"seed":{2**80}'))
    board, rejected = _serve(home)
    assert [each.why for each in rejected] == ["expected seeds of at most 64 bits, got a larger one"]
    assert len(board.entries) == 2


def write_text_signed(path: Path, text: str) -> None:
    """Sign a record as it is spelled here."""
    attachments = {".parquet": "0" * 64}
    path.write_text(text)
    signature_path(path).write_bytes(sign(text.encode(), attachments, "none", signing_key("unisolated")))


def test_records_share_what_they_say_of_their_columns_when_parsed_and_when_remembered(home: Path) -> None:
    """It was 100 KiB in the memory of a server, and 20 KB in the index, for every record."""
    for _ in range(2):
        board, _ = _serve(home)
        first, *others = (entry.columns for entry in board.entries.values())
        assert len(others) == 2
        assert all(each is first for each in others)


def test_evidence_comes_back_as_it_was_read_and_is_found_when_its_file_comes_later(home: Path) -> None:
    """Without outcomes there is no evidence, and no server is stuck with that."""
    record = evaluation(Knobs("late-files", models=3))
    (path,) = shelve(home, record)
    signed = add_outcomes(path, record)
    hidden = path.with_suffix(".hidden")
    outcomes_path(path).rename(hidden)
    assert str(path) not in _serve(home)[0].evidence
    hidden.rename(outcomes_path(path))
    fresh, again = (_serve(home)[0].evidence[str(path)] for _ in range(2))
    assert signed.outcomes_sha256
    assert fresh.gaps == again.gaps
    assert (fresh.score.value, fresh.score.models, fresh.score.rest) == (
        again.score.value, again.score.models, again.score.rest
    )  # fmt: skip
    np.testing.assert_array_equal(fresh.score.images_N, again.score.images_N)


def test_what_an_index_holds_of_evidence_is_read_without_any_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = evaluation(Knobs("with-files", models=3))
    (path,) = shelve(home, record)
    add_outcomes(path, record)
    _serve(home)

    def refuse(kept: Condensed) -> Condensed:
        assert kept.entry.path != str(path)
        return kept

    monkeypatch.setattr(index, "with_evidence", refuse)
    assert str(path) in _serve(home)[0].evidence


def test_all_code_that_decides_what_is_kept_is_in_the_digest() -> None:
    """Costs, worst seeds and ranges once moved out of the listed files, and a cache of other code was believed."""
    program = (
        "import sys, leaderboard.reading.board_cache\n"
        "print(*sorted(name for name in sys.modules if name.startswith('leaderboard.')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "leaderboard.board.inference.costs" in loaded
    assert [name for name in loaded if name.split(".")[1] not in ("board", "reading")] == []
