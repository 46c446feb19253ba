"""Settings: read in one place, documented there, and an empty variable means its default everywhere."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

import pytest

from benchmark.settings import VARIABLES, Settings, read_settings, settings_table
from benchmark.store.layout import Home
from leaderboard.reading.record_store import SHIPPED, homes

ROOT = Path(__file__).parents[1]
NAMES = [variable.name for variable in VARIABLES]
PASSES_ON = {
    "benchmark/executors/child_process.py", "benchmark/executors/docker/watchdog.py", "benchmark/cli/serve.py",
    "benchmark/recording/tracking/store.py",
}  # fmt: skip
"""Files that hand a part of the environment to a child process or to a library; they look at no value."""


class Recorded(Mapping[str, str]):
    """An environment that remembers which names were asked for."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("only names that are documented are read")

    def __len__(self) -> int:
        raise AssertionError("only names that are documented are read")


def test_every_variable_that_is_read_is_documented_and_every_documented_one_is_read() -> None:
    environment = Recorded()
    read_settings(environment)
    assert environment.asked == set(NAMES)
    assert len(NAMES) == len(set(NAMES)) == len(fields(Settings))


def test_every_variable_has_a_sentence_and_a_default() -> None:
    for variable in VARIABLES:
        assert variable.meaning.endswith(".")
        assert variable.meaning.count(". ") == 0
        assert variable.default


def test_the_documentation_has_the_table_of_the_code() -> None:
    assert settings_table() in (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")


_SPELLINGS = {"environ", "environb", "getenv", "getenvb"}


def reads_of_the_environment(tree: ast.AST) -> list[int]:
    """Find the lines that take a value out of the environment, whatever they call it."""
    return [node.lineno for node in ast.walk(tree) if isinstance(node, ast.expr | ast.ImportFrom) and _reads(node)]


def _reads(node: ast.expr | ast.ImportFrom) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=value, attr=name)):
            return _is_environment(value) and name != "setdefault"
        case ast.Attribute(attr=name):
            return name in _SPELLINGS - {"environ"}
        case ast.Subscript(value=value, ctx=ast.Load()):
            return _is_environment(value)
        case ast.ImportFrom(names=names):
            return not _SPELLINGS.isdisjoint(alias.name for alias in names)
        case _:
            return False


def _is_environment(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "environ"


def test_no_other_file_reads_the_environment() -> None:
    found = [
        f"{name}:{line}"
        for folder in ("benchmark", "leaderboard")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if (name := path.relative_to(ROOT).as_posix()) not in PASSES_ON | {"benchmark/settings.py"}
        for line in reads_of_the_environment(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    ["os.environ['A']", "os.environ.get('A')", "os.getenv('A')", "from os import environ", "os.environ.pop('A')"],
)
def test_every_way_to_read_the_environment_is_found(line: str) -> None:
    assert reads_of_the_environment(ast.parse(line)) == [1]


@pytest.mark.parametrize("name", sorted(PASSES_ON))
def test_a_file_that_passes_the_environment_on_names_none_of_our_variables_as_a_value_to_read(name: str) -> None:
    tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
    constant = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and _is_environment(node.value) and isinstance(node.slice, ast.Constant)
    ]
    assert constant == []


@pytest.mark.parametrize("value", ["", None])
def test_an_empty_home_is_the_default_for_evaluations_and_for_the_leaderboard(
    value: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The leaderboard once took an empty variable for the working directory, while evaluations wrote to `runs`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FMN_RESULTS")
    monkeypatch.delenv("FMN_HOME") if value is None else monkeypatch.setenv("FMN_HOME", value)
    assert Home.from_environment().root == tmp_path.resolve() / "runs"
    assert homes() == (tmp_path / "runs", SHIPPED)


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_variable_is_like_one_that_is_not_set(name: str) -> None:
    assert read_settings({name: ""}) == read_settings({})


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"FMN_CACHE": "/c"}, "/c"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/forget-me-not"),
        ({"XDG_CACHE_HOME": "x"}, "/home/ada/.cache/forget-me-not"),
        ({}, "/home/ada/.cache/forget-me-not"),
    ],
)
def test_the_cache_is_where_the_user_keeps_caches(
    environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert read_settings(environment).cache_folder == Path(expected)
