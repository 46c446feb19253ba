"""A search that is kept on the disk: which settings were asked for, and what they gave. The one file that knows Optuna.

What is asked next depends on the seed and on what was told, and on nothing else: a sampler is made anew for every
setting, seeded with its number. So a search that was killed goes on as if it had not been.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import TPESampler
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from benchmark.admission.tuning import Dimension
from benchmark.recording.tracking.address import sqlite_uri
from benchmark.spec import Problem, UserError

Value = bool | int | float | str
Values = Mapping[str, Value]

ROUND = 4
"""Settings that are asked for at once, before any of them is told: as many trainers share a GPU, or fill two cores."""

RANDOM_SETTINGS = 8
"""Settings that are drawn at random before the estimator chooses."""

_DIGITS = 3
_FAILURE = "failure"


@dataclass(frozen=True)
class Asked:
    """A setting that waits for its result."""

    number: int
    values: Values


@dataclass(frozen=True)
class Told:
    """A setting with its result; `failure` says why there was nothing to read, and the result is 0 then."""

    number: int
    values: Values
    result: float
    failure: str | None = None


class Search:
    """A search for the setting with the largest result.

    Args:
        path: file of the database; made where there is none.
        space: what is searched, by hyperparameter.
        seed: of the whole search.
        first: values that are tried first of all; None where there are none, or they are outside of the space.

    Raises:
        UserError: the file is no database of a search.
    """

    def __init__(self, path: Path, space: Mapping[str, Dimension], seed: int, first: Values | None = None) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space, self._seed = dict(sorted(space.items())), seed
        self._distributions = {name: _distribution(each) for name, each in self._space.items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._study = optuna.create_study(
                storage=RDBStorage(sqlite_uri(path)), study_name="search", direction="maximize", load_if_exists=True
            )
            self._give_up_half_asked()
            if first is not None and all(each.state == TrialState.FAIL for each in self._study.trials):
                self._study.enqueue_trial(dict(first))
        except Exception as error:
            got = f"{path} ({str(error).splitlines()[0][:120]})"
            raise UserError([Problem("FMN_HOME", "a search that can be continued; remove the file", got)]) from error

    @property
    def told(self) -> list[Told]:
        """What was compared so far, in the order in which it was asked for."""
        failures = self._study.user_attrs
        return [
            Told(each.number, self._used(each), each.value or 0.0, failures.get(f"{_FAILURE} {each.number}"))
            for each in self._study.get_trials(states=(TrialState.COMPLETE,))
        ]

    @property
    def best(self) -> Told | None:
        """The setting with the largest result, the first of equal ones; None where none could be read."""
        return max((each for each in self.told if each.failure is None), key=lambda each: each.result, default=None)

    def ask(self, most: int) -> list[Asked]:
        """Return the settings of the next round, those first that a killed call had asked for.

        Args:
            most: settings of the whole search, those included that were told.
        """
        waiting = [each.number for each in self._study.get_trials(states=(TrialState.RUNNING,))]
        asked = len(self.told) + len(waiting)
        while asked < most and (not waiting or asked % ROUND):
            self._study.sampler = TPESampler(seed=self._seed * 10**6 + asked, n_startup_trials=RANDOM_SETTINGS)
            waiting.append(self._study.ask(self._distributions).number)
            asked += 1
        trials = self._study.trials
        return [Asked(number, self._used(trials[number])) for number in waiting]

    def tell(self, asked: Asked, result: float, failure: str | None = None) -> None:
        """Keep the result of a setting.

        Args:
            asked: the setting.
            result: the larger, the better; 0 for one that failed, so that the search leaves its surroundings.
            failure: why there was nothing to read.
        """
        if failure is not None:
            self._study.set_user_attr(f"{_FAILURE} {asked.number}", failure)
        self._study.tell(asked.number, result)

    def _give_up_half_asked(self) -> None:
        """Forget settings of which a killed call had drawn some values only; they are drawn again."""
        for each in self._study.get_trials(states=(TrialState.RUNNING,)):
            if each.params.keys() != self._space.keys():
                self._study.tell(each.number, state=TrialState.FAIL)

    def _used(self, trial: FrozenTrial) -> Values:
        return {name: _readable(trial.params[name], each) for name, each in self._space.items()}


def _distribution(dimension: Dimension) -> BaseDistribution:
    if dimension.choices:
        return CategoricalDistribution(dimension.choices)
    assert dimension.low is not None
    assert dimension.high is not None
    if dimension.integer:
        return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def _readable(value: Value, dimension: Dimension) -> Value:
    """Return a number of a range with three digits, so that a manifest can be read; it stays in the range."""
    if dimension.choices or dimension.integer or dimension.low is None or dimension.high is None:
        return value
    return min(max(float(f"{value:.{_DIGITS}g}"), dimension.low), dimension.high)


def lies_in(values: Values, space: Mapping[str, Dimension]) -> bool:
    """Return whether every value could have been asked for."""
    return all(_contains(each, values[name]) for name, each in space.items())


def _contains(dimension: Dimension, value: Value) -> bool:
    if dimension.choices:
        return value in dimension.choices
    if isinstance(value, bool | str) or dimension.low is None or dimension.high is None:
        return False
    return dimension.low <= value <= dimension.high and (not dimension.integer or value == int(value))
