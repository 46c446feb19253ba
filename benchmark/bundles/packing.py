"""Named bytes as one archive, the same bytes everywhere: tar with sorted names and no owners, packed with gzip.

It owns what such an archive may be. Unpacking happens in memory, within bounds, and accepts an archive only where
packing its content again gives the same tar, so that no file can hide beside its files. How gzip has coded this tar is
left open, because versions of zlib code it differently: some bits of the code can change and say the same files. Those
of gzip's header and trailer cannot.
"""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import PurePosixPath

from benchmark.printable import counted, on_one_line

MAX_BUNDLE_BYTES = 64 * 2**20
"""Of a bundle on the disk."""
MAX_UNPACKED_BYTES = 192 * 2**20
"""Of the tar inside."""
MAX_FILE_BYTES = 128 * 2**20
MAX_FILES = 256
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}){0,5}")
_GZIP_HEADER = bytes.fromhex("1f8b08000000000002ff")
"""Of gzip without a name and a time; part of the format, because its bytes are not covered by the checksum."""
_UNREADABLE = (tarfile.TarError, ValueError, OSError, EOFError, LookupError, OverflowError, RecursionError)


class BadBundle(ValueError):  # noqa: N818 - says in one sentence why nothing of a bundle is taken
    """A file is no bundle, was changed after signing, or contradicts itself."""


def pack(files: Mapping[str, bytes]) -> bytes:
    """Pack files into an archive; equal files give equal bytes.

    Args:
        files: contents by relative name, such as `submission/method.py`.

    Raises:
        BadBundle: a name or the size is one that `unpack` refuses.
    """
    for name, content in files.items():
        _check_file(name, len(content))
    _check_names(list(files))
    content = _tar_of(files)
    if len(content) > MAX_UNPACKED_BYTES:
        raise BadBundle(f"expected at most {MAX_UNPACKED_BYTES >> 20} MiB in a bundle, got {len(content) >> 20} MiB")
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=packed, mtime=0) as stream:
        stream.write(content)
    if packed.tell() > MAX_BUNDLE_BYTES:
        raise BadBundle(f"expected at most {MAX_BUNDLE_BYTES >> 20} MiB as a bundle, got {packed.tell() >> 20} MiB")
    return packed.getvalue()


def unpack(packed: bytes) -> dict[str, bytes]:
    """Unpack an archive of unknown origin into memory.

    Returns:
        Contents by name: at most 256 regular files, 192 MiB in all. Names are relative, of at most six parts of
        letters, digits, `_`, `.` and `-`, none of which begins with a dot.

    Raises:
        BadBundle: it is not what `pack` writes, up to how gzip has coded it.
    """
    content = _unzipped(packed)
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            for member in archive:
                name, data = _read(archive, member)
                if name in files or len(files) == MAX_FILES:
                    raise BadBundle(f"expected at most {MAX_FILES} files, every name once, got more")
                files[name] = data
        _check_names(list(files))
        again = _tar_of(files)
    except BadBundle:
        raise
    except _UNREADABLE as error:
        raise BadBundle(f"its archive is damaged: {on_one_line(str(error), 100) or type(error).__name__}") from None
    if again != content:
        raise BadBundle("expected exactly the files of a bundle in their one order, got other bytes beside them")
    return files


def _tar_of(files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(files):
            member = tarfile.TarInfo(name)  # without owner and time
            member.size = len(files[name])
            archive.addfile(member, io.BytesIO(files[name]))
    return stream.getvalue()


def _unzipped(packed: bytes) -> bytes:
    if len(packed) > MAX_BUNDLE_BYTES:
        raise BadBundle(f"expected at most {MAX_BUNDLE_BYTES >> 20} MiB, got more")
    if not packed.startswith(_GZIP_HEADER):
        raise BadBundle("expected a bundle as `fmn submit` writes it, got another kind of file")
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        content = stream.decompress(packed, MAX_UNPACKED_BYTES + 1)
    except zlib.error:
        raise BadBundle("its archive is damaged: it cannot be unpacked") from None
    if len(content) > MAX_UNPACKED_BYTES:
        raise BadBundle(f"expected at most {MAX_UNPACKED_BYTES >> 20} MiB when unpacked, got more")
    if not stream.eof or stream.unused_data:
        raise BadBundle("its archive is damaged: it is cut off, or something follows its end")
    return content


def _read(archive: tarfile.TarFile, member: tarfile.TarInfo) -> tuple[str, bytes]:
    """Read one member that is a plain file; links, devices, sparse files and extended headers are refused unread."""
    judge = getattr(tarfile, "data_filter", None)  # Python's own rules for foreign archives; 3.11.0 to 3.11.3 lack them
    if judge is not None:
        judge(member, ".")
    if member.type != tarfile.REGTYPE or member.sparse is not None or member.pax_headers:
        raise BadBundle("expected plain files only, got a link, a folder or another kind of entry")
    _check_file(member.name, member.size)
    file = archive.extractfile(member)
    return member.name, b"" if file is None else file.read()


def _check_file(name: str, num_bytes: int) -> None:
    if not _NAME.fullmatch(name):
        raise BadBundle("expected relative names of letters, digits, `_`, `.` and `-`, got another name")
    if num_bytes > MAX_FILE_BYTES:
        raise BadBundle(f"{name}: expected at most {MAX_FILE_BYTES >> 20} MiB, got {num_bytes >> 20} MiB")


def _check_names(names: list[str]) -> None:
    """Refuse names that some file systems take for one, files that stand where a folder is needed, and too many."""
    if len(names) > MAX_FILES:
        raise BadBundle(f"expected at most {MAX_FILES} files, got {counted(len(names), 'file')}")
    folded = {name.casefold() for name in names}
    if len(folded) != len(names):
        raise BadBundle("expected names that differ by more than capital letters, got two that do not")
    if any(str(folder) in folded for name in folded for folder in PurePosixPath(name).parents):
        raise BadBundle("expected files and folders of different names, got one name for both")
