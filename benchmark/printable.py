r"""Text that is not trusted, made safe to print: whatever would steer a terminal is spelled out, or replaced by `?`.

For a browser this is not enough: the leaderboard escapes markup, too.
"""

from __future__ import annotations

MAX_ERROR_CHARACTERS = 300


def counted(number: int, noun: str) -> str:
    """Say a number with its noun, in the plural where that is due.

    >>> counted(1, "entry"), counted(0, "entry"), counted(1200, "image"), counted(2, "class")
    ('1 entry', '0 entries', '1,200 images', '2 classes')
    """
    if number == 1:
        return f"1 {noun}"
    if noun.endswith("y"):
        return f"{number:,} {noun[:-1]}ies"
    return f"{number:,} {noun}{'es' if noun.endswith('s') else 's'}"


def spelled_out(text: str) -> str:
    r"""Spell control and invisible characters out as escape sequences; lines and tabs stay.

    >>> spelled_out("caf\u00e9\x1b[2J\r\n")
    'café\\x1b[2J\\r\n'
    """
    return "".join(c if c in "\n\t" or c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def spelled_out_bytes(printed: bytes) -> str:
    r"""Decode UTF-8 and spell out what is not printable; bytes that are no UTF-8 become `\xff` and the like."""
    return spelled_out(printed.decode("utf-8", errors="backslashreplace"))


def masked(text: str) -> str:
    r"""Replace every control and invisible character by a question mark, the ends of lines among them.

    >>> masked("a\x1b[2J\nb")
    'a?[2J?b'
    """
    return "".join(character if character.isprintable() else "?" for character in text)


def on_one_line(text: str, max_characters: int = MAX_ERROR_CHARACTERS) -> str:
    r"""Collapse white space, cut at the end, and spell out what is not printable.

    >>> on_one_line("  two\n  lines\x07")
    'two lines\\x07'
    """
    return spelled_out(" ".join(text.split())[:max_characters])


def error_line(error: BaseException, max_characters: int = MAX_ERROR_CHARACTERS) -> str:
    """Return the kind of an exception and its message on one line.

    >>> error_line(KeyError("x")), error_line(MemoryError())
    ("KeyError: 'x'", 'MemoryError')
    """
    message = on_one_line(str(error), max_characters)
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
