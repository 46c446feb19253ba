"""Digests of source code: what changes them."""

from __future__ import annotations

from pathlib import Path

from benchmark.files.source_digest import source_digest


def test_content_and_name_of_every_python_file_count_and_nothing_else(tmp_path: Path) -> None:
    def digest_of(**files: str) -> str:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        (folder / "deep").mkdir(parents=True)
        for name, text in files.items():
            (folder / "deep" / name.replace("_py", ".py")).write_text(text)
        return source_digest(folder)

    usual = digest_of(a_py="1", b_py="2")
    assert digest_of(a_py="1", b_py="2", notes="3") == usual
    assert len({usual, digest_of(a_py="1", b_py="3"), digest_of(a_py="1", c_py="2"), digest_of(a_py="1")}) == 4
