"""What ships under `results/` is believed by the list that ships with it, whole, and small."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.recording.archive import read_record
from benchmark.recording.trust import SHIPPED_LIST, load_trust
from benchmark.recording.verify import judge
from tests.conftest import ROOT

RESULTS = ROOT / "results"
RECORDS = sorted(RESULTS.glob("*/*.json"))


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_shipped_record_is_signed_by_the_maintainers_and_complete(path: Path) -> None:
    verdict = judge(path, load_trust(SHIPPED_LIST))
    assert verdict.problem == ""
    assert verdict.signer.startswith("Forget-Me-Not (")
    record = read_record(path)
    assert record.is_complete
    assert path.parent.name == record.spec_identity
    assert not record.provenance["git_dirty"]


def test_a_fresh_clone_has_all_four_submissions_on_its_board() -> None:
    names = {path.stem.rsplit("-", 1)[0] for path in RECORDS if path.parent.name == "digits-1.0"}
    assert names == {"supervised", "supcon", "simclr", "random_init"}


def test_what_ships_is_small() -> None:
    assert sum(path.stat().st_size for path in RESULTS.rglob("*") if path.is_file()) < 16 << 20
