"""Files that carry their own digest: what was changed or damaged after it was written reads as absent.

For caches, whose content can be made again. It protects from faulty disks and careless hands, not from forgers.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

from benchmark.files.atomic import write_atomically

logger = logging.getLogger(__name__)

_MAGIC = b"forget-me-not sealed 1\n"
_DIGEST_BYTES = hashlib.sha256().digest_size


def write_sealed(path: Path, content: bytes) -> None:
    """Write a file with a digest over its content and its own name in front; not durable, as it can be made again.

    Raises:
        OSError: it cannot be written; what was there before is unchanged.
    """
    write_atomically(path, _MAGIC + _seal(path.name, content) + content, durable=False)


def read_sealed(path: Path) -> bytes | None:
    """Return the content of a file, or None where there is none that is whole and was written under this name.

    Raises:
        OSError: it is there and cannot be read at the moment.
    """
    try:
        stored = path.read_bytes()
    except FileNotFoundError:
        return None
    seal, content = stored[len(_MAGIC) :][:_DIGEST_BYTES], stored[len(_MAGIC) + _DIGEST_BYTES :]
    if stored.startswith(_MAGIC) and seal == _seal(path.name, content):
        return content
    logger.warning("%s is damaged, or from an earlier version: what it held is computed again", path)
    return None


def _seal(name: str, content: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\0" + content).digest()
