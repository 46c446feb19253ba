"""What a data set has to say is said before an evaluation begins, not only in `fmn plan`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmark.cli.session import Session
from benchmark.evaluation import evaluate as road
from benchmark.store.layout import Home


class Heard:
    """A reporter that remembers warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def test_notes_on_pictures_are_warnings_of_an_evaluation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(*_: Any, **__: Any) -> str:
        return "evaluated"

    class Anything:
        def __getattr__(self, name: str) -> Any:
            return {"warnings": (), "notes": ("2 passed over",), "data": {"a": Anything()}}.get(name, self)

    monkeypatch.setattr(road, "evaluate", answer)
    heard: Any = Heard()
    prepared: Any = Anything()
    with Session("process", "cpu", Home(tmp_path)) as opened:
        evaluated: Any = opened.run(prepared, heard, train=True)
    assert evaluated == "evaluated"
    assert "pictures: 2 passed over" in heard.warnings
