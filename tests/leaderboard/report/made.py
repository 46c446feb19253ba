"""Methods that were never trained: their models are right at rates that a test chooses."""

from __future__ import annotations

import numpy as np

from leaderboard.board.board import entry_of
from leaderboard.board.predictions import CellKey, Predictions, cell_key
from leaderboard.report.findings import Method
from tests.leaderboard.records import SIGNER, TASK, Knobs, evaluation

SCHEDULES, SPARSITIES = ("early", "late", "one-shot"), (0.5, 0.9)
NUM_IMAGES, FLOOR = 1000, 0.4
LABEL_N = np.arange(NUM_IMAGES) % 10


def made_method(name: str, losses: dict[str, float], rng: np.random.Generator, dense: float = 0.9) -> Method:
    """Models that are right at a rate of `dense` less the loss of a schedule, twice that at .9, on the same images."""
    knobs = Knobs(name, models=6, schedules=SCHEDULES, sparsities=SPARSITIES)
    entry = entry_of(name, evaluation(knobs), SIGNER)
    luck_KN = rng.random((6, NUM_IMAGES))
    rates: dict[CellKey, float] = {cell_key(TASK, "dense", 0.0): dense}
    rates |= {
        cell_key(TASK, schedule, sparsity): dense - losses[schedule] * (2 if sparsity == 0.9 else 1)
        for schedule in SCHEDULES for sparsity in SPARSITIES
    }  # fmt: skip
    outcomes: dict[CellKey, Predictions] = {}
    for key, rate in rates.items():
        level_K1 = rate + rng.normal(0, 0.003, (6, 1))
        again_KN = np.where(rng.random((6, NUM_IMAGES)) < 0.1, rng.random((6, NUM_IMAGES)), luck_KN)
        outcomes[key] = Predictions(np.where(again_KN < level_K1, LABEL_N, (LABEL_N + 1) % 10), LABEL_N)
    return Method(entry, outcomes, {TASK: FLOOR}, {}, {TASK: 1000})
