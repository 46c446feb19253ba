"""Importing the code of a submission: the one place where hostile code starts to run. Only trainers and trials use it.

It finds the one class and checks nothing else. The imported code can reach everything in the process, so the process
must hold no secrets and no test data.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType

from benchmark.method.contract import Method
from benchmark.printable import error_line

PACKAGE = "submission"
"""Name of the package as which every submission is imported, so that saved states name its classes alike everywhere."""


_PACKAGES = "a submission may import torch, kornia, numpy, Python's own modules and files of its own, nothing else"


class MethodLoadError(ValueError):
    """A submission cannot be imported, or does not define exactly one class deriving from `Method`."""


def load_method_class(directory: Path) -> type[Method]:
    """Import `method.py` of an admitted submission and return its method.

    Modules beside it can be imported relatively (`from .losses import ...`) or by name (`import losses`; an installed
    module of the same name is preferred). Every call executes the code again and forgets what an earlier call imported.

    Args:
        directory: folder of the submission.

    Raises:
        MethodLoadError: `method.py` is missing or raises while it is imported (the exception is the cause; the
            message names file and line), or it does not define exactly one class deriving from `Method`.
    """
    directory = directory.resolve()
    path = directory / "method.py"
    if not path.is_file():
        raise MethodLoadError(f"{path}: expected a file method.py in the submission, got nothing")
    _forget_earlier_submission()
    _make_package(directory)
    try:
        module = importlib.import_module(f"{PACKAGE}.method")
    except (Exception, SystemExit) as error:  # a submission may raise anything, sys.exit included
        rule = f"; {_PACKAGES}" if isinstance(error, ModuleNotFoundError) else ""
        raise MethodLoadError(f"{_place(error, directory)}: importing raised {error_line(error, 200)}{rule}") from error
    return _only_method_class(module)


def _make_package(directory: Path) -> None:
    spec = importlib.machinery.ModuleSpec(PACKAGE, loader=None, is_package=True)
    spec.submodule_search_locations = [str(directory)]
    sys.modules[PACKAGE] = importlib.util.module_from_spec(spec)
    sys.path.append(str(directory))  # last, so that a json.py of the submission does not replace the real one
    importlib.invalidate_caches()


def _forget_earlier_submission() -> None:
    package = sys.modules.get(PACKAGE)
    for directory in [] if package is None else list(package.__path__):
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if isinstance(file, str) and Path(file).is_relative_to(directory):
                del sys.modules[name]
        sys.path[:] = [entry for entry in sys.path if entry != directory]
    sys.modules.pop(PACKAGE, None)


def _only_method_class(module: ModuleType) -> type[Method]:
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Method) and value.__module__ == module.__name__
    ]
    found = list(dict.fromkeys(found))  # `Alias = Class` names the same class twice
    if len(found) != 1:
        names = ", ".join(value.__name__ for value in found) or "none"
        raise MethodLoadError(f"{module.__file__}: expected exactly one class deriving from Method, got {names}")
    return found[0]


def place_of(error: BaseException) -> str | None:
    """Return the innermost line of the imported submission in an exception's traceback, as `method.py:12`.

    None where no line of it is in the traceback, or no submission was imported.
    """
    package = sys.modules.get(PACKAGE)
    for directory in [] if package is None else list(package.__path__):
        if place := _line_in(error, Path(directory)):
            return place
    return None


def _place(error: BaseException, directory: Path) -> str:
    return _line_in(error, directory) or "method.py"


def _line_in(error: BaseException, directory: Path) -> str | None:
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).is_relative_to(directory):
        return f"{Path(error.filename).relative_to(directory)}:{error.lineno}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename).is_relative_to(directory):
            return f"{Path(frame.filename).relative_to(directory)}:{frame.lineno}"
    return None
