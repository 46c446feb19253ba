"""The keys of a machine: made once, readable by their owner alone, away from FMN_HOME, and never overwritten."""

from __future__ import annotations

import multiprocessing
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from benchmark.recording import signing_keys as keys
from benchmark.recording.signing_keys import KEY_PATTERN, key_path, public_keys, signing_key
from benchmark.settings import read_settings
from benchmark.spec import UserError


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration folder that is not there yet."""
    monkeypatch.setenv("FMN_CONFIG", str(tmp_path / "a" / "config"))
    return tmp_path / "a" / "config"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_key_is_made_on_first_use_and_the_same_ever_after(config: Path) -> None:
    assert public_keys() == {}
    made = signing_key("isolated")
    content = (config / "isolated.key").read_bytes()
    assert signing_key("isolated").public == made.public
    assert (config / "isolated.key").read_bytes() == content
    assert public_keys() == {"isolated": made.public}


def test_every_kind_of_run_has_a_key_of_its_own(config: Path) -> None:
    assert signing_key("isolated").public != signing_key("unisolated").public
    assert sorted(path.name for path in config.iterdir()) == ["isolated.key", "unisolated.key"]


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_only_the_owner_can_read_it_whatever_the_umask(config: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        signing_key("isolated")
    finally:
        os.umask(before)
    assert (mode(config), mode(config / "isolated.key")) == (0o700, 0o600)


def test_a_private_key_is_never_in_its_repr(config: Path) -> None:
    key = signing_key("isolated")
    secret = key.private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    assert secret.hex() not in repr(key)
    assert "PRIVATE" not in repr(key)


def test_signatures_verify_with_the_public_half_alone(config: Path) -> None:
    key = signing_key("isolated")
    signature = key.private.sign(b"message")
    assert key.public.verifies(signature, b"message")
    assert not key.public.verifies(signature, b"another")
    assert not key.public.verifies(signature[:-1], b"message")
    assert not key.public.verifies(b"", b"message")


def _make(folder: str, start: Callable[[], int], answers: multiprocessing.SimpleQueue[str]) -> None:
    os.environ["FMN_CONFIG"] = folder
    start()
    answers.put(signing_key("isolated").public.text)


def test_two_processes_that_make_it_at_once_get_one_key(config: Path) -> None:
    context = multiprocessing.get_context("fork")
    for _ in range(10):
        barrier, answers = context.Barrier(4), context.SimpleQueue()
        made = [context.Process(target=_make, args=(str(config), barrier.wait, answers)) for _ in range(4)]
        for each in made:
            each.start()
        found = {answers.get() for _ in made}
        for each in made:
            each.join()
        assert found == {signing_key("isolated").public.text}
        assert [path.name for path in config.iterdir()] == ["isolated.key"]
        (config / "isolated.key").unlink()


def test_a_key_that_somebody_else_made_meanwhile_is_left_alone(config: Path) -> None:
    first = signing_key("isolated").public
    keys._make(config / "isolated.key")  # pyright: ignore[reportPrivateUsage]
    assert signing_key("isolated").public == first
    assert [path.name for path in config.iterdir()] == ["isolated.key"]


def pem(key: Ed25519PrivateKey, password: bytes | None = None) -> bytes:
    how = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)


BAD_KEYS = {
    "empty": b"",
    "text": b"ssh-ed25519 AAAA",
    "large": b"-" * 10_000,
    "torn": pem(Ed25519PrivateKey.generate())[:60],
    "with a passphrase": pem(Ed25519PrivateKey.generate(), b"secret"),
    "of another kind": generate_private_key(SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    ),
}


@pytest.mark.parametrize("name", BAD_KEYS)
def test_a_file_that_is_no_key_is_refused_and_not_replaced(config: Path, name: str) -> None:
    config.mkdir(parents=True, mode=0o700)
    path = key_path("isolated")
    path.write_bytes(BAD_KEYS[name])
    path.chmod(0o600)
    with pytest.raises(UserError, match=r"isolated\.key .*expected an Ed25519 private key"):
        signing_key("isolated")
    assert path.read_bytes() == BAD_KEYS[name]


@pytest.mark.parametrize("loose", [0o640, 0o604, 0o620])
def test_a_key_that_others_can_read_is_refused_with_what_to_do(config: Path, loose: int) -> None:
    signing_key("isolated")
    key_path("isolated").chmod(loose)
    with pytest.raises(UserError, match=r"chmod 600 .*isolated\.key"):
        signing_key("isolated")


def test_a_folder_that_others_can_write_to_is_refused(config: Path) -> None:
    signing_key("isolated")
    config.chmod(0o770)
    with pytest.raises(UserError, match="chmod 700"):
        signing_key("isolated")


def test_a_folder_that_cannot_be_made_is_said_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FMN_CONFIG", str(tmp_path / "file" / "config"))
    with pytest.raises(UserError, match=r"FMN_CONFIG names another folder.*Not a directory"):
        signing_key("isolated")


def test_a_pipe_in_place_of_a_key_does_not_block(config: Path) -> None:
    config.mkdir(parents=True, mode=0o700)
    os.mkfifo(key_path("isolated"), 0o600)
    with pytest.raises(UserError, match="something else"):
        signing_key("isolated")


@pytest.mark.parametrize("place", ["", "config", "records/../config"])
def test_a_key_within_the_home_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """The home is copied, mounted into containers and published."""
    monkeypatch.setenv("FMN_CONFIG", str(tmp_path / "home" / place))
    with pytest.raises(UserError, match="outside of FMN_HOME"):
        signing_key("isolated", away_from=tmp_path / "home")
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("fmn", "xdg", "expected"),
    [
        ("/etc/fmn", "/xdg", "/etc/fmn"),
        ("", "/xdg", "/xdg/forget-me-not"),
        ("", "", "/home/ada/.config/forget-me-not"),
        ("", "relative/is/ignored", "/home/ada/.config/forget-me-not"),
    ],
)
def test_the_folder_follows_the_environment(
    monkeypatch: pytest.MonkeyPatch, fmn: str, xdg: str, expected: str
) -> None:
    for name, value in {"FMN_CONFIG": fmn, "XDG_CONFIG_HOME": xdg, "HOME": "/home/ada"}.items():
        monkeypatch.setenv(name, value)
    assert read_settings().config_folder == Path(expected)


def test_a_public_key_and_its_short_name(config: Path) -> None:
    public = signing_key("isolated").public
    assert len(public.id) == 16
    assert re.fullmatch(KEY_PATTERN, public.text)
