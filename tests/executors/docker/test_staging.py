"""What a container mounts has a path that says nothing about this machine; no engine is needed to look at paths."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmark.executors.docker.staging import Staging
from benchmark.store.layout import Home

SECRETS = ("alice", "secret-project", "job-of-today")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "alice" / "secret-project")


@pytest.mark.parametrize("can_link", [True, False])
def test_no_mounted_path_names_the_home_its_user_or_its_jobs(
    home: Home, can_link: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path of the home, and with it users and jobs, stood in /proc/self/mountinfo of every trainer."""
    folder = home.jobs / "job-of-today"
    outbox = folder / "outbox"
    outbox.mkdir(parents=True)
    for name in ("job.json", "data", "parents/state"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)

    def other_disk(*_: object) -> None:
        raise OSError

    if not can_link:
        monkeypatch.setattr(os, "link", other_disk)
    staging = Staging(home)
    data = staging.share(folder / "data")
    job, parents = staging.stage(folder / "job.json", folder / "parents")
    mounted = [data, job, parents, staging.move_outbox(outbox, beside=job)]
    assert [path for path in mounted if any(secret in str(path) for secret in SECRETS)] == []
    assert [path for path in mounted if path.is_relative_to(home.root) or path.resolve() != path] == []
    assert [data.read_text(), job.read_text(), (parents / "state").read_text()] == ["data", "job.json", "parents/state"]
    assert outbox.readlink() == mounted[-1]
    (root,) = {path.parents[1] for path in mounted}
    assert root.stat().st_mode & 0o777 == 0o700
    staging.close(lambda _: None)
    assert not root.exists()
