"""How fast the leaderboard opens with 500 submissions x 200 runs: `python -m bench.board_opening [HOME]`.

Writes a synthetic store (about 140 MB) into HOME or a temporary folder, which it leaves there, and an index beside it.
Then it times, in a new process each, as a server does: the first opening ever, which parses every record; the first
page of a server that finds what an earlier one has parsed (`leaderboard/reading/board_cache.py`), both with importing
what a page needs, as under `streamlit run`; and the first page of a server that has prepared itself, as
`fmn leaderboard` does when it starts. Then, in one process: the page for the next visitor, re-ranking, and the Curves
page. The reach is an open page in less than 2 s. Without a browser, which takes its own time.

Measured 2026-11-28 on two quiet cores of a shared cloud machine (Xeon, CPython 3.11, Streamlit 1.67,
OMP_NUM_THREADS=1, load 0.8 before), wall time, least to most of n, when the first page still imported scipy.stats:

    first opening ever            (n = 3)     5.75 to 5.85 s
    first page of a new server    (n = 5)     2.16 to 2.35 s
    ... that has prepared         (n = 5)     0.44 to 0.49 s
    next visitor                  (n = 5)     0.39 to 0.47 s
    re-rank                       (n = 5)     0.20 to 0.34 s
    Curves                        (n = 3)     0.33 to 0.43 s

Later versions of the code give other numbers; run the command to have them. What the index saved when it came is in
`docs/decisions/0010-board-index.md`: the first page of a new server took 6.2 to 7.1 s of processor time without it and
1.5 to 1.6 s with it (2026-11-26, n = 5, the same machine under others' load).
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

from benchmark.files.destination import why_no_folder
from leaderboard.__main__ import prepare

NUM_SUBMISSIONS, NUM_MODELS = 500, 8
SPARSITIES = (0.3, 0.5, 0.8, 0.9, 0.95, 0.98)
APP = Path(__file__).resolve().parents[1] / "leaderboard" / "app" / "main.py"


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
    """Call something and return what it took."""
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
    app = AppTest.from_file(str(APP), default_timeout=600).run()
    assert not app.exception, app.exception
    assert app.get("bidi_component"), "expected the ranked tables"
    return app


def first_page(*, prepared: bool = False) -> Spent:
    """Open the first page in a new process, as a new server does; `prepared` as one of `fmn leaderboard` is."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        if prepared:
            pool.apply(prepare)
        return pool.apply(spent, (visit,))


def delete_index(folder: Path) -> None:
    """Delete what earlier servers have parsed."""
    for path in folder.glob("*.index"):
        path.unlink()


def main() -> None:
    """Generate where needed, then measure."""
    home = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp(prefix="fmn-bench-"))
    if (got := why_no_folder(home)) is not None:
        raise SystemExit(f"HOME: expected a folder for the synthetic store, got {got}")
    cache = home.with_name(f"{home.name}-cache")
    os.environ["FMN_CONFIG"] = str(home / "config")  # synthetic records are signed by no key that anybody trusts
    os.environ["FMN_HOME"], os.environ["FMN_CACHE"] = str(home), str(cache)
    if not (home / "records").is_dir():
        report("write the synthetic store", [spent(lambda: generate(home))])
    print(f"store {home}, index {cache}, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    report("first opening ever (parses every record)", [(delete_index(cache), first_page())[1] for _ in range(3)])
    report("first page of a new server", [first_page() for _ in range(5)])
    report("first page of a server that has prepared", [first_page(prepared=True) for _ in range(5)])
    app = visit()
    report("the same page for the next visitor", [spent(visit) for _ in range(5)])
    tracks = ["all", "each", "all", "each", "all"]
    report("re-rank", [spent(app.segmented_control(key="track").set_value(track).run) for track in tracks])
    report("open Curves", [spent(app.switch_page("views/curves.py").run) for _ in range(3)])


if __name__ == "__main__":
    main()
