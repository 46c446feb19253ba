"""Writes `docs/metrics.md` from the docstrings of the metrics, so that page and code cannot differ: `make docs`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType

from benchmark.scoring import score_math
from benchmark.scoring.metric import CellMetric, GridMetric, ModelMetric
from benchmark.scoring.registry import CELL_METRICS, GRID_METRICS, MODEL_METRICS

_HEADER = """# Metrics

Generated from the docstrings of `benchmark/scoring/` by `make docs`; edit them, not this page. K models per population,
N test images, M training images, D features, C classes. Arrows: which direction is better.
"""

_ARROWS = {"higher": "↑", "lower": "↓", "neither": ""}

Metric = ModelMetric | CellMetric | GridMetric


def metrics_page() -> str:
    """Return the whole page."""
    parts = [_HEADER]
    for title, metrics in (
        ("Read from one model", MODEL_METRICS),
        ("Read from a population beside its dense one", CELL_METRICS),
        ("Read from the whole grid of a submission", GRID_METRICS),
    ):
        parts.append(f"## {title}\n")
        for metric in metrics:
            parts += _section(metric)
    parts += ["## Arithmetic that the leaderboard shares\n", f"{inspect.cleandoc(score_math.__doc__ or '')}"]
    parts += [*_functions(score_math), _source_of(score_math)]
    return "\n".join(parts).rstrip() + "\n"


def _section(metric: Metric) -> Iterator[str]:
    module = _module_of(metric)
    yield f"### {metric.name}\n"
    yield f"{inspect.cleandoc(module.__doc__ or '')}\n"
    yield "| number | title | unit | what it is |\n|---|---|---|---|"
    for column in metric.columns:
        title = f"{column.title} {_ARROWS[column.better]}".strip()
        yield f"| `{column.name}` | {title} | {column.unit or 'fraction or count'} | {column.description} |"
    yield from _functions(module)
    yield _source_of(module)


def _functions(module: ModuleType) -> Iterator[str]:
    for function in _public_functions(module):
        yield f"\n`{function.__name__}`\n\n```text\n{inspect.getdoc(function)}\n```"


def _source_of(module: ModuleType) -> str:
    return f"\nSource file: `{module.__name__.replace('.', '/')}.py`\n"


def _public_functions(module: ModuleType) -> list[FunctionType]:
    """List the module's own documented functions, where formulas, shapes and sources stand."""
    return [
        member
        for name, member in vars(module).items()
        if isinstance(member, FunctionType) and member.__module__ == module.__name__ and not name.startswith("_")
    ]


def _module_of(metric: Metric) -> ModuleType:
    return sys.modules[metric.measure.__module__]


def main() -> None:
    """Write the page to the path given as the only argument."""
    Path(sys.argv[1]).write_text(metrics_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
