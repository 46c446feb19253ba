"""How often a class is called hit: `python -m bench.inference.class_hits [--boards N]`, about a minute on one core.

Cells from known truth: image difficulty, models of different quality, models that favour classes, and pruning that hits
some images and some models more than others. Beside every rate stands its Monte Carlo standard error. The published
test (models only) is not measured here: nothing is marked by it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from benchmark.scoring.statistics.class_changes import class_changes

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Cell:
    """A dense population and the one pruned from it.

    Attributes:
        models, images, classes: K, N and C.
        before, after: accuracy of the dense and of the pruned models, about.
        model_spread: of models' logits after pruning.
        class_spread: of a model's logits for a class, after pruning.
        image_spread: of images' logits, and half of it again by pruning.
        extra_loss: how much more class 0 loses.
    """

    models: int
    images: int
    classes: int = 10
    before: float = 0.97
    after: float = 0.90
    model_spread: float = 0.2
    class_spread: float = 0.2
    image_spread: float = 2.0
    extra_loss: float = 0.0


def draw(cell: Cell, rng: np.random.Generator) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.int64]]:
    """Draw who is right before and after pruning, (K, N) each, and the labels (N,)."""
    K, N, C = cell.models, cell.images, cell.classes
    labels_N = rng.permutation(np.arange(N) % C)
    images_N, shift_N = rng.normal(size=(2, N)) * cell.image_spread * np.array([[1.0], [0.5]])
    luck_KN = rng.logistic(size=(K, N))  # a descendant shares the luck of its parent
    spread = cell.image_spread
    before_KN = _logit(cell.before, spread) + images_N + rng.normal(size=(K, 1)) * 0.1 + luck_KN > 0
    models_K1 = rng.normal(size=(K, 1)) * cell.model_spread
    models_KN = models_K1 + (rng.normal(size=(K, C)) * cell.class_spread)[:, labels_N]
    base_N = np.where(labels_N == 0, _logit(cell.after - cell.extra_loss, spread), _logit(cell.after, spread))
    after_KN = base_N + images_N + shift_N + models_KN + luck_KN > 0
    return before_KN, after_KN, labels_N


@lru_cache(maxsize=64)
def _logit(accuracy: float, spread: float) -> float:
    """Return the logit whose mean accuracy over images that spread as `spread` is `accuracy`, by bisection."""
    nodes = np.random.default_rng(0).normal(size=4001) * spread
    low, high = -20.0, 20.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (low, middle) if expit(middle + nodes).mean() > accuracy else (middle, high)
    return low


@dataclass(frozen=True)
class Coins:
    """Independent coins: every image of every model is right with one probability, anew after pruning.

    Attributes:
        fixed: whether what is wrong before stays wrong, so that accuracy can only fall.
    """

    models: int
    images: int
    before: float = 0.99
    after: float = 0.98
    classes: int = 10
    fixed: bool = False


def flip(coins: Coins, rng: np.random.Generator) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.int64]]:
    """Flip the coins."""
    labels_N = np.arange(coins.images) % coins.classes
    before_KN = rng.random((coins.models, coins.images)) < coins.before
    share = coins.after / coins.before if coins.fixed else coins.after
    after_KN = rng.random(before_KN.shape) < share
    return before_KN, after_KN & before_KN if coins.fixed else after_KN, labels_N


Draw = Callable[[np.random.Generator], tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.int64]]]


def hit_rates(make: Draw, boards: int, classes: int) -> tuple[float, float]:
    """Return how often class 0 is hit, and how often any other class is."""
    rng, found = np.random.default_rng(0), np.zeros((boards, 2))
    for row in found:
        hit_C = class_changes(*make(rng), classes).hits
        row[:] = hit_C[0], hit_C[1:].any()
    return tuple(found.mean(axis=0).tolist())


def any_hit(make: Draw, boards: int, classes: int) -> float:
    """Return how often any class is hit."""
    rng = np.random.default_rng(0)
    return float(np.mean([class_changes(*make(rng), classes).hits.any() for _ in range(boards)]))


SHAPES = ((6, 445), (6, 2000), (10, 10_000))


def rows() -> list[tuple[str, Draw, bool]]:
    """List what is simulated: its name, how a cell is drawn, and whether class 0 truly loses more."""

    def cell(**settings: Any) -> Draw:
        return lambda rng: draw(Cell(**settings), rng)

    def coins(**settings: Any) -> Draw:
        return lambda rng: flip(Coins(**settings), rng)

    made: list[tuple[str, Draw, bool]] = []
    for models, images in SHAPES:
        shape, name = {"models": models, "images": images}, f"K = {models}, N = {images:,}"
        made.append((f"{name}: equal classes, .97 to .90", cell(**shape), False))
        made.append((f"{name}: equal classes, .60 to .45", cell(**shape, before=0.6, after=0.45), False))
        made.append((f"{name}: models favour classes", cell(**shape, class_spread=0.8), False))
        made.append((f"{name}: .99 to .98, coins", coins(**shape), False))
        made.append((f"{name}: .99 to .98, only losses", coins(**shape, fixed=True), False))
        made.append((f"{name}: a class loses .10 more", cell(**shape, extra_loss=0.1), True))
        made.append((f"{name}: .60 to .45, a class .10 more",
                     cell(**shape, before=0.6, after=0.45, extra_loss=0.1), True))  # fmt: skip
    return made


def main() -> None:
    """Print a line per kind of cell."""
    parser = argparse.ArgumentParser(prog="python -m bench.inference.class_hits", description=__doc__)
    parser.add_argument("--boards", type=int, default=400, help="cells per line")
    boards = parser.parse_args().boards
    print(f"{'cells, 10 classes':<52} {'rate':>6}   Monte Carlo error, {boards} cells")
    for name, make, is_lost in rows():
        count = boards if "10,000" not in name else max(boards // 4, 1)
        rate = hit_rates(make, count, 10)[0] if is_lost else any_hit(make, count, 10)
        error = np.sqrt(max(rate * (1 - rate), 1 / count) / count)
        print(f"{name:<52} {rate:>6.3f}   {error:.3f} ({'should be high' if is_lost else 'nominal .05'})", flush=True)


if __name__ == "__main__":
    main()
