"""The road of a search: admit, split off validation images, try settings round by round, remember every result.

The objective is the accuracy of dense models. The schedules of a specification are no part of it: settings that were
chosen by how models survive these very schedules would say nothing about others, and a pruned grid costs ten times as
much, so that ten times as few settings could be compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from benchmark.admission.gate import MANIFEST
from benchmark.admission.manifest import Manifest
from benchmark.admission.tuning import Dimension, Tuning
from benchmark.evaluation.preparation import Prepared, prepare
from benchmark.evaluation.scheduling.progress import Reporter
from benchmark.evaluation.training import take_over
from benchmark.executors.base import Executor
from benchmark.spec import BenchmarkSpec, Problem, UserError
from benchmark.spec.canonical import digest
from benchmark.store.claims import evaluation_claim
from benchmark.store.layout import Home, remove_unfinished
from benchmark.store.lock import at_work
from benchmark.store.state_store import Store
from benchmark.tuning.rounds import MODELS, Place, on_validation, try_settings
from benchmark.tuning.search import RANDOM_SETTINGS, Search, Told, Values, lies_in

SEED = 0
"""Seed of every search: equal budgets are compared, not lucky ones."""

OBJECTIVE = f"accuracy of the linear probe on validation images, mean of {MODELS} dense models"


@dataclass(frozen=True)
class Tuned:
    """A search that has ended.

    Attributes:
        manifest: what was searched, as it is on the disk.
        spec: the specification.
        told: every setting with its result, in the order in which they were tried.
        best: the one to take.
        objective: what their results are.
    """

    manifest: Manifest
    spec: BenchmarkSpec
    told: tuple[Told, ...]
    best: Told
    objective: str = OBJECTIVE

    def statement(self) -> Tuning:
        """Return what a manifest says about this search: how its settings were drawn, and among which."""
        drawn = "at random" if len(self.told) <= RANDOM_SETTINGS else "by a tree-structured Parzen estimator"
        space = ", ".join(f"{name} {each.says()}" for name, each in self.manifest.search_space.items())
        return Tuning(
            budget=len(self.told), search=f"the manifest's values, then drawn {drawn}, seed {SEED}, over {space}"[:500],
            split="validation", specification=self.spec.identity, objective=self.objective,
            best=round(self.best.result, 6), date=datetime.now(UTC).strftime("%Y-%m-%d"),
        )  # fmt: skip


def tune(
    submission: Path, spec: BenchmarkSpec, home: Home, executor: Executor, device: Literal["cpu", "cuda"],
    reporter: Reporter, trials: int,
) -> Tuned:  # fmt: skip
    """Search the space that a manifest declares; go on with an earlier search of the same things.

    Args:
        submission: its directory.
        spec: the specification that hyperparameters are chosen for.
        home: where searches and states are kept.
        executor: where settings are trained.
        device: on what.
        reporter: shows how it goes.
        trials: settings of the whole search, those included that an earlier call compared.

    Raises:
        UserError: the submission is refused or declares no search space, or no setting at all could be trained.
        ExecutorError: trainers or the scorer cannot run here.
    """
    asked = on_validation(spec)
    prepared = prepare(asked, submission, home, executor, device)
    manifest = prepared.admitted.manifest
    if not manifest.search_space:
        expected = "hyperparameters and their values, such as learning_rate: {low: 0.01, high: 1, log: true}"
        raise UserError([Problem(f"{submission / MANIFEST}: search_space", expected, "none")])
    database, what = _database(prepared, asked, home), f"tuning {manifest.name} on {spec.identity}"

    def when_alone() -> None:
        take_over(home, Store(home.segments), executor)
        remove_unfinished(home)

    with at_work(home, what, reporter.stage, when_alone) as claims:
        claims.wait_for(evaluation_claim(digest({"search": database.name})[:16]), reporter.stage)
        place = Place(home, Store(home.segments, claims.demand), executor, reporter, claims)
        search = Search(database, manifest.search_space, SEED, _first(manifest, asked))
        while settings := search.ask(trials):
            results = try_settings(
                prepared, asked, [each.values for each in settings], place, len(search.told), trials
            )
            for each, result in zip(settings, results, strict=True):
                search.tell(each, result.accuracy, result.failure)
    if search.best is None:
        raise UserError([Problem(manifest.name, "a setting that can be trained", search.told[0].failure or "none")])
    return Tuned(manifest, spec, tuple(search.told), search.best)


def _first(manifest: Manifest, spec: BenchmarkSpec) -> Values | None:
    """Return the values that the manifest has now, where they are the same for all tasks and inside of the space."""
    now = [_searched(manifest.resolved(task.dataset.name), manifest.search_space) for task in spec.tasks]
    return now[0] if all(each == now[0] for each in now) and lies_in(now[0], manifest.search_space) else None


def _searched(values: Values, space: Mapping[str, Dimension]) -> Values:
    return {name: values[name] for name in space}


def _fixed(manifest: Manifest, dataset: str) -> Values:
    return {name: value for name, value in manifest.resolved(dataset).items() if name not in manifest.search_space}


def _database(prepared: Prepared, spec: BenchmarkSpec, home: Home) -> Path:
    """Name the search after everything that its results depend on, but for the machine: values hold on others too."""
    manifest = prepared.admitted.manifest
    identity = digest(
        {
            "code": prepared.admitted.code_digest,
            "supervision": manifest.supervision,
            "fixed": {task.dataset.name: _fixed(manifest, task.dataset.name) for task in spec.tasks},
            "space": {name: each.model_dump(mode="json") for name, each in manifest.search_space.items()},
            "spec": prepared.spec.model_dump(mode="json", include={"name", "version", "tasks", "evaluation"}),
            "data": {name: data.dataset.train.digest for name, data in prepared.data.items()},
            "search": [SEED, MODELS, OBJECTIVE],
        }
    )
    return home.tuning / f"{manifest.name}-{prepared.spec.identity}-{identity[:12]}.sqlite"
