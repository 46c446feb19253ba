"""A signature holds for exactly the bytes that were signed, and a hostile file in its place is a plain sentence."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from benchmark.recording.signature import BadSignature, check, sign
from benchmark.spec.canonical import canonical_json
from tests.recording.synthetic import KEY, UNISOLATED_KEY, record

RECORD = record()
CONTENT = canonical_json(RECORD.model_dump(mode="json"))
SIGNATURE = sign(CONTENT, RECORD.attachments, RECORD.isolation, KEY)


def changed(**fields: Any) -> bytes:
    """The signature file with some fields exchanged, spelt canonically."""
    return canonical_json({**json.loads(SIGNATURE), **fields})


def test_what_was_signed_holds_and_says_who_and_what() -> None:
    statement = check(CONTENT, SIGNATURE)
    assert statement.key == KEY.public
    assert (statement.isolation, statement.attachments) == ("docker", RECORD.attachments)


def test_the_layout_is_pinned_and_verifies_without_our_code() -> None:
    """Somebody else can verify a record: the fields, the words before them and RFC 8032 are all that is needed."""
    raw = json.loads(SIGNATURE)
    assert sorted(raw) == [
        "algorithm", "attachments", "format", "isolation", "public_key", "record_sha256", "signature",
    ]  # fmt: skip
    signature = bytes.fromhex(raw.pop("signature"))
    message = b"forget-me-not evaluation record v1\0" + json.dumps(raw, sort_keys=True, separators=(",", ":")).encode()
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(raw["public_key"].removeprefix("ed25519:")))
    key.verify(signature, message)
    assert sign(CONTENT, RECORD.attachments, RECORD.isolation, KEY) == SIGNATURE  # Ed25519 is deterministic


@given(st.data())
def test_a_flipped_bit_anywhere_never_holds(data: st.DataObject) -> None:
    """In the record or in the signature file, every bit counts."""
    whole = bytearray(CONTENT + SIGNATURE)
    place = data.draw(st.integers(0, 8 * len(whole) - 1))
    whole[place // 8] ^= 1 << place % 8
    with pytest.raises(BadSignature):
        check(bytes(whole[: len(CONTENT)]), bytes(whole[len(CONTENT) :]))


@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_arbitrary_bytes_are_no_signature(data: bytes) -> None:
    with pytest.raises(BadSignature, match="not a signature"):
        check(CONTENT, data)


@pytest.mark.parametrize("position", [0, 1, len(SIGNATURE)])
def test_another_spelling_of_the_same_signature_is_refused(position: int) -> None:
    """Space that JSON ignores would let two different files stand for one signature."""
    with pytest.raises(BadSignature, match="another spelling"):
        check(CONTENT, SIGNATURE[:position] + b" " + SIGNATURE[position:])


def test_a_changed_record_is_told_from_a_changed_signature() -> None:
    with pytest.raises(BadSignature, match="the record was changed after signing"):
        check(CONTENT.replace(b"0.975", b"0.995"), SIGNATURE)
    with pytest.raises(BadSignature, match="the signature file was changed"):
        check(CONTENT, changed(isolation="none"))


def test_a_signature_under_another_key_is_forged() -> None:
    with pytest.raises(BadSignature, match="or is forged"):
        check(CONTENT, changed(public_key=UNISOLATED_KEY.public.text))


def test_a_key_signs_only_its_own_kind_of_run() -> None:
    with pytest.raises(ValueError, match=r"^isolation docker: expected the isolated key, got the unisolated one$"):
        sign(CONTENT, RECORD.attachments, "docker", UNISOLATED_KEY)
    with pytest.raises(ValueError, match="expected the unisolated key"):
        sign(CONTENT, RECORD.attachments, "none", KEY)


def test_a_key_signs_only_its_own_kind_of_run_in_optimised_python_too() -> None:
    """It was an `assert`, which `python -O` removes: an unisolated run could then be signed as an isolated one."""
    script = """if True:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from benchmark.recording.signature import sign
        from benchmark.recording.signing_keys import SigningKey
        try:
            sign(b"{}", {}, "docker", SigningKey("unisolated", Ed25519PrivateKey.generate()))
        except ValueError as error:
            print(error)
    """
    done = subprocess.run([sys.executable, "-O", "-c", script], capture_output=True, text=True, check=True)
    assert "expected the isolated key" in done.stdout


HEX = "0123456789abcdef" * 4
HOSTILE = {
    "empty": b"",
    "a list": b"[]",
    "text": b'"ed25519"',
    "not a number": b'{"format":NaN}',
    "infinity": b'{"format":1e999}',
    "a number beyond reason": b'{"format":' + b"1" * 5000 + b"}",
    "too deep": b"[" * 15_000,
    "deep mappings": b'{"a":' * 3000 + b"1" + b"}" * 3000,
    "not UTF-8": b'{"format":1,"algorithm":"\xff"}',
    "a lone surrogate": changed().replace(b"docker", b"\\ud800"),
    "NUL bytes": b"\0" * 4000,
    "duplicate keys": SIGNATURE[:-1] + b',"signature":"' + b"0" * 128 + b'"}',
    "another format": changed(format=2),
    "true for 1": changed(format=True),
    "1.0 for 1": changed(format=1.0),
    "another algorithm": changed(algorithm="none"),
    "no algorithm": changed(algorithm=None),
    "an unknown isolation": changed(isolation="vm"),
    "a key of another kind": changed(public_key="rsa:" + HEX),
    "a short key": changed(public_key="ed25519:" + HEX[:-2]),
    "a key and a line": changed(public_key="ed25519:" + HEX + "\n"),
    "upper case digits": changed(record_sha256=HEX.upper()),
    "a digest as a number": changed(record_sha256=1),
    "attachments as a list": changed(attachments=[]),
    "an attachment of nothing": changed(attachments={".parquet": None}),
    "a mapping as a signature": changed(signature={}),
    "an empty signature": changed(signature=""),
    "an unknown field": changed(note="<img src=x onerror=alert(1)>"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_signature_file_gets_a_plain_sentence(name: str) -> None:
    with pytest.raises(BadSignature, match="the file beside it is not a signature: ") as caught:
        check(CONTENT, HOSTILE[name])
    said = str(caught.value)
    assert len(said) < 200
    assert said.isprintable()
    assert not any(foreign in said for foreign in ("<img", "vm", "rsa:", "ud800"))


@pytest.mark.parametrize("key", ["00" * 32, "01" + "00" * 31, "ff" * 32, "ed" + "ff" * 30 + "7f"])
def test_degenerate_keys_do_not_crash(key: str) -> None:
    with pytest.raises(BadSignature):
        check(CONTENT, changed(public_key=f"ed25519:{key}"))
