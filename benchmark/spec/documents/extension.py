"""Documents that build on another one: `extends: cifar10-mini`, a name of their own, and the fields that differ.

One rule: a field that is written replaces that field of the base as a whole. `dataset`, `encoder` and `training` stand
for those of the base's only task. It refuses to read files: see `benchmark.spec.documents.loading`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmark.spec.base import Problem
from benchmark.spec.benchmark_spec import BenchmarkSpec, Task
from benchmark.spec.documents.wording import nearest_word, one_of, path_to, quoted

EXTENDS = "extends"
"""The key that names the document to build on."""

_OF_TASK = tuple(Task.model_fields)
_OF_BENCHMARK = tuple(BenchmarkSpec.model_fields)
_NEVER_INHERITED = ("name", "description")


@dataclass(frozen=True)
class Extension:
    """What a document and its base say together.

    Attributes:
        value: the whole document, as plain data.
        problems: what is wrong with how it builds on its base.
        says_dataset: whether the document itself says which images are used.
    """

    value: Mapping[str, Any]
    problems: tuple[Problem, ...]
    says_dataset: bool


def extend(base: BenchmarkSpec, own: Mapping[str, Any]) -> Extension:
    """Put a document's own fields in the place of its base's."""
    inherited = base.model_dump(mode="json", exclude=set(_NEVER_INHERITED))
    changed = [name for name in own if name in (*_OF_TASK, *_OF_BENCHMARK) and name not in _NEVER_INHERITED]
    described = {"description": f"{base.name} {base.version}, except for {', '.join(changed) or 'the name'}."}
    written = {name: entry for name, entry in own.items() if name in _OF_BENCHMARK}
    task = {name: entry for name, entry in own.items() if name in _OF_TASK}
    whole = {**described, **inherited, **written}
    if task and "tasks" not in written:
        whole["tasks"] = [{**inherited["tasks"][0], **task}]
    return Extension(whole, tuple(_problems(base, own)), not {"dataset", "tasks"}.isdisjoint(own))


def as_written(problem: Problem, own: Mapping[str, Any]) -> Problem:
    """Say where a problem is in the words of the document: `dataset.size`, where it does not spell out `tasks`."""
    short = problem.where.removeprefix("tasks[0].")
    if "tasks" in own or not short.startswith(_OF_TASK):
        return problem
    return Problem(short, problem.expected, problem.got, problem.nearest)


def _problems(base: BenchmarkSpec, own: Mapping[str, Any]) -> Iterator[Problem]:
    known = (EXTENDS, *_OF_TASK, *_OF_BENCHMARK)
    for name in own:
        if name not in known:
            nearest = nearest_word(str(name), (each for each in known if each not in own))
            yield Problem(path_to("", str(name)), one_of(known), f"the unknown key {quoted(str(name))}", nearest)
    if own.get("name") == base.name:
        yield Problem("name", f"a name of its own, other than that of the document it {EXTENDS}", quoted(base.name))
    of_task = [name for name in _OF_TASK if name in own]
    if of_task and "tasks" in own:
        yield Problem(of_task[0], f"either tasks or {', '.join(_OF_TASK)}", "both")
    elif of_task and len(base.tasks) > 1:
        yield Problem(of_task[0], f"tasks written out, as {base.name} has {len(base.tasks)}", "a field of one task")
