"""What a visitor of a board of 500 submissions x 200 runs waits for: `python -m bench.board_in_browser [HOME]`.

A real Chromium opens the pages of a server that has prepared itself, with the store of `bench.board_opening`: the first
page, every other page for the first time, two filters, and twelve submissions on the page of curves. A time ends when
the page is laid out and the server is done with it.

Beside the seconds stand processor seconds of the server and of the browser's pages, which count on a busy machine too,
and what the server sent (kB), most of which is the program of the pages where nothing of it is cached.

Measured 2026-11-29 on two cores of a cloud machine (EPYC, CPython 3.11, Streamlit 1.67, OMP_NUM_THREADS=1), one run
each: processor seconds of server and browser, and kB, when the first page still drew with Vega and the first visitor
of Claims waited for its tests, and after. The machine was busy with other work (load 4 and 6), so that no seconds of
waiting are given:

                                  before                  after
    first page              0.59   1.96   5718      0.38   1.40   3450
    Submission              0.72   1.17   1768      0.29   1.41   3979 (now the first with charts and grids)
    Examples                0.17   0.40     17      0.08   0.50    108
    Compare                 0.38   0.77     55      0.29   0.88     55
    Claims                  1.85   0.88    328      0.06   0.59    326
    Methods and metrics     0.36   0.67     73      0.10   0.76     73
    Curves                  0.58   0.83     80      0.34   0.89     81
    first page, again       0.47   0.99    167      0.16   0.69    200
    search                  0.37   0.24     24      0.11   0.30     28
    filter                  0.36   0.19     34      0.10   0.22     48
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from bench.board_opening import NUM_SUBMISSIONS, generate
from bench.commands.serving import Server, serving
from bench.commands.timed import environment_in, machine
from benchmark.files.destination import why_no_folder

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
SPEC = "spec=digits-1.0+(smoke)"
DRAWN = "&".join(f"pick=method-{number:03d}" for number in range(12))
PAGES = {
    "Submission": "submission", "Examples": "examples", "Compare": "compare", "Claims": "claims",
    "Methods and metrics": "methods",
}  # fmt: skip
_DONE = '[data-testid="stApp"][data-test-script-state="notRunning"]'
_IDLE_S, _IDLE_SHARE = 5.0, 0.02


@contextmanager
def served(folder: str) -> Generator[Server]:
    """Serve the store in a folder, prepared."""
    with serving([sys.executable, "-m", "leaderboard"], environment_in(folder)) as server:
        _wait_until_idle(server)
        yield server


def _wait_until_idle(server: Server) -> None:
    """Wait until the server has prepared itself: it takes next to nothing of a processor."""
    before = -1.0
    while (now := server.processor_s) - before > _IDLE_SHARE * _IDLE_S:
        before = now
        time.sleep(_IDLE_S)


@dataclass(frozen=True)
class Waited:
    """What a visitor waited for: seconds, processor seconds of the server and of the browser, bytes sent."""

    wall_s: float
    server_s: float
    browser_s: float
    num_bytes: int


@dataclass
class Visitor:
    """A visitor with one open page."""

    browser: Browser
    page: Page
    server: Server
    num_bytes: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Count what arrives."""
        self._totals = self.browser.new_browser_cdp_session()
        network = self.page.context.new_cdp_session(self.page)
        network.send("Network.enable")
        network.on("Network.webSocketFrameReceived", self._count_frame)
        network.on("Network.loadingFinished", lambda event: self._count(int(event["encodedDataLength"])))

    def _count(self, num_bytes: int) -> None:
        self.num_bytes += num_bytes

    def _count_frame(self, event: dict[str, dict[str, object]]) -> None:
        self._count(len(str(event["response"]["payloadData"])) * 3 // 4)  # binary frames come in base 64

    @property
    def _browser_s(self) -> float:
        found = self._totals.send("SystemInfo.getProcessInfo")["processInfo"]
        return sum(each["cpuTime"] for each in found if each["type"] == "renderer")

    def waits(self, act: Callable[[], object], seen: Callable[[], object]) -> Waited:
        """Return what an act takes until what is to be seen is there and the server is done."""
        before = self.server.processor_s, self._browser_s, self.num_bytes
        started = time.perf_counter()
        act()
        seen()
        self.page.wait_for_selector(_DONE)
        wall_s = time.perf_counter() - started
        self.page.wait_for_timeout(300)  # what is drawn late counts as work, not as waiting
        after = self.server.processor_s, self._browser_s, self.num_bytes
        server_s, browser_s, num_bytes = (end - start for end, start in zip(after, before, strict=True))
        return Waited(wall_s, server_s, browser_s, int(num_bytes))


def measure(visitor: Visitor) -> dict[str, Waited]:
    """Open every page, then filter."""
    page, address = visitor.page, visitor.server.address
    table = page.get_by_role("region", name="Ranking").first
    found = {"first page": visitor.waits(lambda: page.goto(f"{address}/?{SPEC}"), table.wait_for)}
    for title, name in PAGES.items():
        heading = page.get_by_role("heading", name=title, level=1)
        url = f"{address}/{name}?{SPEC}"
        found[f"{title}, first visit"] = visitor.waits(lambda url=url: page.goto(url), heading.wait_for)
    last = page.locator('[data-testid="stVegaLiteChart"] svg, [data-testid="stVegaLiteChart"] canvas').last
    url = f"{address}/curves?{SPEC}&{DRAWN}"
    found["Curves of 12 submissions, first visit"] = visitor.waits(lambda: page.goto(url), last.wait_for)
    found["first page, again"] = visitor.waits(lambda: page.goto(f"{address}/?{SPEC}"), table.wait_for)
    search = page.get_by_role("textbox", name="Search")
    search.fill("method-123")
    name = page.get_by_role("link", name="method-123", exact=True)
    found["search"] = visitor.waits(lambda: search.press("Enter"), name.wait_for)
    for track in ("Labels", "No labels"):
        button = page.get_by_role("radio", name=track, exact=True)
        found[f"filter: {track}"] = visitor.waits(button.click, lambda: page.wait_for_timeout(100))
    return found


def main() -> None:
    """Generate where needed, then measure."""
    folder = sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="fmn-bench-")
    if (got := why_no_folder(Path(folder))) is not None:
        raise SystemExit(f"FOLDER: expected a folder for the synthetic store, got {got}")
    home = Path(folder, "HOME")
    os.environ["FMN_CONFIG"] = f"{folder}/CONFIG"  # synthetic records are signed by no key that anybody trusts
    if not (home / "records").is_dir():
        generate(home)
    print(f"{NUM_SUBMISSIONS} submissions in {folder}; {machine()}")
    with served(folder) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1360, "height": 900})
        page.set_default_timeout(120_000)
        found = measure(Visitor(browser, page, server))
        browser.close()
    print(f"{'':<40} {'seconds':>8} {'server':>8} {'browser':>8} {'kB':>8}")
    for what, each in found.items():
        print(f"{what:<40} {each.wall_s:8.2f} {each.server_s:8.2f} {each.browser_s:8.2f} {each.num_bytes / 1000:8.0f}")


if __name__ == "__main__":
    main()
