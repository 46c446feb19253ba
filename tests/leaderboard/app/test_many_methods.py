"""A board of 500 methods in a real Chromium: searched, paged, with headings that stay in sight."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.leaderboard.app.test_browser import DESK, Browser, browser, open_page, served, settle
from tests.leaderboard.records import Knobs, evaluation, shelve

__all__ = ["browser"]
NUM_METHODS = 500


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("many")
    knobs = (
        Knobs(f"method-{number:03d}", 0.9 + number / 10_000, models=2, sparsities=(0.5, 0.9),
              supervision="labels" if number % 5 == 0 else "none")
        for number in range(NUM_METHODS)
    )  # fmt: skip
    shelve(home, *(evaluation(each) for each in knobs))
    with served(home) as found:
        yield found


def test_500_methods_are_paged_searched_and_keep_their_headings(browser: Browser, address: str) -> None:
    page = browser.new_page(viewport=DESK)
    open_page(page, f"{address}/?spec=digits-1.0+(smoke)")
    page.get_by_role("heading", name="No labels: 400 methods").wait_for()
    assert page.get_by_role("region", name="Ranking").count() == 2
    assert page.get_by_role("region", name="Ranking").nth(1).locator("tbody tr").count() == 50
    scrolled = page.get_by_role("region", name="Ranking").nth(1)
    scrolled.evaluate("table => table.scrollTop = 900")
    head, frame = scrolled.locator("th").first.bounding_box(), scrolled.bounding_box()
    assert head is not None
    assert frame is not None
    assert head["y"] - frame["y"] < 3  # a heading stays where the table scrolls
    page.get_by_role("button", name="Page 2", exact=True).click()
    page.wait_for_url("**page=2")
    settle(page)
    page.get_by_role("textbox", name="Search").fill("method-123")
    page.get_by_role("textbox", name="Search").press("Enter")
    page.wait_for_url("**search=method-123")
    settle(page)
    assert page.get_by_role("region", name="Ranking").locator("tbody tr").count() == 1
    page.get_by_role("link", name="method-123", exact=True).click()
    page.get_by_text("make evaluate SUBMISSION=method-123").wait_for()
    page.close()
