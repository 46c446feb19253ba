"""How fast the leaderboard opens with 500 submissions x 200 runs: `python -m bench.board_opening [HOME]`.

Writes a synthetic store (about 140 MB) into HOME or a temporary folder, which it leaves there, then times in new
processes, as a new server does: the first opening ever, which parses every record; and the first page of a server that
finds what an earlier one has parsed (`leaderboard/index.py`). Both include importing what the page needs; Streamlit
itself has been imported before. Then, in one process: the page for the next visitor, re-ranking, and the Curves page.
Wall time, and processor time beside it because machines are busy. The reach is an open page in less than 2 s.

MEASURED
"""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from streamlit.testing.v1 import AppTest

NUM_SUBMISSIONS, NUM_MODELS = 500, 8
SPARSITIES = (0.3, 0.5, 0.8, 0.9, 0.95, 0.98)
APP = Path(__file__).resolve().parents[1] / "leaderboard" / "app.py"


class Spent(NamedTuple):
    """How long something took, and what it took of the processor."""

    wall_s: float
    processor_s: float


def generate(home: Path) -> None:
    """Write the store: 4 schedules x 6 sparsities + dense, 8 models each."""
    from tests.leaderboard import records  # not above, because a server has imported none of what this brings along

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


def spent(act: Callable[[], object]) -> Spent:
    """Do something and say what it took."""
    wall_s, processor_s = time.perf_counter(), time.process_time()
    act()
    return Spent(time.perf_counter() - wall_s, time.process_time() - processor_s)


def report(what: str, found: list[Spent]) -> None:
    """Print the range of what something took."""
    wall_s, processor_s = zip(*found, strict=True)
    wall, processor = (f"{min(each):6.2f} to {max(each):6.2f} s" for each in (wall_s, processor_s))
    print(f"{what:<46} {wall}, of a processor {processor} (n = {len(found)})", flush=True)


def visit() -> AppTest:
    """Open the first page as a new visitor."""
    app = AppTest.from_file(str(APP), default_timeout=120).run()
    assert not app.exception, app.exception
    assert len(app.dataframe(key="table").value) >= NUM_SUBMISSIONS
    return app


def first_page() -> Spent:
    """Open the first page in a new process, as a new server does."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(spent, (visit,))


def forget(folder: Path) -> None:
    """Drop what earlier servers have parsed."""
    for path in folder.glob("*.index"):
        path.unlink()


def main() -> None:
    """Generate where needed, then measure."""
    home = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp(prefix="fmn-bench-"))
    cache = home.with_name(f"{home.name}-cache")
    os.environ["FMN_CONFIG"] = str(home / "config")  # synthetic records are signed by no key that anybody trusts
    os.environ["FMN_HOME"], os.environ["FMN_CACHE"] = str(home), str(cache)
    if not (home / "records").is_dir():
        report("write the synthetic store", [spent(lambda: generate(home))])
    print(f"store {home}, index {cache}, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    report("first opening ever (parses every record)", [(forget(cache), first_page())[1] for _ in range(3)])
    report("first page of a new server", [first_page() for _ in range(5)])
    app = visit()
    report("the same page for the next visitor", [spent(visit) for _ in range(5)])
    tracks = ["all", "each", "all", "each", "all"]
    report("re-rank", [spent(app.segmented_control(key="track").set_value(track).run) for track in tracks])
    report("open Curves", [spent(app.switch_page("app_pages/curves.py").run) for _ in range(3)])


if __name__ == "__main__":
    main()
