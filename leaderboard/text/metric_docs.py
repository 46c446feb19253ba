"""The docstrings of the benchmark's metrics, read as text: what a metric is, in the words beside its code.

The modules are parsed and never imported, as some need torch.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import logging
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class MetricDoc:
    """One module of `benchmark.scoring` that registers a metric.

    Attributes:
        module: its name.
        groups: the groups of its numbers (`pie` of `pie/excess`), as far as they are spelled in the file.
        about: docstring of the module.
        functions: docstrings of its public functions by name.
    """

    module: str
    groups: frozenset[str]
    about: str
    functions: dict[str, str]


def metric_docs(folder: Path | None = None) -> list[MetricDoc]:
    """Read every module that defines a `METRIC`, by name; an unreadable one is left out."""
    found: list[MetricDoc] = []
    for path in sorted((folder or _scoring_folder()).glob("**/*.py")):
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (OSError, SyntaxError, ValueError) as error:
            logger.warning("%s cannot be read; the page on metrics leaves it out: %s", path, error)
            continue
        if _defines_metric(tree):
            found.append(MetricDoc(path.stem, _groups(tree), ast.get_docstring(tree) or "", _functions(tree)))
    return found


def _scoring_folder() -> Path:
    spec = importlib.util.find_spec("benchmark.scoring")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])


def _defines_metric(tree: ast.Module) -> bool:
    targets = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    targets += [node.target for node in tree.body if isinstance(node, ast.AnnAssign)]
    return any(isinstance(target, ast.Name) and target.id == "METRIC" for target in targets)


def _groups(tree: ast.Module) -> frozenset[str]:
    texts = (n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str))
    return frozenset(t.partition("/")[0] for t in texts if "/" in t and t.replace("/", "").replace("_", "").isalnum())


def _functions(tree: ast.Module) -> dict[str, str]:
    return {
        node.name: inspect.cleandoc(text)
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and (text := ast.get_docstring(node))
    }
