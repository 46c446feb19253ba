from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmark.method.contract import Method
from benchmark.method.loading import MethodLoadError, load_method_class

HEAD = "from benchmark.method.contract import Method\n"


@pytest.fixture(autouse=True)
def _unchanged_interpreter() -> Iterator[None]:
    modules, path = dict(sys.modules), list(sys.path)
    yield
    for name in set(sys.modules) - set(modules):
        del sys.modules[name]
    sys.path[:] = path


def write(directory: Path, **files: str) -> Path:
    directory.mkdir(exist_ok=True)
    for name, text in files.items():
        (directory / f"{name}.py").write_text(text)
    return directory


SHIPPED = sorted((Path(__file__).parents[2] / "submissions").glob("[!_]*/method.py"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_the_shipped_methods_load(path: Path) -> None:
    found = load_method_class(path.parent)
    assert issubclass(found, Method)
    assert found is not Method


def test_neighbours_are_imported_relatively_and_by_name(tmp_path: Path) -> None:
    directory = write(
        tmp_path / "a",
        method=HEAD + "from .near import X\nimport beside\nfrom .near import Base\n"
        "class Mine(Base):\n    values = (X, beside.Y)\n",
        near=HEAD + "X = 1\nclass Base(Method): ...\n",
        beside="Y = 2\n",
    )
    assert load_method_class(directory).__dict__["values"] == (1, 2)


def test_neighbours_do_not_replace_installed_modules(tmp_path: Path) -> None:
    directory = write(
        tmp_path / "a", method=HEAD + "import json\nclass Mine(Method):\n    used = json\n", json="raise RuntimeError\n"
    )
    assert load_method_class(directory).__dict__["used"] is json


def test_two_submissions_with_neighbours_of_one_name_do_not_meet(tmp_path: Path) -> None:
    for number in (1, 2):
        write(
            tmp_path / f"s{number}",
            method=HEAD + "import losses\nfrom . import losses as near\n"
            "class Mine(Method):\n    value = losses.X, near.X\n",
            losses=f"X = {number}\n",
        )
    first = load_method_class(tmp_path / "s1")
    second = load_method_class(tmp_path / "s2")
    assert (first.__dict__["value"], second.__dict__["value"]) == ((1, 1), (2, 2))
    assert str(tmp_path / "s1") not in sys.path
    assert first.__module__ == second.__module__ == "submission.method"


def test_a_second_name_for_the_class_is_still_one_class(tmp_path: Path) -> None:
    directory = write(tmp_path / "a", method=HEAD + "class Mine(Method): ...\nAlias = Mine\n")
    assert load_method_class(directory).__name__ == "Mine"


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("", "none"),
        ("class A: ...\n", "none"),
        ("class A(Method): ...\nclass B(A): ...\n", "A, B"),
        ("from .near import Other\n", "none"),
    ],
)
def test_anything_but_one_method_is_refused(tmp_path: Path, text: str, got: str) -> None:
    directory = write(tmp_path / "a", method=HEAD + text, near=HEAD + "class Other(Method): ...\n")
    with pytest.raises(MethodLoadError, match=rf"expected exactly one class deriving from Method, got {got}$"):
        load_method_class(directory)


@pytest.mark.parametrize(
    ("method", "near", "message"),
    [
        ("x = 1\nundefined\n", "", "method.py:2: importing raised NameError: name 'undefined' is not defined"),
        ("x = = 1\n", "", "method.py:1: importing raised SyntaxError: invalid syntax (method.py, line 1)"),
        ("import near\n", "\n1 / 0\n", "near.py:2: importing raised ZeroDivisionError: division by zero"),
        ("\nfrom . import absent\n", "", "method.py:2: importing raised ImportError: "),
        ("import sys\nsys.exit(0)\n", "", "method.py:2: importing raised SystemExit: 0"),
        ("raise Exception('a\\nb' * 500)\n", "", "method.py:1: importing raised Exception: a ba ba"),
        ("import no_such_module\n", "", "method.py:1: importing raised ModuleNotFoundError: No module named"),
    ],
)
def test_code_that_raises_is_named_with_file_and_line(tmp_path: Path, method: str, near: str, message: str) -> None:
    directory = write(tmp_path / "a", method=method, near=near)
    with pytest.raises(MethodLoadError) as caught:
        load_method_class(directory)
    assert str(caught.value).startswith(message)
    assert len(str(caught.value)) < 300
    assert caught.value.__cause__ is not None


def test_a_submission_without_a_method_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MethodLoadError, match="expected a file"):
        load_method_class(tmp_path)


def test_a_package_that_is_not_there_is_answered_with_the_rule_about_packages(tmp_path: Path) -> None:
    """A bare `No module named 'timm'` sends people to install it, which helps in no container."""
    with pytest.raises(MethodLoadError, match="a submission may import torch, kornia, numpy"):
        load_method_class(write(tmp_path / "a", method="import timm\n"))
