"""What CONTRIBUTING, the pull-request template and the linters promise of the tree itself, held to the tree.

It reads what git tracks: a file that is not added yet is not judged.
"""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

import benchmark
from tests.conftest import MARKED

ROOT = Path(__file__).resolve().parents[1]
CODE = ("bench", "benchmark", "leaderboard")
MOST_FILES, MOST_LINES, MOST_FUNCTION_LINES = 16, 300, 60
MACHINE_PATH = re.compile(r"""(?m)(?:^|[\s(\[{=:,;`>]|(?<!\w)[rbfu]{0,2}["'])/(?:work|root)/""")


@cache
def tracked() -> tuple[Path, ...]:
    """List the files that git tracks, relative to the root, as they are in the working tree."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(path for name in listed.split("\0") if name and (ROOT / (path := Path(name))).is_file())


def code_files() -> Iterator[Path]:
    """Give the Python files of the product: no tests, no submissions."""
    return (path for path in tracked() if path.suffix == ".py" and path.parts[0] in CODE)


def packages() -> list[Path]:
    """List the folders of code in `benchmark/` and `leaderboard/`."""
    return sorted({path.parent for path in code_files() if path.parts[0] != "bench"})


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def rooms_of(text: str) -> set[str]:
    """Read the first column of the table below the heading "The rooms": code in backquotes, without a final slash."""
    _, _, below = text.partition("The rooms\n")
    section = re.split(r"(?m)^#+ ", below)[0]
    cells = (line.split("|")[1].strip() for line in section.splitlines() if line.lstrip().startswith("|"))
    return {cell.strip("`").rstrip("/") for cell in cells if cell.startswith("`")}


def test_no_folder_of_code_holds_two_trades() -> None:
    counts = Counter(str(path.parent) for path in code_files())
    assert {folder: count for folder, count in counts.items() if count > MOST_FILES} == {}


def test_no_file_of_code_is_longer_than_one_reads_at_once() -> None:
    lengths = {str(path): len((ROOT / path).read_text().splitlines()) for path in code_files()}
    assert len(lengths) > 100
    assert {path: length for path, length in lengths.items() if length > MOST_LINES} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    too_long: dict[str, int] = {}
    for path in code_files():
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                too_long |= {f"{path}:{node.lineno} {node.name}": length} if length > MOST_FUNCTION_LINES else {}
    assert too_long == {}


@pytest.mark.parametrize("folder", packages(), ids=str)
def test_every_package_says_in_a_sentence_what_it_owns(folder: Path) -> None:
    docstring = ast.get_docstring(ast.parse((ROOT / folder / "__init__.py").read_text()))
    assert docstring is not None
    assert re.match(r"[A-Z].{20,}?[.?]", " ".join(docstring.split())), docstring


def test_contributing_maps_exactly_the_rooms_that_exist() -> None:
    """A folder of code that nobody mapped is one that a newcomer does not find, and the reverse."""
    named = {room for room in rooms_of((ROOT / "CONTRIBUTING.md").read_text()) if not room.endswith(".py")}
    folders = {parent.as_posix() for path in tracked() for parent in path.parents}
    assert sorted(named - folders) == [], "rooms that do not exist"
    assert sorted({path.as_posix() for path in packages()} - {"benchmark", "leaderboard"} - named) == [], "not mapped"


def test_the_map_is_read_as_it_is_written() -> None:
    table = "| room | owns |\n|---|---|\n| `benchmark/a/` | x |\n| `bench` | y |\n"
    text = f"## The rooms\n\nFirst.\n\n{table}\n## Next\n| `no` |\n"
    assert rooms_of(text) == {"benchmark/a", "bench"}
    assert rooms_of("## Elsewhere\n| `benchmark/a` |\n") == set()


def test_every_place_says_the_same_version() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"]
    assert cited == pyproject()["project"]["version"] == benchmark.__version__


def test_both_packages_say_that_they_are_typed_and_ship_what_says_so() -> None:
    for package in ("benchmark", "leaderboard"):
        assert "py.typed" in pyproject()["tool"]["setuptools"]["package-data"][package]
        assert (ROOT / package / "py.typed").is_file()


def test_github_runs_what_people_run() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    commands = {name: "\n".join(step.get("run", "") for step in job["steps"]) for name, job in jobs.items()}
    assert "bash .ci/run quick" in commands["quick"]
    assert commands["quick"].count(".ci/run") == 1
    assert re.search(r"bash \.ci/run$", commands["whole"], re.MULTILINE)
    assert all(job["timeout-minutes"] <= 90 for job in jobs.values())


def test_a_workflow_may_read_the_code_and_nothing_else_and_pins_what_it_uses() -> None:
    workflows = list((ROOT / ".github/workflows").iterdir())
    assert workflows
    for path in workflows:
        workflow = yaml.safe_load(path.read_text())
        assert workflow["permissions"] == {"contents": "read"}
        steps = [step for job in workflow["jobs"].values() for step in job["steps"] if "uses" in step]
        assert [step["uses"] for step in steps if not re.fullmatch(r"[\w/-]+@v\d+\.\d+\.\d+", step["uses"])] == []


def test_ci_refuses_a_part_that_it_does_not_know() -> None:
    done = subprocess.run(["bash", ROOT / ".ci/run", "fast"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "usage: .ci/run [quick]\n")


def test_what_a_quick_run_leaves_out_exists_and_its_markers_are_known() -> None:
    """A renamed file would otherwise be back in the quick run, or a marker select nothing, without a word."""
    known = {line.partition(":")[0] for line in pyproject()["tool"]["pytest"]["ini_options"]["markers"]}
    assert set(MARKED) == known
    assert [place for places in MARKED.values() for place in places if not (ROOT / "tests" / place).exists()] == []
    (left_out,) = re.findall(r"-m '(.+)'", (ROOT / ".ci/run").read_text())
    assert left_out == " and ".join(f"not {marker}" for marker in MARKED)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('path = "/wo' + 'rk/x"', True), ("see /ro" + "ot/.cache", True), ("f'/ro" + "ot/x'", True),
        ('rm "$folder"/root/var', False), ("docs/work/x", False), ("~/.config", False),
    ],
)  # fmt: skip
def test_a_path_of_a_machine_is_recognised(text: str, found: bool) -> None:
    assert bool(MACHINE_PATH.search(text)) == found


def test_no_tracked_text_names_a_folder_of_somebodys_machine() -> None:
    """Records are among them: what is shipped must not tell where it was made."""
    found: list[str] = []
    for path in tracked():
        try:
            text = (ROOT / path).read_bytes().decode()
        except UnicodeDecodeError:
            continue  # a picture, weights or a table
        found += [f"{path}: {match.group().strip()}" for match in MACHINE_PATH.finditer(text)]
    assert found == []
