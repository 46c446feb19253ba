"""One command's session: resolves names to places, runs an evaluation, and shows how it goes."""

from __future__ import annotations

import logging
import shlex
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from benchmark.executors.base import ExecutorChoice
from benchmark.executors.errors import ExecutorError
from benchmark.executors.select import choose_executor
from benchmark.logs import written_to
from benchmark.shipped import command_words, shipped
from benchmark.spec import BenchmarkSpec, Problem, UserError
from benchmark.store.layout import MLFLOW_CLAIM, Home

if TYPE_CHECKING:  # half a second that `fmn check` can do without
    from benchmark.evaluation.preparation import Prepared
    from benchmark.evaluation.scheduling.progress import Reporter
    from benchmark.recording.record import EvaluationRecord

logger = logging.getLogger(__name__)


def submission_directory(name_or_path: str) -> Path:
    """Resolve a submission: a name under `submissions/` here, any directory, or the name of one that ships.

    Raises:
        UserError: there is no such directory; says which names there are.
    """
    if "/" not in name_or_path and Path("submissions", name_or_path).is_dir():
        return Path("submissions", name_or_path)
    if Path(name_or_path).is_dir():
        return Path(name_or_path)
    if "/" not in name_or_path and (shipped("submissions") / name_or_path).is_dir():
        return shipped("submissions") / name_or_path
    known = known_submissions()
    expected = f"a directory, or one of {', '.join(known)}" if known else "a directory"
    raise UserError([Problem("SUBMISSION", expected, repr(name_or_path))])


def known_submissions() -> list[str]:
    """List the names of all submissions here and of those that ship."""
    places = (Path("submissions"), shipped("submissions"))
    return sorted({path.parent.name for place in places for path in place.glob("[!_]*/submission.yaml")})


def _if_there(path: Path | None) -> Path | None:
    return path if path is not None and path.is_file() else None


def _demand_writable(root: Path) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            pass
    except OSError as error:
        problem = Problem("FMN_HOME", "a folder that can be written to", f"{root} ({error.strerror})")
        raise UserError([problem]) from error


class Session:
    """What one command works with.

    Args:
        executor: `auto` or the name of an executor.
        device: `auto`, `cpu` or `cuda`.
        home: where everything is kept, by default the home of the environment.

    Raises:
        ExecutorError: the executor or the device that was asked for cannot be used here.
        UserError: the home cannot be written to.
    """

    def __init__(self, executor: ExecutorChoice, device: str, home: Home | None = None) -> None:
        self.home = home or Home.from_environment()
        _demand_writable(self.home.root)
        self.executor, self._isolation_warning = choose_executor(executor, self.home)
        try:
            self.device: Literal["cpu", "cuda"] = self.executor.pick_device(device)
        except BaseException as error:
            self.executor.close()
            if isinstance(error, ValueError):
                raise ExecutorError(str(error)) from error  # a whole sentence
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.executor.close()

    def prepare(
        self, spec: BenchmarkSpec, submission: str, *, download: bool = True,
        hyperparameters: Mapping[str, Any] | None = None,
    ) -> Prepared:  # fmt: skip
        """Admit, load and plan; whatever is wrong is said in plain sentences."""
        from benchmark.evaluation.preparation import prepare

        return prepare(
            spec, submission_directory(submission), self.home, self.executor, self.device, download=download,
            hyperparameters=hyperparameters,
        )  # fmt: skip

    def run(self, prepared: Prepared, reporter: Reporter, *, train: bool) -> tuple[EvaluationRecord, Path]:
        """Evaluate, with what there is to be warned of; gives the record and where it is."""
        from benchmark.evaluation.evaluate import evaluate

        if self._isolation_warning is not None:
            reporter.warn(self._isolation_warning)
        for warning in prepared.admitted.warnings:
            reporter.warn(f"for review: {warning}")
        for data in prepared.data.values():
            for note in data.dataset.notes:
                reporter.warn(f"pictures: {note}")
        return evaluate(prepared, self.home, self.executor, reporter, train=train)

    def evaluate(self, spec: BenchmarkSpec, submission: str, *, train: bool) -> bool:
        """Evaluate and show the result; says whether every run has a score. What is logged is kept in the home."""
        with written_to(self.home.dispatcher_log):
            return self._evaluate(spec, submission, train=train)

    def tune(self, spec: BenchmarkSpec, directory: Path, trials: int, *, write: bool) -> None:
        """Search the hyperparameters of a submission, show what was compared, and write the best ones if asked to."""
        from rich.console import Console

        from benchmark.cli.live_progress import make_reporter
        from benchmark.cli.tables import settings_table
        from benchmark.tuning.manifest_file import write_found
        from benchmark.tuning.tune import tune

        console = Console()
        with written_to(self.home.dispatcher_log), make_reporter(console) as reporter:
            if self._isolation_warning is not None:
                reporter.warn(self._isolation_warning)
            tuned = tune(directory, spec, self.home, self.executor, self.device, reporter, trials)
        console.print(settings_table(tuned))
        values = ", ".join(f"{name} {value}" for name, value in tuned.best.values.items())
        said = [f"best of {len(tuned.told)}: {values}", "the same command with --write writes it into submission.yaml"]
        if write:
            path = write_found(directory, spec.name, tuned.best.values, tuned.statement())
            said[1] = f"written to {path}, for {spec.name} alone"
        for sentence in said:
            console.print(sentence, soft_wrap=True, markup=False, highlight=False)

    def _project(self, record: EvaluationRecord, path: Path, reporter: Reporter) -> None:
        from benchmark.recording.tracking.address import is_projected, note_projected

        if is_projected(path, self.home.root):
            return
        reporter.stage("MLflow")
        try:
            from benchmark.recording.tracking.projection import project  # takes a second to import
            from benchmark.store.claim import taken

            what = f"showing {record.submission.name} on {record.spec_identity} in MLflow"
            with taken(self.home.claims / MLFLOW_CLAIM, what, reporter.stage):
                project(record, path, self.home.root)
        except Exception as error:
            # The record is safe; the log for people can be rebuilt from it.
            logger.info("MLflow was not updated", exc_info=True)
            reporter.warn(f"MLflow was not updated ({error}); run `fmn rebuild-mlflow` when it is back")
        else:
            note_projected(path, self.home.root)

    def _evaluate(self, spec: BenchmarkSpec, submission: str, *, train: bool) -> bool:
        from rich.console import Console

        from benchmark.cli.live_progress import make_reporter
        from benchmark.cli.tables import emptied_layer_lines, failure_lines, result_table
        from benchmark.recording.tracking.address import tracking_uri

        console = Console()
        prepared = self.prepare(spec, submission)
        with make_reporter(console) as reporter:
            record, path = self.run(prepared, reporter, train=train)
            self._project(record, path, reporter)
        console.print(result_table(record))
        console.print(f"record       {path}", soft_wrap=True, markup=False)
        uri = tracking_uri(self.home.root)
        console.print(f"MLflow       mlflow ui --backend-store-uri {shlex.quote(uri)}", soft_wrap=True, markup=False)
        console.print(f"leaderboard  {command_words('make leaderboard', 'fmn leaderboard')}", soft_wrap=True)
        logs = {run.state_key: self.home.trainer_log(tree.root) for tree in prepared.plan.subtrees for run in tree.runs}
        failures = failure_lines(record.runs, lambda run: _if_there(logs.get(run.state_key)))
        for line in (*failures, *emptied_layer_lines(record.runs)):
            print(line, file=sys.stderr)
        return record.is_complete
