"""How fast the leaderboard opens with 500 submissions x 200 runs: `python -m bench.board_opening [HOME]`.

Writes a synthetic store (about 140 MB) into HOME or a temporary folder, then times, in one process: reading all records
for the first time, opening the page once the server has read them, re-ranking, and the Curves page.

Measured 2026-11, before records were signed, on a shared 2-core cloud machine (CPython 3.11, Streamlit 1.67,
OMP_NUM_THREADS=1): first page of a new server 4.8 s (n = 1), the same page for the next visitor 0.46 to 0.60 s (n = 5),
re-rank 0.33 to 0.48 s (n = 5), Curves 0.24 to 0.34 s (n = 3). The reach is an open page in less than 2 s; reading all
records once per server is beyond it.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from streamlit.testing.v1 import AppTest

from tests.leaderboard import records

NUM_SUBMISSIONS, NUM_MODELS = 500, 8
SPARSITIES = (0.3, 0.5, 0.8, 0.9, 0.95, 0.98)
APP = Path(__file__).resolve().parents[1] / "leaderboard" / "app.py"


def generate(home: Path) -> None:
    """Write the store: 4 schedules x 6 sparsities + dense, 8 models each."""
    noise = random.Random(0)
    for number in range(NUM_SUBMISSIONS):
        knobs = records.Knobs(
            name=f"method-{number:03d}", dense=0.9 + 0.09 * noise.random(), loss=0.02 + 0.1 * noise.random(),
            models=NUM_MODELS, sparsities=SPARSITIES, supervision=noise.choice(["none", "labels"]),
            created=f"2026-11-{1 + number % 28:02d}T{number % 24:02d}:00:00Z",
        )  # fmt: skip
        path = home / "records" / "digits-1.0" / f"{number:04d}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        records.write_signed(path, records.evaluation(knobs))


def timed(what: str, act: Callable[[], object], repeats: int = 1) -> None:
    """Print how long something takes."""
    seconds: list[float] = []
    for _ in range(repeats):
        start = time.perf_counter()
        act()
        seconds.append(time.perf_counter() - start)
    print(f"{what:<52} {min(seconds):6.2f} to {max(seconds):6.2f} s (n = {repeats})")


def main() -> None:
    """Generate where needed, then measure."""
    home = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp(prefix="fmn-bench-"))
    os.environ["FMN_CONFIG"] = str(home / "config")  # synthetic records are signed by no key that anybody trusts
    if not (home / "records").is_dir():
        timed("write the synthetic store", lambda: generate(home))
    os.environ["FMN_HOME"] = str(home)
    app = AppTest.from_file(str(APP), default_timeout=120)
    timed("first page of a new server (reads every record)", app.run)
    assert not app.exception, app.exception
    timed("the same page for the next visitor", lambda: AppTest.from_file(str(APP), default_timeout=120).run(), 5)
    timed("re-rank", lambda: app.segmented_control(key="track").set_value("all").run(), 5)
    timed("open Curves", lambda: app.switch_page("app_pages/curves.py").run(), 3)


if __name__ == "__main__":
    main()
