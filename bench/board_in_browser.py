"""How long a visitor of a board of 500 submissions x 200 runs waits: `python -m bench.board_in_browser [HOME]`.

A real Chromium opens the pages of a server that has prepared itself, with the store of `bench.board_opening`: the first
page, every other page for the first time, two filters, and twelve submissions on the page of curves. A time ends when
the page is laid out and the server is done with it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from bench.board_opening import NUM_SUBMISSIONS, generate
from bench.commands.timed import environment_in, machine

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
SPEC = "spec=digits-1.0+(smoke)"
DRAWN = "&".join(f"pick=method-{number:03d}" for number in range(12))
PAGES = {
    "Submission": "submission", "Examples": "examples", "Compare": "compare", "Claims": "claims",
    "Methods and metrics": "methods",
}  # fmt: skip
_DONE = '[data-testid="stApp"][data-test-script-state="notRunning"]'
_PREPARED_S = 60


@contextmanager
def served(folder: str) -> Generator[str]:
    """Serve the store in a folder, prepared, and give the address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "leaderboard", "--server.port", str(port), "--server.headless", "true"]
    with subprocess.Popen(
        command, env=environment_in(folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            while True:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2).close()
                    break
                except OSError:
                    time.sleep(0.2)
            time.sleep(_PREPARED_S)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def waited_s(page: Page, act: Callable[[], object], seen: Callable[[], object]) -> float:
    """Return the seconds from an act until what is to be seen is there and the server is done."""
    started = time.perf_counter()
    act()
    seen()
    page.wait_for_selector(_DONE)
    return time.perf_counter() - started


def main() -> None:
    """Generate where needed, then measure."""
    folder = sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="fmn-bench-")
    home = Path(folder, "HOME")
    os.environ["FMN_CONFIG"] = f"{folder}/CONFIG"  # synthetic records are signed by no key that anybody trusts
    if not (home / "records").is_dir():
        generate(home)
    print(f"{NUM_SUBMISSIONS} submissions in {folder}; {machine()}")
    with served(folder) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1360, "height": 900})
        page.set_default_timeout(120_000)
        table = page.get_by_role("region", name="Ranking").first
        found = {"first page": waited_s(page, lambda: page.goto(f"{address}/?{SPEC}"), table.wait_for)}
        for title, name in PAGES.items():
            heading = page.get_by_role("heading", name=title, level=1)
            url = f"{address}/{name}?{SPEC}"
            found[f"{title}, first visit"] = waited_s(page, lambda url=url: page.goto(url), heading.wait_for)
        last = page.locator('[data-testid="stVegaLiteChart"] svg, [data-testid="stVegaLiteChart"] canvas').last
        url = f"{address}/curves?{SPEC}&{DRAWN}"
        found["Curves of 12 submissions, first visit"] = waited_s(page, lambda: page.goto(url), last.wait_for)
        page.goto(f"{address}/?{SPEC}")
        table.wait_for()
        page.wait_for_selector(_DONE)
        search = page.get_by_role("textbox", name="Search")
        search.fill("method-123")
        name = page.get_by_role("link", name="method-123", exact=True)
        found["search"] = waited_s(page, lambda: search.press("Enter"), name.wait_for)
        for track in ("Labels", "No labels"):
            button = page.get_by_role("radio", name=track, exact=True)
            found[f"filter: {track}"] = waited_s(page, button.click, lambda: page.wait_for_timeout(100))
        browser.close()
    for what, seconds in found.items():
        print(f"{what:<44} {seconds:6.2f} s")


if __name__ == "__main__":
    main()
