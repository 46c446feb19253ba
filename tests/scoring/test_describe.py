from pathlib import Path

from benchmark.scoring.describe import metrics_page
from benchmark.scoring.registry import all_columns

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_the_page_of_metrics_says_what_the_code_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == metrics_page(), "run `make docs`"


def test_every_number_is_named_once_and_described() -> None:
    names = [column.name for column in all_columns()]
    assert len(names) == len(set(names))
    assert all(column.description.endswith(".") and column.title for column in all_columns())
