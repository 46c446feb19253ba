"""Every path under `FMN_HOME`, spelled once. Existence means complete: writers write aside and rename."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Home:
    """The folder that holds all state of an installation."""

    root: Path

    @staticmethod
    def from_environment() -> Home:
        """Take `FMN_HOME`, by default `runs/` in the working directory."""
        return Home(Path(os.environ.get("FMN_HOME", "runs")).resolve())

    @property
    def segments(self) -> Path:
        """Trained states by name."""
        return self.root / "segments"

    @property
    def outcomes(self) -> Path:
        """What instruments read from single models."""
        return self.root / "outcomes"

    @property
    def jobs(self) -> Path:
        """Jobs in progress: their inputs and outboxes."""
        return self.root / "jobs"

    @property
    def submissions(self) -> Path:
        """Private copies of submitted code, by digest."""
        return self.root / "submissions"

    @property
    def data(self) -> Path:
        """Tensors of datasets, by digest."""
        return self.root / "data"

    @property
    def records(self) -> Path:
        """Records, the source of truth."""
        return self.root / "records"

    @property
    def logs(self) -> Path:
        """What trainers printed."""
        return self.root / "logs"


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that it is either absent, old, or complete: aside, fsync, rename, fsync of the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    with aside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
