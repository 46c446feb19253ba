"""How often intervals contain the true number, by simulation: populations of models whose true numbers are known.

    python -m bench.interval_coverage [--replicates 1000]

Model k is right about example i of cell j when `a_j + m (r u_k + sqrt(1 - r^2) u_kj) + e v_i + z_kij > 0`, with u, v
and z standard normal: u are whole models that are better or worse, in all cells (share r) and in one, v are hard and
easy examples. Averaged over models and examples it is right with probability `Phi(a_j / sqrt(m^2 + e^2 + 1))`, so
the true score is known. An interval is counted as holding when the truth lies in it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.progress import track
from scipy.stats import norm

from benchmark.scoring.metric import CellView, Estimate, GridView, Population
from benchmark.scoring.metric_names import EXCESS_PIE, PROBE_PREDICTION, ROBUSTNESS_RETENTION, ROBUSTNESS_SCORE
from benchmark.scoring.metrics import pies, robustness
from benchmark.scoring.score_math import Interval, area_over_compression, chance_corrected
from benchmark.scoring.statistics.models_and_images import difference_of, population_of
from benchmark.spec import BenchmarkSpec
from benchmark.spec.documents.loading import load_spec

CLASSES = 10
SPARSITIES = tuple(Decimal(each) for each in ("0.5", "0.8", "0.9", "0.95", "0.98"))
STRENGTHS_J = np.array([2.4, 2.3, 2.1, 1.8, 1.2])
"""`a_j`: accuracies of about .96 to .80, as on the shipped specifications."""
DENSE_STRENGTH = 2.5
EXAMPLES_SPREAD, SHARED = 1.0, 0.7
"""`e` and `r`."""
DRAWS = 1000
"""Bootstrap draws per interval: a tenth of what records use, which moves a bound by less than a tenth of its width."""


@dataclass(frozen=True)
class Setting:
    """One kind of population: K models, N test examples, and how much models differ (`m`)."""

    models: int
    examples: int
    spread: float

    @property
    def true_accuracy(self) -> NDArray[np.float64]:
        """True accuracy of the dense cell and of every pruned one."""
        strengths_J = np.array([DENSE_STRENGTH, *STRENGTHS_J])
        return norm.cdf(strengths_J / np.sqrt(self.spread**2 + EXAMPLES_SPREAD**2 + 1))

    @property
    def true_score(self) -> float:
        """True robustness score."""
        return chance_corrected(float(area_over_compression(SPARSITIES, self.true_accuracy[1:])), 1 / CLASSES)

    @property
    def true_retention(self) -> float:
        """True retention."""
        return self.true_score / chance_corrected(float(self.true_accuracy[0]), 1 / CLASSES)


def draw_outcomes(setting: Setting, hardness_N: NDArray[np.float64], stream: np.random.Generator) -> NDArray[np.bool_]:
    """Draw which models are right about which examples: dense first, then every sparsity, bool (1 + J, K, N)."""
    strengths_J = np.array([DENSE_STRENGTH, *STRENGTHS_J])
    shape = (len(strengths_J), setting.models)
    models_JK = SHARED * stream.normal(size=setting.models) + np.sqrt(1 - SHARED**2) * stream.normal(size=shape)
    fixed_JKN = (strengths_J[:, None] + setting.spread * models_JK)[..., None] + EXAMPLES_SPREAD * hardness_N
    return fixed_JKN + stream.normal(size=fixed_JKN.shape) > 0


def _population(right_KN: NDArray[np.bool_]) -> Population:
    return Population({}, {PROBE_PREDICTION: np.where(right_KN, 0, 1)})


def _grid(right_JKN: NDArray[np.bool_]) -> GridView:
    cells = {("s", sparsity): _population(cell) for sparsity, cell in zip(SPARSITIES, right_JKN[1:], strict=True)}
    labels_N = np.zeros(right_JKN.shape[2], np.int64)
    return GridView(_population(right_JKN[0]), cells, ("s",), SPARSITIES, labels_N, CLASSES)


def holds(estimate: Estimate | Interval, truth: float) -> bool:
    """Return whether the truth lies in an interval; not where it has no bounds."""
    return estimate.low is not None and estimate.high is not None and estimate.low <= truth <= estimate.high


def replicate(setting: Setting, spec: BenchmarkSpec, number: int) -> dict[str, bool]:
    """Draw two submissions that are truly equal, and return which intervals contain the truth."""
    stream = np.random.default_rng([setting.models, setting.examples, round(100 * setting.spread), number])
    hardness_N = stream.normal(size=setting.examples)
    mine, theirs = (draw_outcomes(setting, hardness_N, stream) for _ in range(2))
    bootstrap = spec.evaluation.bootstrap.model_copy(update={"draws": DRAWS})
    measured = robustness.METRIC.measure(_grid(mine), spec.evaluation.model_copy(update={"bootstrap": bootstrap}))
    scores = [population_of([area_over_compression(SPARSITIES, side[1:])]) for side in (mine, theirs)]
    gap = difference_of(scores[0], scores[1]).interval(bootstrap.confidence)
    return {
        "score": holds(measured[ROBUSTNESS_SCORE], setting.true_score),
        "retention": holds(measured[ROBUSTNESS_RETENTION], setting.true_retention),
        "difference": holds(gap, 0),
    }


def _draw_predictions(
    scores_CN: NDArray[np.float64], setting: Setting, noise_CKN: NDArray[np.float64], stream: np.random.Generator
) -> NDArray[np.int64]:
    models_CK1 = setting.spread * stream.normal(size=(CLASSES, setting.models, 1))
    return (scores_CN[:, None] + models_CK1 + noise_CKN).argmax(axis=0)


def excess_pie(setting: Setting, spec: BenchmarkSpec, number: int) -> Estimate:
    """Draw a dense and a pruned population of classifiers and estimate their excess PIE with its interval.

    Pruned model k shares half of its noise with dense model k, and pruning moves every example's class scores.
    """
    stream = np.random.default_rng([setting.models, setting.examples, round(100 * setting.spread), number, 1])
    scores_CN = 1.5 * stream.normal(size=(CLASSES, setting.examples))
    shape = (CLASSES, setting.models, setting.examples)
    own, pruned = stream.normal(size=(2, *shape))
    moved_CN = scores_CN + 0.4 * stream.normal(size=scores_CN.shape)
    dense_KN = _draw_predictions(scores_CN, setting, own, stream)
    sparse_KN = _draw_predictions(moved_CN, setting, (own + pruned) / np.sqrt(2), stream)
    dense, sparse = (Population({}, {PROBE_PREDICTION: each}) for each in (dense_KN, sparse_KN))
    view = CellView("s", Decimal("0.9"), dense, sparse, np.zeros(setting.examples, np.int64), CLASSES)
    return pies.METRIC.measure(view, spec.evaluation)[EXCESS_PIE]


def coverage(setting: Setting, spec: BenchmarkSpec, replicates: int) -> dict[str, float]:
    """Return the share of replicates in which each interval holds."""
    drawn = [replicate(setting, spec, number) for number in range(replicates)]
    shares = {name: float(np.mean([each[name] for each in drawn])) for name in drawn[0]}
    estimates = [excess_pie(setting, spec, number) for number in range(replicates)]
    # What the interval is for depends on K and has no formula: the mean of as many independent estimates stands for it.
    truth = float(np.mean([each.value for each in estimates if each.value is not None]))
    defined = setting.models > 2
    return shares | {"excess PIE": float(np.mean([holds(each, truth) for each in estimates])) if defined else np.nan}


def main(
    replicates: Annotated[int, typer.Option(help="Populations drawn per setting.")] = 1000,
    models: Annotated[str, typer.Option(help="Numbers of models, with commas.")] = "2,4,6,10,30",
    examples: Annotated[str, typer.Option(help="Numbers of test examples, with commas.")] = "540,2000",
) -> None:
    """Print a Markdown table of coverage, with the two-sided 95 % Monte Carlo margin of a nominal .95."""
    spec = load_spec("digits")
    numbers, sizes = ([int(part) for part in text.split(",")] for text in (models, examples))
    settings = [Setting(k, n, m) for k, n, m in itertools.product(numbers, sizes, (0.05, 0.3))]
    rows = [(each, coverage(each, spec, replicates)) for each in track(settings, "simulating", transient=True)]
    names = list(rows[0][1])
    print(f"{replicates} populations per row, nominal .95, margin {1.96 * np.sqrt(0.95 * 0.05 / replicates):.3f}\n")
    print(f"| models | test examples | spread of models | {' | '.join(names)} |")
    print("|---" * (3 + len(names)) + "|")
    for setting, found in rows:
        shares = " | ".join("undefined" if np.isnan(share) else f"{share:.3f}" for share in found.values())
        print(f"| {setting.models} | {setting.examples} | {setting.spread} | {shares} |")


if __name__ == "__main__":
    typer.run(main)
