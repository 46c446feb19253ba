"""Makes the package `leaderboard` importable beside this folder of the same name; gives tests a store of records."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmark.recording.record import Failure  # noqa: E402
from benchmark.recording.trust import load_trust  # noqa: E402
from leaderboard.export.site import Written, export  # noqa: E402
from tests.leaderboard import records  # noqa: E402

BROKEN = records.Knobs(
    "vicreg", 0.95, 0.05, created="2026-11-22T12:00:00Z",
    failures={
        ("late", 0.98, 2): Failure(reason="submission", message="loss is <b>nan</b>", log="Traceback ...\nnan"),
        ("late", 0.98, 3): Failure(reason="timeout", message="1800 s"),
    },
)  # fmt: skip


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the four shipped kinds of method, an incomplete one, hostile names, another tier and a bad file."""
    home = tmp_path_factory.mktemp("home")
    knobs = [
        records.Knobs("simclr", 0.971, 0.04),
        records.Knobs("supcon", 0.978, 0.045, supervision="labels", created="2026-11-20T11:00:00Z"),
        records.Knobs("supervised", 0.998, 0.09, supervision="labels", created="2026-11-20T12:00:00Z"),
        records.Knobs("random_init", 0.86, 0.3, 0.02, created="2026-11-21T11:00:00Z"),
        BROKEN,
        records.Knobs("simclr", 0.9, 0.2, models=10, identity="cifar10-mini-1.0", tier="qualification"),
    ]
    knobs += [
        records.Knobs(name, 0.93, 0.1, created=f"2026-11-23T1{place}:00:00Z", description=name,
                      paper="javascript:window.hacked=1")
        for place, name in enumerate(records.HOSTILE_NAMES)
    ]  # fmt: skip
    made = [records.evaluation(each) for each in knobs]
    for path, record in zip(records.shelve(home, *made), made, strict=True):
        if record.submission.name in ("simclr", "supcon", "supervised"):
            records.add_outcomes(path, record)
    records.keep_pictures(home)
    (home / "records" / "digits-1.0" / "bad.json").write_text('{"schema_version": 1}')
    return home


@pytest.fixture(scope="session")
def written(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The store as a static site, written once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FMN_HOME", str(store))
        return export(tmp_path_factory.mktemp("out") / "site", load_trust())


@pytest.fixture(scope="session")
def site(written: Written) -> Path:
    """The folder of that site."""
    return written.folder
