"""A bundle made on one clone is received on another one; changed, forged or contradictory, nothing of it is taken."""

from __future__ import annotations

import io
import shutil
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmark.bundles import adding
from benchmark.bundles.judging import Judged, judge_bundle
from benchmark.bundles.packing import BadBundle, pack, unpack
from benchmark.bundles.sealing import INDEX, SIGNATURE, Bundle, Index, seal, unseal
from benchmark.bundles.sending import make_bundle, records_of
from benchmark.cli.app import main
from benchmark.executors import select as choice
from benchmark.files.atomic import write_atomically
from benchmark.recording.archive import find_records, outcomes_path, read_record, write_record
from benchmark.recording.record import EvaluationRecord
from benchmark.recording.signing_keys import SigningKey, signing_key
from benchmark.recording.trust import Trust, load_trust
from benchmark.recording.verify import judge
from benchmark.spec import BenchmarkSpec, UserError
from benchmark.store.layout import Home
from leaderboard.reading.record_store import stamps
from tests.conftest import Evaluated
from tests.executors.submissions import write_submission
from tests.executors.warm import WarmExecutor

STRANGER = SigningKey("unisolated", Ed25519PrivateKey.from_private_bytes(b"s" * 32))


@pytest.fixture(scope="module")
def packed(evaluated: Evaluated, plain: Path) -> bytes:
    return make_bundle(plain, [evaluated.path], Home(evaluated.root), load_trust())


@pytest.fixture(scope="module")
def bundle(packed: bytes) -> Bundle:
    return unseal(packed)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of another clone, whose machine has other keys."""
    monkeypatch.setenv("FMN_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("FMN_CONFIG", str(tmp_path / "other-keys"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "elsewhere"


def fmn(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["fmn", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code if isinstance(ended.value.code, int) else 0


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def judged(packed: bytes, folder: Path, trust: Trust | None = None) -> Judged:
    folder.mkdir(exist_ok=True)
    return judge_bundle(unseal(packed), folder, trust or load_trust())


def test_a_bundle_made_on_one_clone_is_received_on_another(
    evaluated: Evaluated, plain: Path, tiny_spec_file: Path, elsewhere: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """From typing `fmn submit` to a record on the other board, and once more without any change."""
    monkeypatch.setattr(choice, "ProcessExecutor", WarmExecutor)
    out = tmp_path / "plain.bundle"
    with monkeypatch.context() as here:
        here.setenv("FMN_HOME", str(evaluated.root))
        here.setenv("FMN_TRUSTED_KEYS", str(_trusting(tmp_path, evaluated.record, evaluated.path)))
        arguments = ["submit", plain, "--spec", tiny_spec_file, "--executor", "process", "--out", out]
        assert fmn(here, *arguments) == 0, capsys.readouterr().err
    assert "all agree" in capsys.readouterr().out
    assert fmn(monkeypatch, "receive", out, "--dry-run") == 0
    assert "nothing was added" in capsys.readouterr().out
    assert not elsewhere.exists()
    assert fmn(monkeypatch, "receive", out) == 0
    printed = capsys.readouterr().out
    assert "named, not shown" in printed
    assert "ed25519:" in printed
    found, bad = find_records(elsewhere / "records")
    assert [record for record, _ in found] == [evaluated.record]
    assert bad == []
    assert len(stamps([elsewhere])) == 1  # the board looks at it
    assert "which is not trusted here" in judge(found[0][1], load_trust()).problem
    trusted = load_trust(_trusting(tmp_path, evaluated.record, evaluated.path))
    assert judge(found[0][1], trusted).problem == ""
    (copy,) = (elsewhere / "submissions").iterdir()
    assert files_in(copy) == files_in(plain)
    before = files_in(elsewhere)
    assert fmn(monkeypatch, "receive", out) == 0
    assert "already there" in capsys.readouterr().out
    assert files_in(elsewhere) == before


def _trusting(folder: Path, record: EvaluationRecord, path: Path) -> Path:
    """Write a list of trusted keys with the signer of a record."""
    text = path.with_suffix(".sig").read_text()
    key = text.split('"public_key":"')[1].split('"')[0]
    listed = folder / "keys.yaml"
    role = "unisolated" if record.isolation == "none" else "isolated"
    listed.write_text(f"keys:\n  - {{name: another clone, key: '{key}', signs: [{role}]}}\n")
    return listed


def test_the_same_records_give_the_same_bytes(evaluated: Evaluated, plain: Path, packed: bytes) -> None:
    assert make_bundle(plain, [evaluated.path], Home(evaluated.root), load_trust()) == packed


def test_a_bundle_with_one_changed_byte_is_refused_or_is_the_same_in_every_content(packed: bytes) -> None:
    """Only bits that unpacking ignores may change, and then all files are the same."""
    content = unpack(packed)
    step = max(1, len(packed) // 100)
    refused = harmless = 0
    for position in sorted({*range(64), *range(0, len(packed), step), *range(len(packed) - 16, len(packed))}):
        for bit in (1, 128):
            changed = bytearray(packed)
            changed[position] ^= bit
            try:
                unseal(bytes(changed))
            except BadBundle:
                refused += 1
            else:
                harmless += 1
                assert unpack(bytes(changed)) == content
    assert refused > 300
    assert harmless < 3


def test_a_changed_byte_in_any_file_of_a_bundle_is_refused(packed: bytes) -> None:
    """As somebody would who packs again after the change."""
    content = unpack(packed)
    for name, data in content.items():
        for position in {0, len(data) // 2, len(data) - 1}:
            changed = bytearray(data)
            changed[position] ^= 1
            with pytest.raises(BadBundle):
                unseal(pack({**content, name: bytes(changed)}))
    for name in content:
        with pytest.raises(BadBundle):
            unseal(pack({each: data for each, data in content.items() if each != name}))


def test_a_refused_bundle_is_one_sentence_and_writes_nothing(
    packed: bytes, elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "changed.bundle"
    path.write_bytes(packed[:500] + bytes([packed[500] ^ 1]) + packed[501:])
    for refused in (path, tmp_path / "absent.bundle", tmp_path):
        assert fmn(monkeypatch, "receive", refused) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"{refused}: expected a bundle of exactly the files that were signed, got ")
    assert not elsewhere.exists()


def other_code(files: dict[str, bytes], index: Index) -> Index:
    files["submission/method.py"] += b"\n# another line\n"
    return index


def other_code_that_is_named(files: dict[str, bytes], index: Index) -> Index:
    files["submission/more.py"] = b""
    return index.model_copy(update={"code_digest": "0" * 64})


def refused_code(files: dict[str, bytes], index: Index) -> Index:
    files["submission/method.py"] = b"\0"
    return index


def other_settings(files: dict[str, bytes], index: Index) -> Index:
    files["submission/submission.yaml"] = files["submission/submission.yaml"].replace(b"0.1", b"0.2")
    return index


def other_specification(files: dict[str, bytes], index: Index) -> Index:
    files[index.evaluations[0].specification] += b" "
    return index


def no_record(files: dict[str, bytes], index: Index) -> Index:
    del files[index.evaluations[0].record]
    return index


def no_outcomes(files: dict[str, bytes], index: Index) -> Index:
    del files[index.evaluations[0].record.replace(".json", ".parquet")]
    return index


def other_environment(files: dict[str, bytes], index: Index) -> Index:
    said = index.evaluations[0].model_copy(update={"environment": {"device": "abacus"}})
    return index.model_copy(update={"evaluations": [said]})


def a_record_twice(files: dict[str, bytes], index: Index) -> Index:
    return index.model_copy(update={"evaluations": [*index.evaluations, *index.evaluations]})


def something_else(files: dict[str, bytes], index: Index) -> Index:
    files["records/tiny-1.0/other.json"] = b"{}"
    return index


def outside_of_its_folders(files: dict[str, bytes], index: Index) -> Index:
    files["admitted/method.py"] = b""
    return index


CONTRADICTORY: dict[Callable[[dict[str, bytes], Index], Index], str] = {
    other_code: "names another submission, or other code",
    other_code_that_is_named: "names another submission, or other code",
    refused_code: "its submission is refused: method.py",
    other_settings: "other hyperparameters or labels than the manifest says",
    other_specification: "is not the specification of tiny-1.0",
    no_record: "cannot be read",
    no_outcomes: "which it names, is missing",
    other_environment: "the index says something else",
    a_record_twice: "names a record twice",
    something_else: "belongs to nothing in it",
    outside_of_its_folders: "belongs to nothing in it",
}


@pytest.mark.parametrize("change", CONTRADICTORY, ids=lambda change: change.__name__)
def test_a_bundle_that_contradicts_itself_is_refused_whoever_signed_it(
    bundle: Bundle, tmp_path: Path, change: Callable[[dict[str, bytes], Index], Index]
) -> None:
    files = dict(bundle.files)
    index = change(files, bundle.index)
    with pytest.raises(BadBundle, match=CONTRADICTORY[change]) as refused:
        judged(seal(index, files, STRANGER), tmp_path / "judged")
    assert len(str(refused.value).splitlines()) == 1


def test_an_index_in_another_spelling_or_signed_for_another_purpose_is_refused(packed: bytes) -> None:
    content = unpack(packed)
    text = content[INDEX]
    signed = STRANGER.private.sign(b"forget-me-not evaluation record v1\0" + text).hex()
    forged = f'{{"algorithm":"ed25519","format":1,"public_key":"{STRANGER.public.text}","signature":"{signed}"}}'
    with pytest.raises(BadBundle, match="forged"):
        unseal(pack({**content, SIGNATURE: forged.encode()}))
    with pytest.raises(BadBundle, match="not such as"):
        unseal(pack({**content, SIGNATURE: b"[" * 100_000}))


def changed_record(evaluated: Evaluated, folder: Path, **changes: object) -> Path:
    """Write the record with some fields changed, signed by this machine as if it were right."""
    record = evaluated.record.model_copy(update=changes)
    key = signing_key("unisolated")
    maps, areas = (evaluated.path.with_suffix(each) for each in (".maps.parquet", ".areas.parquet"))
    read = [each.read_bytes() if each.exists() else None for each in (maps, areas)]
    return write_record(folder, record, outcomes_path(evaluated.path).read_bytes(), *read, key=key)


def test_a_record_of_other_code_or_of_states_that_it_does_not_name_is_not_packed(
    evaluated: Evaluated, plain: Path, tmp_path: Path
) -> None:
    facts = evaluated.record.submission.model_copy(update={"digest": "0" * 64})
    false = (({"submission": facts}, "code 0000000000000000"), ({"evaluation_key": "0" * 64}, "key is not"))
    for changes, why in false:
        path = changed_record(evaluated, tmp_path / "records", **changes)
        with pytest.raises(BadBundle, match=why):
            make_bundle(plain, [path], Home(tmp_path), load_trust())


def test_a_specification_under_the_name_of_a_shipped_one_has_to_be_that_one(
    evaluated: Evaluated, plain: Path, tmp_path: Path
) -> None:
    spec = {**evaluated.record.spec, "name": "digits"}
    path = changed_record(evaluated, tmp_path / "records", spec=spec, spec_identity="digits-1.0")
    with pytest.raises(BadBundle, match=r"not the digits-1\.0 that this version comes with"):
        make_bundle(plain, [path], Home(tmp_path), load_trust())


def test_a_number_that_its_outcomes_do_not_give_is_refused_though_it_is_signed(
    evaluated: Evaluated, plain: Path, elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    score = evaluated.record.summary["robustness/score"]
    better = {**evaluated.record.summary, "robustness/score": score.model_copy(update={"value": 0.9})}
    out = tmp_path / "better.bundle"
    path = changed_record(evaluated, tmp_path / "records", summary=better)
    out.write_bytes(make_bundle(plain, [path], Home(elsewhere), load_trust()))
    assert fmn(monkeypatch, "receive", out) == 2
    assert "robustness/score: 0.9 in the record" in capsys.readouterr().err
    assert not elsewhere.exists()


def test_a_record_is_never_seen_half_written_and_the_same_call_goes_on(
    packed: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived = judged(packed, tmp_path / "judged")
    num_files = len(arrived.records[0].record.attachments) + 2
    home = Home(tmp_path / "home")
    for allowed in range(num_files):
        written: list[Path] = []

        def fail_later(path: Path, content: bytes, left: int = allowed, done: list[Path] = written) -> None:
            if len(done) == left:
                raise OSError(28, "No space left on device", str(path))
            done.append(path)
            write_atomically(path, content)

        with monkeypatch.context() as full:
            full.setattr(adding, "write_atomically", fail_later)
            with pytest.raises(OSError, match="No space left"):
                adding.add(arrived, home)
        assert list(home.records.glob("*/*.json")) == []
        shutil.rmtree(home.records, ignore_errors=True)
    (path,) = adding.add(arrived, home)
    assert judge(path, load_trust()).problem == ""


def test_only_complete_records_of_this_code_and_these_settings_are_handed_in(
    evaluated: Evaluated, plain: Path, tiny_spec: BenchmarkSpec, tmp_path: Path
) -> None:
    home, trust = Home(evaluated.root), load_trust()
    assert records_of(plain, tiny_spec, home, trust) == [evaluated.path]
    other = write_submission(tmp_path / "other", hyperparameters={"learning_rate": 0.2, "weight_decay": 5.0e-4})
    assert records_of(other, tiny_spec, home, trust) == []
    assert records_of(plain, tiny_spec.model_copy(update={"version": "1.1"}), home, trust) == []
    assert records_of(plain, tiny_spec, home, Trust({})) == []
    with pytest.raises(UserError, match="this file in every submission"):
        records_of(tmp_path, tiny_spec, home, trust)


def test_whoever_has_the_record_already_gets_no_second_copy(
    packed: bytes, evaluated: Evaluated, tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(evaluated.root / "records", home.records)
    before = files_in(home.records)
    assert adding.add(judged(packed, tmp_path / "judged"), home) == [home.records / "tiny-1.0" / evaluated.path.name]
    assert files_in(home.records) == before
    assert read_record(evaluated.path) == evaluated.record


def test_a_bundle_can_be_read_with_tar_alone(packed: bytes, plain: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        method = archive.extractfile("submission/method.py")
        assert method is not None
        assert method.read() == (plain / "method.py").read_bytes()
