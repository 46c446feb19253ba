"""One flipped bit in any kind of stored file: no wrong number, no permanent failure, and the file is named or replaced.

Every kind of file is read by its cheapest door, bit by bit; then many files of all kinds are damaged at once, and one
evaluation makes everything whole again.
"""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmark.cli.recomputation import recompute_record
from benchmark.executors.described_machine import remembered_environment
from benchmark.files.sealed import read_sealed
from benchmark.recording.isolation import Role
from benchmark.recording.signing_keys import ROLES, key_path, signing_key
from benchmark.recording.tracking.address import database_path, is_projected, note_projected
from benchmark.recording.trust import load_trust
from benchmark.recording.verify import judge
from benchmark.scoring.reading.outcome_cache import read_outcome
from benchmark.spec import BenchmarkSpec, UserError
from benchmark.store.dataset_files import write_task_data
from benchmark.store.layout import Home
from benchmark.store.submission_copies import admit_a_copy
from leaderboard.reading.board_loader import BoardLoader, read_board
from tests.conftest import Evaluated
from tests.executors.warm import WarmExecutor, evaluate_warm, store_of

SEED = 2022


@dataclass(frozen=True)
class Setup:
    """A home of one's own in which everything is evaluated, read and projected, and what it is compared with."""

    root: Path
    evaluated: Evaluated
    spec: BenchmarkSpec
    submission: Path

    @property
    def record(self) -> Path:
        return self.root / self.evaluated.path.relative_to(self.evaluated.root)

    def files(self, pattern: str) -> list[Path]:
        return [path for path in sorted(self.root.glob(pattern)) if path.is_file()]


@pytest.fixture
def setup(
    evaluated: Evaluated, tiny_spec: BenchmarkSpec, plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Setup:
    monkeypatch.setenv("FMN_CACHE", str(tmp_path / "cache"))
    shutil.copytree(evaluated.root, tmp_path / "home")
    return Setup(tmp_path / "home", evaluated, tiny_spec, plain)


def flip(path: Path, rng: random.Random) -> bytes:
    """Flip one bit of a file; gives what it held before."""
    content = path.read_bytes()
    bit = rng.randrange(8 * len(content))
    path.write_bytes(content[: bit // 8] + bytes([content[bit // 8] ^ 1 << bit % 8]) + content[bit // 8 + 1 :])
    return content


def state_is_found_damaged(setup: Setup, path: Path, said: Callable[[], str]) -> bool:
    key = path.parent.name
    assert not store_of(setup.root).has(key)
    shutil.rmtree(setup.root / "damaged")
    shutil.copytree(setup.evaluated.root / path.parent.relative_to(setup.root), path.parent)
    return f"the state {key[:12]} is damaged" in said()


def state_proves_no_isolation(setup: Setup, path: Path, said: Callable[[], str]) -> bool:
    store, key = store_of(setup.root), path.parent.name
    assert store.has(key)
    assert store.isolation(key) == "none"
    return f"origin.json of the state {key[:12]}" in said()


def copy_is_repaired(setup: Setup, path: Path, said: Callable[[], str]) -> bool:
    admit_a_copy(setup.submission, Home(setup.root))
    return path.read_bytes() == (setup.submission / path.name).read_bytes()


def data_are_written_again(setup: Setup, path: Path, said: Callable[[], str]) -> bool:
    write_task_data(Home(setup.root), setup.spec.tasks[0])
    return path.read_bytes() == (setup.evaluated.root / path.relative_to(setup.root)).read_bytes()


def pictures_are_decoded_again(setup: Setup, path: Path, said: Callable[[], str]) -> bool:
    for _ in range(2):
        write_task_data(Home(setup.root), setup.spec.tasks[0])
    return said().count(f"{path.name} is damaged") == 1


def outcome_reads_as_absent(setup: Setup, path: Path, said: Callable[[], str]) -> bool:
    assert (read_outcome(path) if path.suffix == ".npz" else read_sealed(path)) is None
    return path.name in said()


def record_is_refused(setup: Setup, path: Path, said: Callable[[], str]) -> bool:
    board = read_board([setup.root], load_trust())
    return (
        judge(setup.record, load_trust()).problem != ""
        and bool(recompute_record(setup.record, load_trust()).problem)
        and not board.board.entries
        and [each.path for each in board.rejected] == [str(setup.record)]
    )


def attachment_is_named(setup: Setup, path: Path, said: Callable[[], str]) -> bool:
    assert read_board([setup.root], load_trust()).board.entries
    return path.name in judge(setup.record, load_trust()).problem


def note_counts_for_nothing(setup: Setup, path: Path, said: Callable[[], str]) -> bool:
    assert not is_projected(setup.record, setup.root)
    note_projected(setup.record, setup.root)
    return is_projected(setup.record, setup.root)


Door = Callable[[Setup, Path, Callable[[], str]], bool]

KINDS: dict[str, Door] = {
    "segments/*/*/encoder.safetensors": state_is_found_damaged,
    "segments/*/*/mask.safetensors": state_is_found_damaged,
    "segments/*/*/method.pt": state_is_found_damaged,
    "segments/*/*/report.json": state_is_found_damaged,
    "segments/*/*/manifest.json": state_is_found_damaged,
    "segments/*/*/origin.json": state_proves_no_isolation,
    "submissions/*/method.py": copy_is_repaired,
    "data/*/*labelled.safetensors": data_are_written_again,
    "data/decoded/*": pictures_are_decoded_again,
    "outcomes/*.npz": outcome_reads_as_absent,
    "outcomes/*.json": outcome_reads_as_absent,
    "answers/*": outcome_reads_as_absent,
    "records/*/*[0-9a-f].json": record_is_refused,
    "records/*/*.sig": record_is_refused,
    "records/*/*[0-9a-f].parquet": attachment_is_named,
    "records/*/*.maps.parquet": attachment_is_named,
    "records/*/*.areas.parquet": attachment_is_named,
    "projected/*": note_counts_for_nothing,
}
"""Files by pattern below the home, and what must be found when one of them with a flipped bit is read."""

PASSED_OVER = {
    ".lock": "is empty",
    "claims": "hold the names of who works",
    "artifacts": "copies for MLflow; nothing reads them",
    "mlflow.db": "has a test of its own",
    "logs": "hold no number",
    "submission.yaml": "is no part of the code; trainers do not read it",
    "__pycache__": "is removed before the copy is used",
}


def test_every_kind_of_stored_file_is_among_those_that_are_damaged_here(setup: Setup) -> None:
    known = {path for pattern in KINDS for path in setup.files(pattern)}
    others = [path.relative_to(setup.root) for path in setup.files("**/*") if path not in known]
    assert [str(path) for path in others if not set(path.parts) & PASSED_OVER.keys()] == []


@pytest.mark.parametrize("pattern", KINDS)
def test_a_flipped_bit_is_found_by_whatever_reads_the_file(
    pattern: str, setup: Setup, caplog: pytest.LogCaptureFixture
) -> None:
    rng, files = random.Random(f"{SEED} {pattern}"), setup.files(pattern)
    for path in rng.choices(files, k=8):
        caplog.clear()
        content = flip(path, rng)
        assert KINDS[pattern](setup, path, lambda: caplog.text), path
        path.write_bytes(content)


def test_a_flipped_bit_in_what_a_board_remembers_changes_nothing_on_it(
    setup: Setup, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rng, trust = random.Random(SEED), load_trust()
    fresh = read_board([setup.root], trust).board
    BoardLoader().load([setup.root], trust)
    (path,) = (tmp_path / "cache").glob("board-*.index")
    for _ in range(8):
        caplog.clear()
        flip(path, rng)
        board = BoardLoader().load([setup.root], trust).board
        assert board.entries == fresh.entries
        pd.testing.assert_frame_equal(board.numbers, fresh.numbers, check_exact=True)
        caplog.clear()
        BoardLoader().load([setup.root], trust)
        assert caplog.text == ""  # it was written again


def test_a_flipped_bit_in_the_description_of_this_machine_is_never_believed(setup: Setup, tmp_path: Path) -> None:
    rng, facts = random.Random(SEED), {"capability": "AVX2"}

    def describe() -> dict[str, Any]:
        return facts

    remembered_environment(describe)
    (path,) = (tmp_path / "cache" / "machines").iterdir()
    for _ in range(8):
        flip(path, rng)
        assert remembered_environment(describe) == facts
        assert read_sealed(path) is not None


def _signer_or_refusal(role: Role) -> str:
    """Give the public key of this machine, or the file that is refused."""
    try:
        return signing_key(role).public.text
    except UserError as error:
        return error.problems[0].where.partition(" ")[0]


def test_a_flipped_bit_in_a_private_key_never_makes_another_signer_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nearly every 32 bytes are a private key: records signed so far would have been refused, with no file named."""
    monkeypatch.setenv("FMN_CONFIG", str(tmp_path / "config"))
    rng = random.Random(SEED)
    for role in ROLES:
        public, path = signing_key(role).public, key_path(role)
        for _ in range(100):
            content = flip(path, rng)
            assert _signer_or_refusal(role) in (public.text, str(path))
            path.write_bytes(content)


def test_many_damaged_files_of_every_kind_are_made_whole_by_one_evaluation(
    setup: Setup, caplog: pytest.LogCaptureFixture
) -> None:
    """States and the stored answer are whole in the second round, so that nothing hides what lies behind them."""
    rng, before = random.Random(SEED), setup.evaluated.record
    for patterns in (KINDS, [pattern for pattern in KINDS if not pattern.startswith(("answers", "segments"))]):
        caplog.clear()
        damaged: dict[Path, bytes] = {}
        for files in map(setup.files, patterns):
            damaged |= {path: flip(path, rng) for path in rng.sample(files, min(3, len(files)))}
        wrong = {path: path.read_bytes() for path in damaged}
        record, path = evaluate_warm(setup.spec, setup.submission, setup.root)
        same = {"created": before.created, "cost": before.cost, "provenance": before.provenance}
        assert record.model_copy(update=same) == before
        assert judge(path, load_trust()).problem == ""
        note_projected(path, setup.root)
        left = [each for each in damaged if each.is_file() and each.read_bytes() == wrong[each]]
        named = set(re.findall(r"[\w.-]+", caplog.text))
        assert [each for each in left if not {each.parent.name[:12], each.name} & named] == []
    executor = WarmExecutor()
    again, _ = evaluate_warm(setup.spec, setup.submission, setup.root, executor=executor)
    assert (again, executor.num_started) == (record, 0)


def test_a_flipped_bit_in_mlflows_database_never_stops_anything_for_good(setup: Setup) -> None:
    """MLflow is a log for people. A bit that SQLite cannot notice may change a number in it, and none of a record."""
    from benchmark.recording.tracking.projection import project

    path = database_path(setup.root)
    content = path.read_bytes()
    for place in (0, 100):  # SQLite's own header, and the page that says what tables there are
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        project(setup.evaluated.record, setup.record, setup.root)
        assert project(setup.evaluated.record, setup.record, setup.root)
    assert judge(setup.record, load_trust()).problem == ""
