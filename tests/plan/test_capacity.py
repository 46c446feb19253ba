"""Sparsities at which rounding leaves nothing are refused, and layers that are emptied are said."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from benchmark.plan import TaskFacts, make_plan
from benchmark.plan.capacity import emptied_in_words, nothing_left
from benchmark.plan.events import compile_events
from benchmark.spec import BenchmarkSpec, OneShot, UserError
from benchmark.spec.documents.loading import load_spec


def shot(allocation: Any = "global") -> OneShot:
    return OneShot(name="shot", kind="one_shot", at=Decimal("0.5"), allocation=allocation)


def cells(sparsity: str, sizes: tuple[int, ...], allocation: Any = "global") -> list[Any]:
    return [("shot", Decimal(sparsity), compile_events(shot(allocation), Decimal(sparsity), 10, sizes))]


@pytest.mark.parametrize(
    ("sparsity", "sizes", "allocation", "is_refused"),
    [
        ("0.999", (307,), "global", True),  # rounds to 307
        ("0.998", (307,), "global", False),
        ("0.99999999999", (19_144,), "global", True),
        ("0.95", (10, 10, 10), "layerwise", True),  # 9.5 rounds to 10 in every layer
        ("0.95", (10, 10, 10), "global", False),
    ],
)  # fmt: skip
def test_a_sparsity_that_leaves_nothing_is_refused(
    sparsity: str, sizes: tuple[int, ...], allocation: str, is_refused: bool
) -> None:
    problems = nothing_left(cells(sparsity, sizes, allocation), "resnet8", sizes)
    assert bool(problems) == is_refused
    for problem in problems:
        assert f"one of the {sum(sizes):,} prunable weights of resnet8" in problem.expected
        assert problem.nearest is not None
        assert not nothing_left(cells(problem.nearest, sizes), "resnet8", sizes)


def test_planning_refuses_it_with_the_nearest_that_leaves_something() -> None:
    document = load_spec("digits").model_dump(mode="json") | {"sparsities": ["0.5", "0.999"]}
    spec = BenchmarkSpec.model_validate(document)
    with pytest.raises(
        UserError, match=r"sparsities: expected .* got 0.999, at which schedule .*nearest valid: 0.9967"
    ):
        make_plan(spec, {"digits/resnet8": TaskFacts("", 1347, (107, 200), 1)}, {"digits/resnet8": ""}, "")


def test_layers_without_a_weight_are_said() -> None:
    sizes = (10, 1000, 20)
    assert emptied_in_words(cells("0.95", sizes, "layerwise"), sizes) == [
        "warning: shot at sparsity 0.95 leaves no weight in 1 of 3 layers"
    ]
    assert emptied_in_words(cells("0.95", sizes), sizes) == []
