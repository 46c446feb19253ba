"""Whom a board believes: every way in which a record can be false has its own sentence, and none is fatal."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmark.recording.archive import areas_path, maps_path, outcomes_path, read_record, signature_path, write_record
from benchmark.recording.record import EvaluationRecord
from benchmark.recording.signature import sign
from benchmark.recording.signing_keys import ROLES, SigningKey, signing_key
from benchmark.recording.trust import SHIPPED_LIST, THIS_MACHINE, Signer, Trust, load_trust
from benchmark.recording.verify import judge, open_record
from tests.recording.synthetic import AREAS, KEY, MAPS, OUTCOMES, UNISOLATED_KEY, record

LAB = Signer("a lab", KEY.public, frozenset({"isolated"}))
LAPTOP = Signer("a laptop", UNISOLATED_KEY.public, frozenset({"unisolated"}))
TRUST = Trust({signer.key: signer for signer in (LAB, LAPTOP)})
STRANGER = SigningKey("isolated", Ed25519PrivateKey.from_private_bytes(b"s" * 32))


def resign(path: Path, content: bytes, key: SigningKey, attachments: dict[str, str] | None = None) -> None:
    """Put bytes in place of a record, with a signature of their own."""
    path.write_bytes(content)
    named = record().attachments if attachments is None else attachments
    signature_path(path).write_bytes(sign(content, named, "docker", key))


def as_unisolated(path: Path) -> None:
    """A record that claims a sandbox, signed with the key for runs without one."""
    liar = SigningKey("isolated", UNISOLATED_KEY.private)
    resign(path, path.read_bytes(), liar)


def says_another_isolation(path: Path) -> None:
    resign(path, path.read_bytes().replace(b'"isolation":"docker"', b'"isolation":"none"'), KEY)


def as_a_link_to(target: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        signature_path(path).unlink()
        signature_path(path).symlink_to(target)

    return change


def as_a_pipe(path: Path) -> None:
    signature_path(path).unlink()
    os.mkfifo(signature_path(path))


def as_a_folder(path: Path) -> None:
    signature_path(path).unlink()
    signature_path(path).mkdir()


TAMPERED: dict[str, tuple[Callable[[Path], object], str]] = {
    "no signature": (lambda p: signature_path(p).unlink(), "no signature beside it"),
    "a digit": (lambda p: p.write_bytes(p.read_bytes().replace(b"0.975", b"0.995")), "the record was changed"),
    "a space": (lambda p: p.write_bytes(p.read_bytes() + b" "), "the record was changed after signing"),
    "no outcomes": (lambda p: outcomes_path(p).unlink(), ".parquet, which it names, is missing"),
    "other outcomes": (lambda p: outcomes_path(p).write_bytes(b"x"), ".parquet, which it names, was changed"),
    "no maps": (lambda p: maps_path(p).unlink(), ".maps.parquet, which it names, is missing"),
    "other maps": (lambda p: maps_path(p).write_bytes(MAPS + b"x"), ".maps.parquet, which it names, was changed"),
    "no areas": (lambda p: areas_path(p).unlink(), ".areas.parquet, which it names, is missing"),
    "other areas": (lambda p: areas_path(p).write_bytes(AREAS + b"x"), ".areas.parquet, which it names, was changed"),
    "a folder of outcomes": (lambda p: (outcomes_path(p).unlink(), outcomes_path(p).mkdir()), "is missing"),
    "a stranger": (lambda p: resign(p, p.read_bytes(), STRANGER), "which is not trusted here"),
    "the wrong key": (as_unisolated, "trusted for unisolated runs only, while the record says isolation: docker"),
    "another isolation": (says_another_isolation, "another isolation or of other files"),
    "other attachments": (
        lambda p: resign(p, p.read_bytes(), KEY, {"/../../etc/passwd": "0" * 64}), "or of other files than the record"
    ),
    "no record": (lambda p: resign(p, b'{"schema_version": 1}', KEY), "not a valid record"),
    "a newer record": (lambda p: resign(p, b'{"schema_version": 9}', KEY), "expected schema version 1 or 2"),
    "deep": (lambda p: resign(p, b"[" * 200_000, KEY), "nested too deeply"),
    "a large signature": (lambda p: signature_path(p).write_bytes(b" " * 10**6), "expected at most 16384 bytes"),
    "a signature of zeros": (as_a_link_to("/dev/zero"), "expected a regular file"),
    "a link to nowhere": (as_a_link_to("nowhere"), "no signature beside it"),
    "a link to itself": (lambda p: as_a_link_to(signature_path(p).name)(p), "cannot be read: too many levels"),
    "a link to a text": (as_a_link_to("/etc/passwd"), "not a signature: expected JSON"),
    "a pipe": (as_a_pipe, "expected a regular file"),
    "a folder": (as_a_folder, "expected a regular file"),
}  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_record(tmp_path_factory.mktemp("written"), record(), OUTCOMES, MAPS, AREAS, key=KEY)


@pytest.fixture
def path(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written.parent, tmp_path / "digits-1.0")) / written.name


def test_a_record_as_it_was_written_is_believed(path: Path) -> None:
    believed = open_record(path, TRUST)
    assert (believed.record, believed.signer) == (record(), LAB)
    verdict = judge(path, TRUST)
    assert (verdict.signer, verdict.isolation, verdict.problem) == (f"a lab ({KEY.public.id})", "docker", "")


@pytest.mark.parametrize("name", TAMPERED)
def test_what_is_wrong_is_said_in_words(path: Path, name: str) -> None:
    change, words = TAMPERED[name]
    change(path)
    problem = judge(path, TRUST).problem
    assert words in problem
    assert "root:" not in problem


def test_nothing_of_a_strangers_record_is_parsed(path: Path) -> None:
    resign(path, b"[" * 200_000, STRANGER)
    assert "not trusted here" in judge(path, TRUST).problem


def test_a_record_that_moved_with_its_files_is_still_believed(path: Path) -> None:
    moved = path.with_name("renamed.json")
    for each in (path, signature_path(path), outcomes_path(path), maps_path(path), areas_path(path)):
        each.rename(each.with_name(each.name.replace(path.stem, "renamed")))
    assert judge(moved, TRUST).problem == ""


def test_missing_records_are_a_sentence(tmp_path: Path) -> None:
    assert judge(tmp_path / "nothing.json", TRUST).problem == "it cannot be read: no such file or directory"


# --- who is trusted -------------------------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FMN_CONFIG", str(tmp_path / "config"))
    return tmp_path / "config"


def listed(folder: Path, text: str) -> Path:
    path = folder / "trusted_keys.yaml"
    path.write_text(text)
    return path


ENTRY = "  - name: {}\n    key: {}\n    signs: [{}]\n"
DATED = ENTRY.format("Lab", KEY.public.text, "isolated") + "    {}\n"


def test_the_shipped_list_is_valid() -> None:
    assert SHIPPED_LIST.is_file()
    assert load_trust().problems == ()


def test_the_keys_of_this_machine_are_trusted_for_their_own_kind_of_run(config: Path, tmp_path: Path) -> None:
    trust = load_trust(listed(tmp_path, "keys: []\n"))
    assert trust.signers == {}
    made = {role: signing_key(role).public for role in ROLES}
    trust = load_trust(listed(tmp_path, "keys: []\n"))
    assert {key: (signer.name, set(signer.roles)) for key, signer in trust.signers.items()} == {
        key: (THIS_MACHINE, {role}) for role, key in made.items()
    }


def test_a_listed_key_is_trusted_for_what_the_list_says(config: Path, tmp_path: Path, path: Path) -> None:
    entries = ENTRY.format("Lab", KEY.public.text, "isolated") + ENTRY.format("Z", STRANGER.public.text, "unisolated")
    trust = load_trust(listed(tmp_path, f"keys:\n{entries}"))
    assert judge(path, trust).signer == f"Lab ({KEY.public.id})"
    resign(path, path.read_bytes(), STRANGER)
    assert "of Z, which is trusted for unisolated runs only" in judge(path, trust).problem
    both = load_trust(listed(tmp_path, "keys:\n" + ENTRY.format("Z", STRANGER.public.text, "isolated, unisolated")))
    assert judge(path, both).problem == ""


def test_the_environment_names_another_list(
    config: Path, tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert judge(path, load_trust()).problem
    lab = listed(tmp_path, "keys:\n" + ENTRY.format("Lab", KEY.public.text, "isolated"))
    monkeypatch.setenv("FMN_TRUSTED_KEYS", str(lab))
    assert judge(path, load_trust()).problem == ""


BAD_LISTS = {
    "keys: [{name: x}]": "keys[0].key: expected the public key as `fmn keys` prints it",
    "keyz: []": "the unknown key 'keyz'",
    "keys:\n" + ENTRY.format("x", "ed25519:00", "isolated"): "keys[0].key",
    "keys:\n" + ENTRY.format("x", KEY.public.text, "everything"): "expected one of isolated, unisolated",
    "keys:\n" + ENTRY.format("x", KEY.public.text, ""): "keys[0].signs",
    "keys:\n" + ENTRY.format("This machine", KEY.public.text, "isolated"): "which is for the keys found here",
    "keys:\n" + 2 * ENTRY.format("x", KEY.public.text, "isolated"): "keys[1].key: expected every key once",
    "keys:\n" + DATED.format("since: 2026-02-30"): "keys[0].since: expected a day of the calendar",
    "keys:\n" + DATED.format("until: tomorrow"): "keys[0].until",
    "keys:\n" + DATED.format("since: 2026-02-03\n    until: 2026-02-02"): "expected a day not before 2026-02-03",
    "keys: !!python/object/apply:os.system [ls]": "a value without a YAML tag",
    "keys: [&a [*a]]": "anchors and aliases are not read",
}  # fmt: skip


@pytest.mark.parametrize("text", BAD_LISTS)
def test_a_bad_list_is_named_with_its_mistake_and_nobody_on_it_is_believed(
    config: Path, tmp_path: Path, text: str
) -> None:
    own = signing_key("isolated").public
    trust = load_trust(listed(tmp_path, text))
    assert BAD_LISTS[text] in "\n".join(map(str, trust.problems))
    assert set(trust.signers) == {own}


DAYS = {
    "since: {created}": "", "until: {created}": "", "since: {created}\n    until: {created}": "",
    "since: 2099-01-01": "which is trusted for records since 2099-01-01 only",
    "until: 2001-01-01": "which is trusted for records until 2001-01-01 only",
    "since: 2001-01-01\n    until: 2002-01-01":
        "which is trusted for records since 2001-01-01 and until 2002-01-01 only",
}  # fmt: skip


@pytest.mark.parametrize("days", DAYS)
def test_a_key_is_trusted_for_records_of_its_days_only(config: Path, tmp_path: Path, path: Path, days: str) -> None:
    created = read_record(path).signed_at[:10]
    entry = DATED.format(days.format(created=created))
    problem = judge(path, load_trust(listed(tmp_path, f"keys:\n{entry}"))).problem
    said = f"made on {created}, and signed with the key {KEY.public.id} of Lab, {DAYS[days]}"
    assert problem == (said if DAYS[days] else "")


@pytest.mark.parametrize("place", ["nothing.yaml", "."])
def test_a_list_that_is_not_there_is_a_problem_and_not_an_empty_list(config: Path, tmp_path: Path, place: str) -> None:
    (problem,) = load_trust(tmp_path / place).problems
    assert "a readable list of trusted keys" in problem.expected


# --- what is written is signed --------------------------------------------------------------------------------------


def rewritten(path: Path, which: EvaluationRecord | None = None) -> EvaluationRecord:
    later = (which or record()).model_copy(update={"created": "2027-01-01T00:00:00Z"})
    return read_record(write_record(path.parents[1], later, OUTCOMES, MAPS, AREAS, key=KEY))


def test_evaluating_again_leaves_a_record_of_ones_own_untouched(path: Path) -> None:
    assert rewritten(path) == record()


@pytest.mark.parametrize("name", ["no signature", "a digit", "a space", "a stranger", "a link to a text", "a pipe"])
def test_evaluating_again_mends_what_is_not_signed_and_never_signs_what_it_found(path: Path, name: str) -> None:
    """A record that was found may be a stranger's; what is signed is what this call has measured."""
    TAMPERED[name][0](path)
    assert rewritten(path).created == "2027-01-01T00:00:00Z"
    assert judge(path, TRUST).problem == ""


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("survives", range(6))
def test_cut_off_anywhere_a_record_is_whole_or_refused_and_the_next_call_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: bool, survives: int
) -> None:
    before = record(complete=True)
    if not first:
        write_record(tmp_path, before, b"other", MAPS, AREAS, key=KEY)
    place, steps = Path.replace, iter(range(survives))

    def replace(self: Path, target: Path) -> Path:
        if next(steps, None) is None:
            raise Crash
        return place(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    try:
        path = write_record(tmp_path, record(), OUTCOMES, MAPS, AREAS, key=KEY)
        assert survives == 5
    except Crash:
        (path,) = list(tmp_path.glob("*/*.json")) or [tmp_path / "digits-1.0" / "none.json"]
        if path.exists():
            assert judge(path, TRUST).problem == "" or read_record(path) == before
    monkeypatch.undo()
    path = write_record(tmp_path, record(), OUTCOMES, MAPS, AREAS, key=KEY)
    assert judge(path, TRUST).problem == ""
    assert read_record(path) == record()
