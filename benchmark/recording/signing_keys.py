"""The keys of this machine, Ed25519: one signs isolated runs, another one unisolated runs.

They live in the user's configuration folder and never under `FMN_HOME`, which is copied, mounted and published. They
are made on first use, never overwritten, and refused where another user could read or exchange them. A file of a key
names its public half in a line of its own: nearly every 32 bytes are a private key, so that damage would go unseen.
"""

from __future__ import annotations

import hashlib
import stat
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from benchmark.files.atomic import write_once
from benchmark.files.bounded import read_regular
from benchmark.recording.isolation import Role
from benchmark.settings import read_settings
from benchmark.spec import UserError
from benchmark.spec.base import Problem

ROLES: tuple[Role, ...] = ("isolated", "unisolated")
KEY_PATTERN = r"^ed25519:[0-9a-f]{64}$"
"""A public key as text: the 32 bytes of RFC 8032 in hexadecimal digits."""

_MAX_KEY_BYTES = 4096
_PUBLIC_HALF = b"Public-Key: "
"""Begins the line above the private key; files from before there was such a line are read too."""


@dataclass(frozen=True)
class PublicKey:
    """A public key, `ed25519:` and 64 hexadecimal digits."""

    text: str

    @property
    def id(self) -> str:
        """Short name of the key for people: the first 16 digits of its SHA-256."""
        return hashlib.sha256(self._raw).hexdigest()[:16]

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether the owner of this key signed `message`."""
        try:
            Ed25519PublicKey.from_public_bytes(self._raw).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True

    @property
    def _raw(self) -> bytes:
        return bytes.fromhex(self.text.removeprefix("ed25519:"))


@dataclass(frozen=True)
class SigningKey:
    """A private key of this machine and what it is for."""

    role: Role
    private: Ed25519PrivateKey = field(repr=False)

    @property
    def public(self) -> PublicKey:
        """What others need to verify."""
        return _public_half(self.private)


def key_path(role: Role) -> Path:
    """Where this machine's key of a role is."""
    return read_settings().config_folder / f"{role}.key"


def signing_key(role: Role, *, away_from: Path | None = None) -> SigningKey:
    """Give this machine's key of a role; it is made where there is none.

    Args:
        role: what is to be signed.
        away_from: the key must not be below this folder (`FMN_HOME`).

    Raises:
        UserError: the key cannot be made or read, or others could read or exchange it; says what to do.
    """
    path = key_path(role)
    if away_from is not None and path.resolve().is_relative_to(away_from.resolve()):
        raise _problem(path.parent, "a folder outside of FMN_HOME, which is copied and published", str(path.parent))
    try:
        if not path.exists():
            _make(path)
        return _read(path, role)
    except OSError as error:
        raise _problem(path, "a private key that can be made and read", error.strerror or str(error)) from error


def public_keys() -> dict[Role, PublicKey]:
    """Give the public halves of the keys that this machine has already; makes none.

    Raises:
        UserError: where `signing_key` does.
    """
    return {role: signing_key(role).public for role in ROLES if key_path(role).exists()}


def _make(path: Path) -> None:
    """Make a key that is complete from the moment it can be seen; of two that are made at once, the first one stays."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_once(path, _PUBLIC_HALF + _public_half(private).text.encode() + b"\n" + pem)


def _read(path: Path, role: Role) -> SigningKey:
    if path.parent.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise _problem(path.parent, "a folder that only you can write to", f"others can; chmod 700 {path.parent}")
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise _problem(path, "a private key that only you can read", f"others can; chmod 600 {path}")
    try:
        content = read_regular(path, _MAX_KEY_BYTES)
        private = load_pem_private_key(content, None)
    except (ValueError, TypeError, UnsupportedAlgorithm, InternalError) as error:
        raise _problem(path, "an Ed25519 private key as PEM without a passphrase", "something else") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise _problem(path, "an Ed25519 private key", "a key of another kind")
    line = content.partition(b"\n")[0]
    named = line.removeprefix(_PUBLIC_HALF)
    if line != named and named != _public_half(private).text.encode():
        expected = "the private half of the public key in its first line"
        raise _problem(path, expected, "another one: the file is damaged; restore it from a backup")
    return SigningKey(role, private)


def _public_half(private: Ed25519PrivateKey) -> PublicKey:
    raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return PublicKey(f"ed25519:{raw.hex()}")


def _problem(place: Path, expected: str, got: str) -> UserError:
    return UserError([Problem(f"{place} (FMN_CONFIG names another folder)", expected, got)])
