"""A real Chromium opens the static site, over HTTP and from the disk: nothing runs, asks anybody, or overflows."""

from __future__ import annotations

import functools
import io
import shutil
import threading
import unicodedata
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pypdf import PdfReader

from tests.leaderboard.records import HOSTILE_NAMES

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
             "--disable-sync", "--no-first-run"]  # fmt: skip

if not Path(CHROMIUM).exists():
    pytest.skip("no Chromium here (apt-get install chromium)", allow_module_level=True)

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright  # noqa: E402

CONTRAST = (Path(__file__).parents[1] / "app" / "contrast.js").read_text().split("\n", 1)[1]
DESK, PHONE = ViewportSize(width=1360, height=900), ViewportSize(width=390, height=844)
GROUND = {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 22, 27)"}


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that is overridden
        """Print nothing."""


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture
def desk(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport=DESK)
    page.set_default_timeout(60_000)  # a loaded machine is slow, not wrong
    yield page
    page.close()


def _page_paths(site: Path) -> list[str]:
    """Return every page, but of the pairs only two with outcomes and two with hostile names."""
    pairs = sorted(path.relative_to(site) for path in site.glob("compare/*/*.html"))
    others = sorted(path.relative_to(site) for path in site.rglob("*.html") if path.relative_to(site) not in set(pairs))
    with_outcomes = [path for path in pairs if path.name.startswith("supcon") and "supervised" in path.name]
    hostile = [path for path in pairs if "img" in path.name]
    assert with_outcomes
    assert hostile
    return [path.as_posix() for path in (*others, *with_outcomes[:2], *hostile[:2])]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_a_phone_and_reads_in_both_colour_schemes(
    browser: Browser, site: Path, address: str, scheme: str
) -> None:
    page = browser.new_page(viewport=PHONE, color_scheme="dark" if scheme == "dark" else "light")
    for path in _page_paths(site):
        page.goto(f"{address}/{path}")
        page.evaluate("() => document.querySelectorAll('details').forEach(each => each.open = true)")
        width = page.evaluate("[document.documentElement.scrollWidth, document.body.scrollWidth, window.innerWidth]")
        assert width == [390, 390, 390], path
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == GROUND[scheme], path
        assert page.evaluate(CONTRAST) == [], path
    page.close()


@pytest.mark.parametrize("place", ["http", "file"])
def test_hostile_names_run_nothing_and_no_page_asks_another_server(
    desk: Page, site: Path, address: str, place: str
) -> None:
    root = address if place == "http" else site.as_uri()
    asked: list[str] = []
    said: list[str] = []
    desk.on("request", lambda request: asked.append(request.url))
    desk.on("console", lambda message: said.append(message.text))
    for path in _page_paths(site):
        desk.goto(f"{root}/{path}")
        assert desk.evaluate("window.hacked") is None, path
        styled = "getComputedStyle(document.querySelector('.lead')).maxWidth"
        assert desk.evaluate(styled) == "768px", path
        broken = "[...document.images].filter(each => !each.complete || !each.naturalWidth).length"
        assert desk.evaluate(broken) == 0, path
    assert [url for url in asked if not url.startswith((root, "data:"))] == []
    assert [text for text in said if "favicon" not in text] == []  # nothing violates the policy
    desk.goto(f"{root}/index.html")
    for name in HOSTILE_NAMES:
        assert desk.get_by_role("link", name=name, exact=True).count() == 1


def test_a_reader_goes_from_the_ranking_to_a_submission_and_its_signed_record(desk: Page, address: str) -> None:
    desk.goto(f"{address}/index.html")
    first = desk.get_by_role("region", name="Ranking, digits-1.0 (smoke)").first
    assert first.locator("tbody tr").first.locator("td").first.inner_text().startswith("1")
    first.get_by_role("link", name="supcon", exact=True).click()
    desk.get_by_role("heading", name="supcon", level=1).wait_for()
    with desk.expect_download() as waiting:
        desk.get_by_role("link", name=".sig").first.click()
    assert waiting.value.suggested_filename.startswith("supcon-")
    desk.get_by_role("link", name="digits-1.0 (smoke)").click()
    desk.wait_for_url("**/index.html#digits-1.0-smoke")


def test_the_ranking_downloads_as_csv(desk: Page, address: str) -> None:
    desk.goto(f"{address}/index.html")
    with desk.expect_download() as waiting:
        desk.get_by_role("link", name="CSV", exact=True).first.click()
    text = waiting.value.path().read_text()
    assert text.startswith("rank,best,worst,ties,submission")
    assert "random_init" in text


def test_every_figure_is_drawn_within_its_place(desk: Page, address: str) -> None:
    """Curves stay inside their panel, and every submission of the interval plot has its mark between its bounds."""
    desk.goto(f"{address}/index.html")
    inside = """() => [...document.querySelectorAll('svg.panel')].map(svg => {
        const frame = svg.getBoundingClientRect();
        return [...svg.querySelectorAll('polyline, polygon')].every(line => {
            const box = line.getBoundingClientRect();
            return box.left >= frame.left && box.right <= frame.right && box.top >= frame.top - 1
                && box.bottom <= frame.bottom;
        }) && svg.querySelectorAll('polyline').length > 0 && frame.width > 200; })"""
    panels = desk.evaluate(inside)
    assert len(panels) >= 3
    assert all(panels)
    marks = """() => [...document.querySelectorAll('.intervals svg.bar:has(path)')].map(svg => {
        const rule = svg.querySelector('line[stroke]').getBoundingClientRect();
        const mark = svg.querySelector('path').getBoundingClientRect();
        const centre = (mark.left + mark.right) / 2;
        return rule.left - 1 <= centre && centre <= rule.right + 1; })"""
    drawn = desk.evaluate(marks)
    assert len(drawn) == 12
    assert all(drawn)


PRINTED_WIDTH, PRINTED_HEIGHT = 703, 1017
"""Of what a sheet of A4 holds within its margins, in CSS pixels."""


def _printed(page: Page) -> str:
    """Print a page as Chromium does and return its text; every sheet has to be A4."""
    sheets = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True))).pages
    assert {(round(each.mediabox.width), round(each.mediabox.height)) for each in sheets} == {(595, 842)}
    text = unicodedata.normalize("NFKC", " ".join(each.extract_text() for each in sheets))
    return " ".join(text.split())


def test_printed_pages_are_light_have_every_column_and_cut_no_table(browser: Browser, site: Path, address: str) -> None:
    """A table of 62 numbers was five sheets wide, of which one was printed; dark schemes printed dark."""
    page = browser.new_page(viewport=ViewportSize(width=PRINTED_WIDTH, height=900), color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    for pattern in ("index.html", "submissions/simclr-*.html", "compare/*/supcon-*--supervised-*.html", "examples/*"):
        page.goto(f"{address}/{next(site.glob(pattern)).relative_to(site).as_posix()}")
        assert page.evaluate("document.documentElement.scrollWidth") == PRINTED_WIDTH, pattern
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)", pattern
        assert page.locator("header:visible, footer:visible, .button:visible").count() == 0, pattern
        heights = page.evaluate("""() => [...document.querySelectorAll('figure')].map(each =>
            getComputedStyle(each).breakInside === 'avoid' ? each.getBoundingClientRect().height : Infinity)""")
        assert all(height < PRINTED_HEIGHT for height in heights), pattern
    page.close()


def test_the_ranking_and_a_submission_print_on_a4_with_every_number(desk: Page, site: Path, address: str) -> None:
    desk.goto(f"{address}/index.html")
    rows = desk.get_by_role("region", name="Ranking, digits-1.0 (smoke)").first.locator("tbody tr").all()
    shown = [text for row in rows for text in row.locator("td").nth(2).all_inner_texts()[0].split("\n") if text]
    text = _printed(desk)
    assert len(shown) == 4
    assert [each for each in [*shown, "supcon", "supervised", "Which differences are real?"] if each not in text] == []
    assert "BibTeX" not in text
    assert "As files" not in text
    desk.goto(f"{address}/{next(site.glob('submissions/simclr-*.html')).relative_to(site).as_posix()}")
    cells = desk.get_by_role("region", name="Every number of every cell").locator("tbody td").all_inner_texts()
    text = _printed(desk)
    values = [value.split("\n")[0] for value in cells]
    assert len(values) > 100
    assert [value for value in values if unicodedata.normalize("NFKC", value) not in text] == []
