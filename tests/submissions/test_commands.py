"""Every command that a page tells a reader to type is one of this version: its door, its verb, its options.

`.ci/run` types those of the `sh` blocks. Others serve without end, need a file from somebody or hours: they are parsed.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from benchmark.cli.app import app
from tests.submissions.zoo import SUBMISSIONS

ROOT = SUBMISSIONS.parent
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "submissions/README.md")),
    *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs/guide").glob("*.md")),
]  # fmt: skip
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
FMN: Any = get_command(app)


def typed(text: str) -> list[list[str]]:
    """Return the words of every line of the blocks that show commands, without settings in front and comments."""
    lines = [line for block in re.findall(r"(?ms)^```(?:sh|console)\n(.*?)^```$", text) for line in block.splitlines()]
    words = [shlex.split(line.removeprefix("$ "), comments=True) for line in lines]
    return [_without_settings(each) for each in words if each]


def mentioned(text: str) -> list[list[str]]:
    """Return the words of every command that a sentence names, which may leave out what it is not about."""
    return [shlex.split(each) for each in re.findall(r"`((?:\.venv/bin/)?(?:fmn|make) [^`\n]+)`", text)]


def _without_settings(words: list[str]) -> list[str]:
    return words[1:] if re.match(r"[A-Z_]+=", words[0]) else words


def wrong_with(words: list[str], *, is_whole: bool) -> str:
    """Say what is wrong with a command; nothing if it is one of this version."""
    door, *rest = words
    if door == "make":
        return _wrong_with_door(rest, is_whole)
    if Path(door).name == "fmn":
        return _wrong_with_verb(rest, is_whole)
    return f"{door}: neither make nor fmn"


def _wrong_with_door(words: list[str], is_whole: bool) -> str:
    target, *settings = words
    recipe = re.search(rf"(?m)^{re.escape(target)}:.*\n(?:\t.*\n)*", MAKEFILE)
    if recipe is None:
        return f"make {target}: no such target"
    names = [each.partition("=")[0] for each in settings]
    unknown = [name for name in names if not re.search(rf"\b{name}\b", recipe[0])]
    if unknown or not is_whole:
        return f"make {target}: does not look at {', '.join(unknown)}" if unknown else ""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "-n", *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return done.stderr.strip()
    made = [shlex.split(line) for line in done.stdout.splitlines() if line.startswith(".venv/bin/fmn ")]
    return "".join(_wrong_with_verb(each[1:], is_whole) for each in made)


def _wrong_with_verb(words: list[str], is_whole: bool) -> str:
    name, *rest = words
    if name.startswith("-"):
        return "" if name == "--help" else f"fmn {name}: no such option"
    verb = FMN.commands.get(name)
    if verb is None:
        return f"fmn {name}: no such verb"
    if not is_whole:
        known = {option for parameter in verb.params for option in parameter.opts} | {"--help"}
        unknown = [each for each in rest if each.startswith("-") and each not in known]
        return f"fmn {name}: no option {', '.join(unknown)}" if unknown else ""
    try:
        verb.make_context(name, rest)
    except Exception as error:
        return f"fmn {name}: {error}"
    return ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_a_page_is_one_of_this_version(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    found = [wrong_with(words, is_whole=True) for words in typed(text)]
    found += [wrong_with(words, is_whole=False) for words in mentioned(text)]
    assert list(filter(None, found)) == []


def test_commands_are_found() -> None:
    """A page that is written otherwise must not empty the test above."""
    texts = {page.stem: page.read_text(encoding="utf-8") for page in PAGES if page.parent.name == "guide"}
    assert ["make", "leaderboard"] in typed(texts["ten-minutes"])
    assert ["fmn", "receive", "their.bundle", "--dry-run"] in typed(texts["host-site"])
    assert ["make", "receive", "BUNDLE=simclr.bundle"] in typed(texts["ten-minutes"])
    assert ["fmn", "reproduce", "RECORD"] in mentioned(texts["host-site"])


@pytest.mark.parametrize(("command", "said"), [
    ("make avaluate SUBMISSION=simclr", "make avaluate: no such target"),
    ("make evaluate SUBMISSION=simclr SPEK=digits", "make evaluate: does not look at SPEK"),
    ("make evaluate", "SUBMISSION is missing"),
    ("make receive", "BUNDLE is missing"),
    ("fmn evaluat simclr", "fmn evaluat: no such verb"),
    ("fmn receive", "fmn receive: "),
    ("fmn receive x.bundle --dry", "fmn receive: "),
    ("python -m benchmark", "python: neither make nor fmn"),
])  # fmt: skip
def test_a_command_of_no_version_is_named(command: str, said: str) -> None:
    assert said in wrong_with(shlex.split(command), is_whole=True)


@pytest.mark.parametrize(("command", "said"), [
    ("fmn receive --dry", "fmn receive: no option --dry"), ("fmn --halp", "fmn --halp: no such option"),
    ("make check ALLE=1", "make check: does not look at ALLE"), ("fmn receive", ""), ("make evaluate", ""),
])  # fmt: skip
def test_a_mention_may_be_short_but_not_wrong(command: str, said: str) -> None:
    assert wrong_with(shlex.split(command), is_whole=False) == said
