"""A search on the disk: what it finds, and that nothing but seed and results decides what is asked next."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from benchmark.admission.tuning import Dimension
from benchmark.spec import UserError
from benchmark.tuning.search import ROUND, Search, Told, Values, lies_in

SPACE = {
    "rate": Dimension(low=0.001, high=1.0, log=True),
    "layers": Dimension(low=1, high=6, integer=True),
    "kind": Dimension(choices=("a", "b")),
}


def toy(values: Values) -> float:
    """One optimum: 1 at rate .1, layers 4, kind b."""
    rate, layers = float(values["rate"]), float(values["layers"])
    return 1 - 0.2 * abs(math.log10(rate) + 1) - 0.05 * abs(layers - 4) - 0.2 * (values["kind"] == "a")


def searched(path: Path, most: int, seed: int = 0, first: Values | None = None) -> list[Told]:
    search = Search(path, SPACE, seed, first)
    while asked := search.ask(most):
        for each in asked:
            search.tell(each, toy(each.values))
    return search.told


def test_the_optimum_of_a_toy_is_found(tmp_path: Path) -> None:
    told = searched(tmp_path / "a", 48)
    best = Search(tmp_path / "a", SPACE, 0).best
    assert best is not None
    assert best == max(told, key=lambda each: each.result)
    assert (best.values["layers"], best.values["kind"]) == (4, "b")
    assert 0.07 < float(best.values["rate"]) < 0.14
    later = [each.result for each in told[-16:]]
    assert sum(later) / 16 > sum(each.result for each in told[:8]) / 8 + 0.1  # it is no random search


def test_equal_seeds_ask_for_equal_settings_and_others_for_others(tmp_path: Path) -> None:
    told = searched(tmp_path / "a", 14)
    assert searched(tmp_path / "b", 14) == told
    assert len({str(each.values) for each in told}) == 14
    assert searched(tmp_path / "c", 14, seed=1)[0] != told[0]


@pytest.mark.parametrize("name", ["50%25", "what?", "a#b"])
def test_a_search_is_kept_in_the_file_that_it_is_given_whatever_its_name(tmp_path: Path, name: str) -> None:
    searched(tmp_path / name / "search.db", 1)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / name / "search.db"]


@pytest.mark.parametrize("told_before", range(ROUND))
def test_a_search_that_was_killed_goes_on_as_if_it_had_not_been(tmp_path: Path, told_before: int) -> None:
    """Sampler state is not stored: with one seeded sampler, a second call would draw the first settings once more."""
    uninterrupted = searched(tmp_path / "a", 14)
    for path in [tmp_path / "b"] * 3:
        killed = Search(path, SPACE, 0)
        asked = killed.ask(14)
        for each in asked[:told_before]:
            killed.tell(each, toy(each.values))
    assert searched(tmp_path / "b", 14) == uninterrupted


def test_a_setting_that_was_half_asked_for_is_drawn_again(tmp_path: Path) -> None:
    uninterrupted = searched(tmp_path / "a", 6)
    killed = Search(tmp_path / "b", SPACE, 0)
    killed._study.ask()  # pyright: ignore[reportPrivateUsage] - a kill between the row and its values
    found = searched(tmp_path / "b", 6)
    assert [each.values for each in found] == [each.values for each in uninterrupted]


def test_the_values_of_today_are_tried_first_and_a_larger_budget_goes_on(tmp_path: Path) -> None:
    now: Values = {"rate": 0.5, "layers": 2, "kind": "a"}
    told = searched(tmp_path / "a", 5, first=now)
    assert dict(told[0].values) == now
    assert [each.number for each in told] == [0, 1, 2, 3, 4]
    assert searched(tmp_path / "a", 9, first=now)[:5] == told
    assert searched(tmp_path / "a", 3, first=now) == searched(tmp_path / "a", 9, first=now)


def test_a_failed_setting_is_kept_with_its_reason_and_never_the_best(tmp_path: Path) -> None:
    search = Search(tmp_path / "a", SPACE, 0)
    for each in search.ask(2):
        search.tell(each, 0.0, "the loss was NaN")
    assert search.best is None
    assert [each.failure for each in Search(tmp_path / "a", SPACE, 0).told] == ["the loss was NaN"] * 2


def test_values_stay_in_their_range_with_three_digits(tmp_path: Path) -> None:
    narrow = {"rate": Dimension(low=0.123456, high=0.123459)}
    (asked,) = Search(tmp_path / "a", narrow, 0).ask(1)
    assert 0.123456 <= float(asked.values["rate"]) <= 0.123459
    for each in searched(tmp_path / "b", 8):
        assert float(f"{each.values['rate']:.3g}") == each.values["rate"]
        assert isinstance(each.values["layers"], int)
        assert lies_in(each.values, SPACE)


@pytest.mark.parametrize("values", [{"rate": 2.0}, {"layers": 2.5}, {"kind": "c"}, {"layers": "3"}, {"rate": True}])
def test_what_could_not_be_asked_for_lies_outside(values: Values) -> None:
    assert lies_in({"rate": 0.1, "layers": 3, "kind": "a"}, SPACE)
    assert not lies_in({"rate": 0.1, "layers": 3, "kind": "a"} | dict(values), SPACE)


def test_a_file_that_is_no_search_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x" * 5000)
    with pytest.raises(UserError, match=r"remove the file, got .*/a "):
        Search(tmp_path / "a", SPACE, 0)
