"""Where the files of a record lie, and the bytes of the record itself: plain JSON, or packed where records ship.

A record that ships with the code is packed by gzip, to a sixth of its size. What is signed, digested and shown are
always the bytes of the JSON. Reads what others wrote: a file that unpacks to more than a record may have is refused.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from benchmark.files.bounded import RefusedFile, read_regular

MAX_RECORD_BYTES = 256 * 2**20
PLAIN, PACKED = ".json", ".json.gz"
"""How the name of a record ends."""
_GZIP = 16 + zlib.MAX_WBITS


def record_paths(folder: Path, depth: str = "*/") -> Iterator[Path]:
    """List the records in a folder, in order.

    Args:
        folder: a store of records, one folder per specification.
        depth: of the records below it; empty for the folder itself.
    """
    yield from sorted({*folder.glob(f"{depth}*{PLAIN}"), *folder.glob(f"{depth}*{PACKED}")})


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


def read_content(path: Path) -> bytes:
    """Read the JSON of a record.

    Raises:
        OSError: it cannot be read.
        RefusedFile: it is no regular file, is larger than a record may be, or is packed and damaged.
    """
    content = read_regular(path, MAX_RECORD_BYTES)
    return _unpacked(content) if path.name.endswith(PACKED) else content


def packed(content: bytes) -> bytes:
    """Pack the JSON of a record; the same bytes always give the same bytes."""
    return gzip.compress(content, 9, mtime=0)


def _unpacked(content: bytes) -> bytes:
    """Unpack one gzip member, no further than a record may be long; it ends where the file ends."""
    inflating = zlib.decompressobj(_GZIP)
    try:
        found = inflating.decompress(content, MAX_RECORD_BYTES + 1)
    except zlib.error as error:
        raise RefusedFile(f"expected a record packed by gzip, got {error}") from None
    if len(found) > MAX_RECORD_BYTES:
        raise RefusedFile(f"expected at most {MAX_RECORD_BYTES} bytes once unpacked, got more")
    if not inflating.eof or inflating.unused_data:
        raise RefusedFile("expected a whole record packed by gzip and nothing after it, got another end")
    return found
