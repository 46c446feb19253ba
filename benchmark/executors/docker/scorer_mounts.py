"""What the scorer's container sees: states and data read-only, and folders of its own to write in. No submission.

It works on a private copy of the cache of outcomes. What it adds is copied into the cache afterwards, and replaces
nothing there.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import tempfile
from pathlib import Path
from types import TracebackType

from benchmark.executors.docker.limits import grant_entry, grant_read
from benchmark.files.atomic import write_atomically
from benchmark.files.bounded import RefusedFile, read_handed_over
from benchmark.scoring.scoring_job import OtherDataset, RunToScore, ScoringJob, TaskToScore
from benchmark.store.layout import SCORING_PREFIX, Home

logger = logging.getLogger(__name__)

_INSIDE = Path("/fmn")
_OUTCOME_NAME = re.compile(r"[0-9a-f]{64}\.(npz|json)")
_MAX_OUTCOME_BYTES = 256 << 20
_MAX_ANSWER_BYTES = 4 << 30


class ScorerMounts:
    """A temporary folder with everything that one scoring needs, as a context; results are copied out at its end.

    Args:
        home: where states, data and outcomes are kept.
        job_file: the job, with paths of this machine.
        out: folder for the results.

    Attributes:
        job: the job, with paths of this machine.
        job_inside: path of the job, rewritten for the container, inside of it.
        out_inside: path inside of the folder for the results.
        mounts: per path inside, the path on this machine and whether it may be written.
    """

    def __init__(self, home: Home, job_file: Path, out: Path) -> None:
        self._home, self._out = home, out
        self.job = ScoringJob.model_validate_json(job_file.read_bytes())
        self._folder = Path(tempfile.mkdtemp(dir=home.root, prefix=SCORING_PREFIX))  # mode 0700
        self._cache, self._answer = self._folder / "outcomes", self._folder / "out"
        self.job_inside, self.out_inside = str(_INSIDE / "job.json"), str(_INSIDE / "out")
        self.mounts = {
            self.job_inside: (self._folder / "job.json", False),
            str(_INSIDE / "segments"): (home.segments, False),
            str(_INSIDE / "data"): (home.data, False),
            str(_INSIDE / "outcomes"): (self._cache, True),
            self.out_inside: (self._answer, True),
        }

    def __enter__(self) -> ScorerMounts:
        try:
            self._fill()
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._keep_outcomes()
            if error is None:
                for name in self.job.answer_files:
                    (self._out / name).write_bytes(read_handed_over(self._answer / name, _MAX_ANSWER_BYTES))
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _fill(self) -> None:
        for folder in (self._cache, self._answer):
            folder.mkdir()
            folder.chmod(0o777)
        self._home.segments.mkdir(parents=True, exist_ok=True)
        for known in self._home.outcomes.iterdir():
            if _OUTCOME_NAME.fullmatch(known.name):
                os.link(known, self._cache / known.name)
        inside = self.job.model_copy(
            update={"cache": _INSIDE / "outcomes", "tasks": tuple(self._moved(task) for task in self.job.tasks)}
        )
        (self._folder / "job.json").write_text(inside.model_dump_json(), encoding="utf-8")
        grant_read(self._folder / "job.json")
        for task in self.job.tasks:
            others = (file for other in task.transfer for file in (other.train_file, other.test_file))
            for path in (task.train_file, task.test_file, *others, *_directories(task)):
                grant_read(path)
                for parent in path.parents:
                    if parent == self._home.root:
                        break
                    grant_entry(parent)

    def _moved(self, task: TaskToScore) -> TaskToScore:
        """Rewrite the paths of a task to those inside."""
        runs = tuple(self._moved_run(run) for run in task.runs)
        others = tuple(other.model_copy(update=self._moved_files(other)) for other in task.transfer)
        return task.model_copy(update={**self._moved_files(task), "runs": runs, "transfer": others})

    def _moved_files(self, data: TaskToScore | OtherDataset) -> dict[str, Path]:
        return {"train_file": self._inside(data.train_file), "test_file": self._inside(data.test_file)}

    def _moved_run(self, run: RunToScore) -> RunToScore:
        points = tuple(
            point.model_copy(update={"directory": self._inside(point.directory)}) if point.directory else point
            for point in run.branch_points
        )
        return run.model_copy(update={"directory": self._inside(run.directory), "branch_points": points})

    def _inside(self, path: Path) -> Path:
        return _INSIDE / path.resolve().relative_to(self._home.root.resolve())

    def _keep_outcomes(self) -> None:
        """Add what was measured to the cache; what is there already keeps its content."""
        for new in self._cache.iterdir():
            if not _OUTCOME_NAME.fullmatch(new.name) or (self._home.outcomes / new.name).exists():
                continue
            try:
                content = read_handed_over(new, _MAX_OUTCOME_BYTES)
            except RefusedFile as error:
                logger.warning("an outcome of the scorer is not kept, and will be measured again: %s", error)
                continue
            write_atomically(self._home.outcomes / new.name, content, durable=False)


def _directories(task: TaskToScore) -> set[Path]:
    """Return the folders of all states that a task is scored from: those of runs, and those masks are derived from."""
    points = [point for run in task.runs for point in run.branch_points]
    return {run.directory for run in task.runs} | {point.directory for point in points if point.directory is not None}
