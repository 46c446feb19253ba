"""An export replaces an earlier one as a whole, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.recording.trust import load_trust
from leaderboard.export.page_renderer import PageRenderer
from leaderboard.export.site import export
from leaderboard.export.site_folder import MARKER, ForeignFolder, check_replaceable
from tests.leaderboard.records import Knobs, evaluation, shelve


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with one record."""
    monkeypatch.setenv("FMN_HOME", str(tmp_path / "home"))
    shelve(tmp_path / "home", evaluation(Knobs(models=2)))
    return tmp_path / "home"


def test_an_earlier_export_is_replaced_and_forgets_what_is_gone(small: Path, tmp_path: Path) -> None:
    shelve(small, evaluation(Knobs(models=2)), evaluation(Knobs("gone", models=2)))
    out = tmp_path / "deep" / "site"
    assert export(out, load_trust()).num_records == 2
    (small / "records" / "digits-1.0" / "0001.json").unlink()
    assert export(out, load_trust()).num_records == 1
    assert not list(out.rglob("*gone*"))
    assert [path.name for path in out.parent.iterdir()] == ["site"]
    assert out.stat().st_mode & 0o055 == 0o055  # a web server is somebody else


@pytest.mark.parametrize("foreign", ["index.html", "a/b/notes.txt", ".git/HEAD", "empty/"])
def test_a_folder_with_anything_else_in_it_is_left_alone(small: Path, tmp_path: Path, foreign: str) -> None:
    out = tmp_path / "out"
    (out / foreign).parent.mkdir(parents=True)
    if foreign.endswith("/"):
        (out / foreign).mkdir()
    else:
        (out / foreign).write_text("precious")
    with pytest.raises(ForeignFolder, match=foreign.rstrip("/").replace(".", r"\.")):
        export(out, load_trust())
    assert foreign.endswith("/") or (out / foreign).read_text() == "precious"


def test_a_file_put_into_an_export_is_not_lost(small: Path, tmp_path: Path) -> None:
    out = export(tmp_path / "site", load_trust()).folder
    (out / "CNAME").write_text("board.example.org")
    (out / "link").symlink_to(small)
    with pytest.raises(ForeignFolder, match="CNAME, link"):
        export(out, load_trust())
    assert (out / "CNAME").read_text() == "board.example.org"
    assert (out / "index.html").is_file()


def test_a_marker_that_is_not_ours_makes_nothing_replaceable(tmp_path: Path) -> None:
    (tmp_path / MARKER).write_text('{"files": ["export.json"]}')
    with pytest.raises(ForeignFolder):
        check_replaceable(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ForeignFolder, match="got the file"):
        check_replaceable(tmp_path / "file")


def test_an_export_that_fails_leaves_the_earlier_site_and_nothing_else(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = export(tmp_path / "out" / "site", load_trust()).folder
    before = (out / "index.html").read_bytes()

    def full(self: PageRenderer, template: str, **data: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(PageRenderer, "render", full)
    with pytest.raises(OSError, match="No space"):
        export(out, load_trust())
    assert (out / "index.html").read_bytes() == before
    assert [path.name for path in out.parent.iterdir()] == ["site"]
