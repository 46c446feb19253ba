"""No circles: no file imports itself through others, and no two entries of a folder need each other.

Imports inside functions and those for type checkers count: whoever reads one file of a circle has to read them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from functools import cache
from graphlib import CycleError, TopologicalSorter

import grimp
import pytest

PACKAGES = ("benchmark", "leaderboard")


@cache
def imports() -> Mapping[str, frozenset[str]]:
    """Give every module of ours with the modules of ours that it imports."""
    graph = grimp.build_graph(PACKAGES[0], *PACKAGES[1:], exclude_type_checking_imports=False, cache_dir=None)
    return {name: frozenset(graph.find_modules_directly_imported_by(name)) for name in graph.modules}


def circle(graph: Mapping[str, Set[str]]) -> list[str]:
    """Find a circle, as its members in order with the first one repeated; empty where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def folders() -> list[str]:
    names = imports()
    return sorted({name.rpartition(".")[0] for name in names} - {""})


def inside(folder: str) -> dict[str, set[str]]:
    """Give the files and folders in a folder with those beside them that they import; `__init__` is left out."""

    def entry(name: str) -> str | None:
        return name[len(folder) + 1 :].partition(".")[0] if name.startswith(f"{folder}.") else None

    graph: dict[str, set[str]] = {}
    for name, imported in imports().items():
        if (member := entry(name)) is not None:
            others = {other for each in imported if (other := entry(each)) is not None}
            graph.setdefault(member, set()).update(others - {member})
    return graph


def test_a_circle_is_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    found = circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})
    assert found[0] == found[-1]
    assert set(found) == {"a", "b", "c"}


def test_all_our_files_are_looked_at_and_type_checkers_imports_count() -> None:
    assert "benchmark.spec.canonical" in imports()["benchmark.plan.state_keys"]
    assert "benchmark.recording.tracking.projection" in imports()["benchmark.cli.session"]  # inside a function
    assert {"benchmark.store", "benchmark.scoring.metrics", "leaderboard.app.views"} <= set(folders())


def test_no_file_imports_itself_through_others() -> None:
    assert circle(imports()) == []


@pytest.mark.parametrize("folder", folders())
def test_no_entries_of_a_folder_need_each_other(folder: str) -> None:
    assert circle(inside(folder)) == []
