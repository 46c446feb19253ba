"""A board is kept up to date by reading only what changed, and says the same as one that is read once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmark.recording.archive import signature_path
from benchmark.recording.signing_keys import SigningKey
from benchmark.recording.trust import Signer, Trust, load_trust
from benchmark.scoring.metric import Estimate
from leaderboard.reading import record_store
from leaderboard.reading.areas import SCORE_TOLERANCE
from leaderboard.reading.board_loader import BoardLoader, read_board
from tests.leaderboard.records import Knobs, add_outcomes, evaluation, shelve, write_signed


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the record files that were opened, as it happens."""
    found: list[str] = []
    real = record_store.open_sealed

    def note(path: Path, trust: Trust) -> object:
        found.append(path.name)
        return real(path, trust)

    monkeypatch.setattr(record_store, "open_sealed", note)
    return found


def test_only_changed_records_are_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: list[str]
) -> None:
    monkeypatch.setenv("FMN_CACHE", str(tmp_path / "cache"))
    home = tmp_path / "home"
    paths = shelve(home, evaluation(Knobs("a")), evaluation(Knobs("b")))
    loader, trust = BoardLoader(), load_trust()
    first = loader.load([home], trust)
    assert opened == ["0000.json", "0001.json"]
    assert loader.load([home], trust) is first
    write_signed(paths[1], evaluation(Knobs("b", dense=0.5)))
    second = loader.load([home], trust)
    assert opened == ["0000.json", "0001.json", "0001.json"]
    assert second.board.entries == read_board([home], trust).board.entries
    paths[0].unlink()
    assert {entry.name for entry in loader.load([home], trust).board.entries.values()} == {"b"}


@pytest.mark.parametrize("shift", [2e-6, -0.05, 5e-7])
def test_a_score_that_the_files_beside_a_record_do_not_give_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shift: float
) -> None:
    """T8: a trusted signer who writes another score was shown with it."""
    monkeypatch.setenv("FMN_CACHE", str(tmp_path / "cache"))
    home = tmp_path / "home"
    paths = shelve(home, honest := evaluation(Knobs("a", models=3)), evaluation(Knobs("b")))
    honest = add_outcomes(paths[0], honest)
    old = honest.summary["robustness/score"]
    score = Estimate(value=(old.value or 0.0) + shift)
    write_signed(paths[0], honest.model_copy(update={"summary": {**honest.summary, "robustness/score": score}}))
    for board in (read_board([home], load_trust()), *(BoardLoader().load([home], load_trust()) for _ in range(2))):
        if abs(shift) < SCORE_TOLERANCE:
            assert not board.rejected
            continue
        assert {entry.name for entry in board.board.entries.values()} == {"b"}
        (refused,) = board.rejected
        assert refused.path == str(paths[0])
        assert f"robustness score that the files beside it give, {old.value:.6f}, got {score.value:.6f}" in refused.why


def test_all_records_are_opened_again_when_the_trusted_keys_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: list[str]
) -> None:
    monkeypatch.setenv("FMN_CACHE", str(tmp_path / "cache"))
    shelve(tmp_path / "home", evaluation(Knobs("a")))
    loader = BoardLoader()
    assert len(loader.load([tmp_path / "home"], load_trust()).board.entries) == 1
    nobody = loader.load([tmp_path / "home"], Trust({}, ()))
    assert not nobody.board.entries
    assert len(nobody.rejected) == 1
    assert opened == ["0000.json", "0000.json"]


def test_a_record_with_the_evaluation_key_of_another_signer_hides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, home, stranger = tmp_path / "results", tmp_path / "home", Ed25519PrivateKey.generate()
    monkeypatch.setenv("FMN_RESULTS", str(results))
    first = evaluation(Knobs("first"))
    second = evaluation(Knobs("second", identity="other-1.0"))
    shelve(results, first)
    (path,) = shelve(home, second)
    key = SigningKey("unisolated", stranger)
    write_signed(path, second.model_copy(update={"evaluation_key": first.evaluation_key}), key)
    own = load_trust().signers
    trust = Trust({**own, key.public: Signer("Lab B", key.public, frozenset({"unisolated"}))})
    shown = read_board([home, results], trust).board.entries.values()
    assert {entry.name for entry in shown} == {"first", "second"}


def test_a_copy_of_a_record_is_listed_once_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FMN_CACHE", str(tmp_path / "cache"))
    home = tmp_path / "home"
    (path,) = shelve(home, evaluation(Knobs("a")))
    for file in (path, signature_path(path)):
        shutil.copyfile(file, file.with_stem("zzz"))
    for snapshot in (read_board([home], load_trust()), BoardLoader().load([home], load_trust())):
        assert list(snapshot.board.entries) == [str(path)]
        assert [(each.path, each.why) for each in snapshot.rejected] == [
            (str(path.with_stem("zzz")), f"a copy of {path}")
        ]
