"""Data in the text of a submission is pointed out, however it is spelt; ordinary code is not."""

from __future__ import annotations

import ast
import base64
import random
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from benchmark.admission.directory import MAX_TOTAL_BYTES
from benchmark.admission.gate import admit
from benchmark.admission.hidden_data import code_warnings, literal_warnings, text_warnings
from tests.executors.submissions import write_submission


def literals(text: str) -> list[str]:
    return list(literal_warnings("f.py", ast.parse(text)))


LABELS = random.Random(0).choices(range(10), k=20_000)


@pytest.mark.parametrize(
    "text",
    [
        f"x = 1\ny = {base64.b64encode(bytes(LABELS)).decode()!r}",
        f"x = 1\ny = {bytes(LABELS)!r}",
        f"x = 1\ny = {''.join(map(str, LABELS))!r}",
        f"x = 1\ny = 0x{''.join(map(str, LABELS))}",
    ],
)
def test_a_long_literal_is_pointed_out(text: str) -> None:
    found = literals(text)
    assert found[0].startswith("f.py:2: a literal of ")
    assert found[1].startswith("f.py: literals that carry ")


@pytest.mark.parametrize(
    "text",
    [
        f"y = {LABELS}",
        "y = (" + "\n".join(repr(str(label)) for label in LABELS) + ",)",
        "y = [" + ",".join(repr("".join(map(str, LABELS[i : i + 50]))) for i in range(0, 20_000, 50)) + "]",
        "y = " + " + ".join(["b'" + "".join(map(str, LABELS[i : i + 4000])) + "'" for i in range(0, 20_000, 4000)]),
    ],
)
def test_much_in_small_literals_is_pointed_out_too(text: str) -> None:
    assert any("literals that carry" in found or "a literal of" in found for found in literals(text))


def test_ordinary_code_and_long_docstrings_are_not_pointed_out() -> None:
    docstring = " ".join(f"word{i}" for i in range(3000))
    text = f'"""{docstring}"""\ndef f():\n    """{docstring}"""\n    return [0.5, 0.9, "relu", True, None, ...]\n'
    assert literals(text) == []


def test_texts_that_look_encoded_are_pointed_out_with_their_line() -> None:
    noise = base64.b64encode(random.Random(0).randbytes(9000)).decode()
    (dense, run) = text_warnings("f.py", f"# one\n# {noise}\n")
    assert dense.startswith("f.py: ")
    assert run == "f.py:2: 12000 characters without a break, as encoded data would have"
    broken = "\n".join(f"# {noise[i : i + 60]}" for i in range(0, len(noise), 60))
    assert len(list(text_warnings("f.py", broken))) == 1


def test_data_files_that_carry_much_are_pointed_out() -> None:
    (found,) = text_warnings("labels.txt", "\n".join(map(str, LABELS)))
    assert "carries" in found


def test_prose_code_and_rulers_are_not_pointed_out() -> None:
    code = Path(__file__).parents[2] / "benchmark"
    for path in (code / "spec" / "documents" / "validation.py", code / "method" / "contract.py"):
        assert list(text_warnings(path.name, path.read_text())) == []
    assert list(text_warnings("README.md", "=" * 400 + "\n" + "-" * 300)) == []


def test_invisible_direction_marks_are_pointed_out() -> None:
    (found,) = text_warnings("f.py", "a\nb = '\u202e'\n")
    assert found == "f.py:2: an invisible mark (U+202E) that changes how the text reads"


ALL_LABELS = random.Random(1).choices(range(10), k=50_000)
"""As many as CIFAR-10 has in training."""

WORDS = ["stem", "norm", "conv", "head", "relu", "pool", "view", "loss", "temp", "bias"]
PAIRS, TRIPLES = [a + b for a in WORDS for b in WORDS], [a + b + c for a in WORDS for b in WORDS for c in WORDS]


def in_groups(num_digits: int) -> list[int]:
    """The labels, some digits at a time."""
    return [int("".join(map(str, ALL_LABELS[i : i + num_digits]))) for i in range(0, 50_000, num_digits)]


def chains(names: list[str], length: int = 30) -> list[str]:
    return ["x." + ".".join(names[i : i + length]) for i in range(0, len(names), length)]


SPELLINGS: dict[str, Callable[[], list[str]]] = {
    "decimals": lambda: [f"y.append({part})" for part in in_groups(12)],
    "fractions": lambda: [f"y.append(0.{part:012d})" for part in in_groups(12)],
    "digits": lambda: [f"y += {ALL_LABELS[i : i + 100]}" for i in range(0, 50_000, 100)],
    "short strings": lambda: [f"y += '{part:05d}'" for part in in_groups(5)],
    "attributes": lambda: chains(spelt_in(WORDS, 1)),
    "attributes of short chains": lambda: chains(["abcdefghij"[part] for part in in_groups(1)], 4),
    "attributes of many names": lambda: chains(spelt_in(PAIRS, 2)),
    "attributes of very many names": lambda: chains(spelt_in(TRIPLES, 3)),
    "arguments": lambda: [f"f({', '.join(spelt_in(PAIRS, 2)[i : i + 20])})" for i in range(0, 25_000, 20)],
}


def spelt_in(words: list[str], num_digits: int) -> list[str]:
    return [words[part] for part in in_groups(num_digits)]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_labels_spread_over_twelve_files_are_pointed_out_whatever_they_are_spelt_in(
    spelling: str, tmp_path: Path
) -> None:
    """T3: literals were judged file by file, and names not at all."""
    submission, lines = write_submission(tmp_path / "submission"), SPELLINGS[spelling]()
    for number in range(12):
        (submission / f"part{number}.py").write_text("\n".join(lines[number::12]) + "\n")
    warnings = admit(submission, tmp_path / "copy").warnings
    assert any(text.startswith("all files: ") for text in warnings), warnings


@pytest.mark.parametrize("package", ["benchmark", "leaderboard", "bench"])
def test_as_much_ordinary_code_as_is_allowed_is_not_pointed_out_as_a_whole(package: str) -> None:
    """Our own packages stand for ordinary code; our tests do not, whose tables of cases are data in literals."""
    sources: dict[str, str] = {}
    for path in sorted((Path(__file__).parents[2] / package).rglob("*.py")):
        if sum(map(len, sources.values())) < MAX_TOTAL_BYTES:
            sources[str(path)] = path.read_text()
    assert list(code_warnings(sources, {name: ast.parse(text) for name, text in sources.items()})) == []


def test_the_work_of_judging_a_submission_grows_as_its_size(tmp_path: Path) -> None:
    """Counted in calls, which no busy machine changes; what grows as the square has 16 times as many here."""
    sources = [path.read_bytes() for path in sorted((Path(__file__).parents[2] / "benchmark").rglob("*.py"))]
    part = b"".join(sources)[: (MAX_TOTAL_BYTES - 8192) // 16].rpartition(b"\n\n\n")[0]
    quarter, whole = (
        num_calls(partial(admit, submission_of([part] * number, tmp_path / str(number)), tmp_path / f"copy{number}"))
        for number in (4, 16)
    )
    assert whole < 1.5 * 4 * quarter


def submission_of(parts: list[bytes], directory: Path) -> Path:
    directory.mkdir()
    submission = write_submission(directory / "submission")
    for number, part in enumerate(parts):
        (submission / f"part{number}.py").write_bytes(part)
    return submission


def num_calls(function: Callable[[], object]) -> int:
    """Count the calls of functions, Python's own among them, that a call makes."""
    found = [0]

    def count(frame: object, event: str, argument: object) -> None:
        found[0] += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(None)
    return found[0]
