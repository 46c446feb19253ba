"""What names of files say in data sets as people store them: split, class, by-product or document; how to print them.

It reads no file.
"""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path
from typing import Literal

from benchmark.printable import spelled_out_bytes

Role = Literal["train", "test", "validation"]

_ROLES: dict[str, Role] = {
    "train": "train", "training": "train",
    "test": "test", "testing": "test",
    "val": "validation", "valid": "validation", "validation": "validation", "dev": "validation",
}  # fmt: skip

_BY_PRODUCTS = re.compile(
    r"\._.*|\.DS_Store|__MACOSX|Icon\r|\.localized|\.AppleDouble|\.Spotlight.*|\.Trash.*|\.fseventsd"  # macOS
    r"|e?h?thumbs(_vista)?\.db|desktop\.ini|\$RECYCLE\.BIN|System Volume Information"  # Windows
    r"|\.directory|lost\+found|\.nfs[0-9a-f]+|@eaDir|#recycle|\.?picasa\.ini"  # Linux, network disks, albums
    r"|\.git|\.git(ignore|attributes|keep)|\.ipynb_checkpoints",
    re.IGNORECASE,
)
"""Files and folders that systems and programs leave beside pictures."""

_DOCUMENTS = (
    ".txt", ".md", ".rst", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".html", ".pdf", ".doc", ".docx",
    ".xls", ".xlsx", ".log", ".rtf", ".toml", ".py", ".sh", ".ipynb", ".mat",
)  # fmt: skip
_DOCUMENT_NAMES = ("readme", "license", "licence", "copying", "notice", "changelog")


def role_of(folder: str) -> Role | None:
    """Say which split a folder (or an archive, without its ending) holds by its name, whatever the case.

    >>> role_of("Train"), role_of("testing"), role_of("cat")
    ('train', 'test', None)
    """
    return _ROLES.get(folder.casefold())


def is_by_product(part: str) -> bool:
    """Whether a file or folder is what a system leaves beside pictures, such as `.DS_Store` or `Thumbs.db`."""
    return _BY_PRODUCTS.fullmatch(part) is not None


def is_document(name: str) -> bool:
    """Whether a file is one that is read by people or programs beside the pictures: a list of labels, a licence."""
    last = name.rsplit("/", 1)[-1].casefold()
    return last.endswith(_DOCUMENTS) or last in _DOCUMENT_NAMES


def is_sound(name: str) -> bool:
    r"""Whether a name is Unicode text without control characters.

    >>> is_sound("caf\u00e9/1.png"), is_sound("\x1b[2J.png"), is_sound("caf\udce9.png")
    (True, False, False)
    """
    return not any(unicodedata.category(character) in ("Cc", "Cs") for character in name)


def class_name(folder: str) -> str:
    """Return the name of a class: its folder's, with accents in the one form that all systems can agree on (NFC)."""
    return unicodedata.normalize("NFC", folder)


def shown(name: str | Path) -> str:
    r"""Return a name for messages: on one line, bytes that are no UTF-8 and control characters spelled out.

    >>> shown("a\x1b[2J\n"), shown("caf\udce9")
    ('a\\x1b[2J\\n', 'caf\\xe9')
    """
    try:
        content = os.fsencode(name)
    except UnicodeEncodeError:  # a name out of an archive
        content = str(name).encode(errors="backslashreplace")
    return spelled_out_bytes(content).replace("\n", "\\n").replace("\t", "\\t")
