"""Every path under `FMN_HOME`, spelled once. Existence means complete: files are renamed when they are."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from benchmark.datasets.decoded import DataFolders
from benchmark.files.unfinished import find_unfinished, is_abandoned
from benchmark.recording.status import CLAIMS_FOLDER, LOCK_FILE, STATUS_FOLDER
from benchmark.recording.tracking.address import ARTIFACTS_FOLDER
from benchmark.settings import read_settings

SCORING_PREFIX = ".scoring-"
"""Beginning of the names of folders in which a scorer works."""

MLFLOW_CLAIM = "mlflow"
"""Name of the claim of who shows records in MLflow."""

DAMAGED_FOLDER = "damaged"
"""Name of the folder of states that were found damaged."""


@dataclass(frozen=True)
class Home:
    """The folder that holds all state of an installation."""

    root: Path

    @staticmethod
    def from_environment() -> Home:
        """Take `FMN_HOME`, by default `runs/` in the working directory."""
        return Home(read_settings().home.resolve())

    @property
    def segments(self) -> Path:
        """Trained states by name."""
        return self.root / "segments"

    @property
    def outcomes(self) -> Path:
        """What metrics measured of single models."""
        return self.root / "outcomes"

    @property
    def answers(self) -> Path:
        """The scorer's last answer of every evaluation."""
        return self.root / "answers"

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
    def folders(self) -> DataFolders:
        """Where datasets are downloaded to (`FMN_DATA`, by default here), and kept decoded."""
        downloads = read_settings().data
        return DataFolders(downloads.resolve() if downloads else self.root / "downloads", self.data / "decoded")

    @property
    def records(self) -> Path:
        """Records, the source of truth."""
        return self.root / "records"

    @property
    def compiled(self) -> Path:
        """What torch's compiler has compiled for trainers without isolation; it is compiled again where it is gone."""
        return self.root / "compiled"

    @property
    def tuning(self) -> Path:
        """Searches for hyperparameters, a database each."""
        return self.root / "tuning"

    @property
    def status(self) -> Path:
        """How far evaluations without a record are."""
        return self.root / STATUS_FOLDER

    @property
    def lock(self) -> Path:
        """Shared by all dispatchers at work; held alone by what may disturb none of them."""
        return self.root / LOCK_FILE

    @property
    def claims(self) -> Path:
        """Who works on what: a file per evaluation, seed's tree and slot that somebody holds."""
        return self.root / CLAIMS_FOLDER

    @property
    def damaged(self) -> Path:
        """The last states that were found damaged; nothing reads them."""
        return self.root / DAMAGED_FOLDER

    @property
    def logs(self) -> Path:
        """What trainers and scorers printed, and the log of the dispatcher."""
        return self.root / "logs"

    @property
    def dispatcher_log(self) -> Path:
        """What dispatchers had to say: warnings, and errors that they could pass over."""
        return self.logs / "dispatcher.log"

    def trainer_log(self, root: str) -> Path:
        """Where what a seed's trainers printed is kept, tracebacks of the submission among it.

        Args:
            root: root key of the seed's tree.
        """
        return self.logs / f"{root}.log"


def unfinished(home: Home, *, in_states: bool = True) -> list[Path]:
    """List what a killed command was writing; it is nobody's only while the lock of the home is held alone.

    What dispatchers write is nobody's then, whatever its name says. Everything else, as records, data and copies of
    submissions, may be another command's, which is asked for by the name that it gave.

    Args:
        home: where.
        in_states: whether complete states are looked into, of which there are a dozen per evaluation.
    """
    locked = {home.segments, home.outcomes, home.answers, home.status}
    closed = (home.jobs, home.folders.downloads, home.root / ARTIFACTS_FOLDER)
    found = find_unfinished(home.root, except_in=closed, flat=() if in_states else (home.segments,))
    mine = [path for path in found if path.parent in locked or is_abandoned(path)]
    return [*home.root.glob(f"{SCORING_PREFIX}*"), *mine]


def remove_unfinished(home: Home) -> None:
    """Remove what `unfinished` lists; only for who holds the lock of the home alone.

    States are changed by who holds claims alone, and a killed process leaves the files of its claims: where there are
    none, no state is looked into, so that starting does not take longer with every evaluation that the home holds.
    """
    for path in unfinished(home, in_states=any(home.claims.glob("*"))):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
