"""How a trained state was made: which executor ran the code, and how isolated it was. Only a signed origin is believed.

The collector writes `origin.json` beside a state, signed with this machine's key for that isolation. This stops states
of different isolation from being mixed up. It does not stop hostile code that runs as the user who owns the key.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from benchmark.files.bounded import RefusedFile, read_regular
from benchmark.files.digests import sha256_of
from benchmark.recording.isolation import Isolation, role_of
from benchmark.recording.signing_keys import PublicKey, Role, public_keys, signing_key
from benchmark.spec.canonical import canonical_json
from benchmark.store.sizes import StateSizes

logger = logging.getLogger(__name__)

ORIGIN_FILE = "origin.json"
"""Name of the file beside a state's files, and beside the outbox of a job."""

_MAX_BYTES = 64 << 10
_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Signable(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal[1] = 1
    isolation: Isolation = "none"
    executor: str = "unknown"


class JobOrigin(_Signable):
    """What a dispatcher writes down about a job before it starts.

    Attributes:
        isolation: of the code that makes the job's states: the weakest of the executor's and of those of the states
            that the job continues.
        executor: its name.
        sizes: which sizes the files of its states have; None where nobody has worked them out.
    """

    sizes: StateSizes | None = None


UNKNOWN = JobOrigin()
"""Where a job says nothing that can be believed: no isolation."""


class _StateOrigin(_Signable):
    key: str
    files: dict[str, _Digest]
    created: str


class _SignedJob(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    origin: JobOrigin
    job: str
    job_sha256: _Digest


def state_origin(key: str, files: Mapping[str, str], made_by: JobOrigin) -> bytes:
    """Return the content of the origin file of a state, signed.

    Args:
        key: name of the state.
        files: sha256 of each of its files.
        made_by: what is known of the job that made it.

    Raises:
        UserError: this machine's key cannot be used.
    """
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    origin = _StateOrigin(
        isolation=made_by.isolation, executor=made_by.executor, key=key, files=dict(files), created=now
    )
    return _signed(origin, _STATE_CONTEXT, role_of(origin.isolation))


def isolation_of(key: str, folder: Path, files: Mapping[str, str], keys: Mapping[Role, PublicKey]) -> Isolation:
    """Return how isolated the code was that made a state; `none` where its origin file does not prove more.

    Args:
        key: name of the state.
        folder: where its files are.
        files: sha256 of each of its files now. The origin may name more: files that were dropped since.
        keys: the public keys of this machine.
    """
    try:
        statement, signature = _read(folder / ORIGIN_FILE)
        origin = _StateOrigin.model_validate_json(statement)
    except FileNotFoundError:
        return "none"
    except (RefusedFile, ValueError, KeyError, TypeError, RecursionError) as error:
        logger.warning("%s of the state %s makes no sense: it counts as not isolated: %s", ORIGIN_FILE, key[:12], error)
        return "none"
    problem = None
    if not _is_signed(statement, signature, _STATE_CONTEXT, origin.isolation, keys):
        problem = "has no valid signature of this machine"
    elif origin.key != key or not files.items() <= origin.files.items():
        problem = "belongs to another state"
    if problem is not None:
        logger.warning("%s of the state %s %s: it counts as not isolated", ORIGIN_FILE, key[:12], problem)
        return "none"
    return origin.isolation


def write_job_origin(job_file: Path, origin: JobOrigin) -> None:
    """Write down who runs a job, beside its file, where the job's trainer sees nothing of it.

    Raises:
        OSError: it cannot be written.
        UserError: this machine's key cannot be used.
    """
    signed = _SignedJob(origin=origin, job=job_file.parent.name, job_sha256=sha256_of(job_file))
    (job_file.parent / ORIGIN_FILE).write_bytes(_signed(signed, _JOB_CONTEXT, role_of(origin.isolation)))


def read_job_origin(job_file: Path) -> JobOrigin:
    """Return what was written down about a job; `UNKNOWN` where that is missing or not signed by this machine."""
    try:
        statement, signature = _read(job_file.parent / ORIGIN_FILE)
        signed = _SignedJob.model_validate_json(statement)
        belongs = (signed.job, signed.job_sha256) == (job_file.parent.name, sha256_of(job_file))
    except (RefusedFile, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        logger.warning("nothing is known of how %s ran: its states count as not isolated: %s", job_file, error)
        return UNKNOWN
    if not belongs or not _is_signed(statement, signature, _JOB_CONTEXT, signed.origin.isolation, public_keys()):
        logger.warning("the origin of %s is not signed by this machine: its states count as not isolated", job_file)
        return UNKNOWN
    return signed.origin


_STATE_CONTEXT, _JOB_CONTEXT = b"forget-me-not state origin v1\0", b"forget-me-not job origin v1\0"
"""Are signed in front of every statement, so that no signature made for another purpose is accepted here."""


def _signed(statement: BaseModel, context: bytes, role: Role) -> bytes:
    document = statement.model_dump(mode="json")
    signature = signing_key(role).private.sign(context + canonical_json(document))
    return canonical_json({"statement": document, "signature": signature.hex()})


def _read(path: Path) -> tuple[bytes, bytes]:
    """Read a file that was signed, every byte of it as `_signed` writes it: its statement, and the signature."""
    content = read_regular(path, _MAX_BYTES, follow_links=False)
    document = json.loads(content)
    statement, signature = canonical_json(document["statement"]), bytes.fromhex(document["signature"])
    if content != canonical_json({"statement": document["statement"], "signature": signature.hex()}):
        raise ValueError("it is not written as this machine writes it")
    return statement, signature


def _is_signed(
    statement: bytes, signature: bytes, context: bytes, isolation: Isolation, keys: Mapping[Role, PublicKey]
) -> bool:
    key = keys.get(role_of(isolation))
    return key is not None and key.verifies(signature, context + statement)
