"""Where the files of a record lie, and the bytes of the record itself: plain JSON, or packed where records ship.

A record that ships with the code is packed by gzip, to a sixth of its size. What is signed, digested and shown are
always the bytes of the JSON. Reads what others wrote: a file that unpacks to more than a record may have is refused.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path

from benchmark.files.bounded import RefusedFile, read_regular

MAX_RECORD_BYTES = 256 * 2**20
MAX_UNPACKED_BYTES = 32 * 2**20
"""Of a packed record: those that ship have half a MiB, and nobody's signature is known before it is unpacked."""
PLAIN, PACKED = ".json", ".json.gz"
"""How the name of a record ends."""
_GZIP = 16 + zlib.MAX_WBITS


def record_paths(folder: Path, start: str = "*/") -> Iterator[Path]:
    """List the records in a folder, in order.

    Args:
        folder: a store of records, one folder per specification, or one of those.
        start: how their paths begin below it, as a pattern: `*/` in a store, empty or a name in a single folder.
    """
    yield from sorted({*folder.glob(f"{start}*{PLAIN}"), *folder.glob(f"{start}*{PACKED}")})


def plain_name(path: Path) -> str:
    """Return the name that a record has in an archive, where it is not packed."""
    return f"{path.name.removesuffix(PACKED).removesuffix(PLAIN)}{PLAIN}"


def beside(path: Path, suffix: str) -> Path:
    """Return where the file of a record with this suffix lies.

    Example:
        >>> beside(Path("a-1.0/b.json.gz"), ".sig").name, beside(Path("b.json"), ".maps.parquet").name
        ('b.sig', 'b.maps.parquet')
    """
    return path.with_name(plain_name(path)).with_suffix(suffix)


def existing(path: Path) -> Path | None:
    """Return where the record is that is plain or packed at this place of an archive; None where there is none."""
    plain = path.with_name(plain_name(path))
    return next((each for each in (plain, beside(plain, PACKED)) if each.exists()), None)


def content_sha256(path: Path) -> str:
    """Return the digest of the JSON of a record, packed or not, in hex."""
    return hashlib.sha256(read_content(path)).hexdigest()


def read_content(path: Path) -> bytes:
    """Read the JSON of a record.

    Raises:
        OSError: it cannot be read.
        RefusedFile: it is no regular file, is larger than a record may be, or is packed and damaged.
    """
    if path.name.endswith(PACKED):
        return _unpacked(read_regular(path, MAX_UNPACKED_BYTES))
    return read_regular(path, MAX_RECORD_BYTES)


def packed(content: bytes) -> bytes:
    """Pack the JSON of a record; the same bytes always give the same bytes."""
    return gzip.compress(content, 9, mtime=0)


def _unpacked(content: bytes) -> bytes:
    """Unpack one gzip member, no further than `MAX_UNPACKED_BYTES`; it ends where the file ends."""
    inflating = zlib.decompressobj(_GZIP)
    try:
        found = inflating.decompress(content, MAX_UNPACKED_BYTES + 1)
    except zlib.error as error:
        raise RefusedFile(f"expected a record packed by gzip, got {error}") from None
    if len(found) > MAX_UNPACKED_BYTES:
        raise RefusedFile(f"expected at most {MAX_UNPACKED_BYTES} bytes once unpacked, got more")
    if not inflating.eof or inflating.unused_data:
        raise RefusedFile("expected a whole record packed by gzip and nothing after it, got another end")
    return found
