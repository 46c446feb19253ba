"""Numbers that a board derives from a record and ranks by: costs, the score per compute, the worst seed. Pure.

Equal numbers of updates are not equal compute: methods put different numbers of images through their encoders.
"""

from __future__ import annotations

from benchmark.recording.record import EvaluationRecord
from benchmark.scoring.metric import Column, Estimate
from benchmark.scoring.metric_names import ROBUSTNESS_SCORE

SCORE_PER_COMPUTE = "cost/score_per_compute"
WORST_SEED = "robustness/worst_seed"

BOARD_COLUMNS = (
    Column(name=WORST_SEED, title="Worst seed", better="higher",
           description="The robustness score of the seed where it is lowest: no interval over models shows seeds that "
           "collapse."),
    Column(name="cost/device_time", title="Device time", unit="h", better="lower",
           description="Hours of training and scoring on one device, shared training counted once."),
    Column(name="cost/peak_memory", title="Peak memory", unit="GiB", better="lower",
           description="Largest resident memory of any trainer (device memory on a GPU)."),
    Column(name="cost/images", title="Images in training", unit="million", better="lower",
           description="Images that went through the encoder and copies of it in training, which equal numbers of "
           "updates do not show; not measured in records from before they were counted."),
    Column(name=SCORE_PER_COMPUTE, title="Score per compute", unit="per million images", better="higher",
           description="Robustness score divided by the images that went through the encoder and copies of it in "
           "training, in millions; undefined where either is not known or the score is not above guessing."),
)  # fmt: skip


def images_in_training(record: EvaluationRecord) -> float | None:
    """Return the images that went through the encoder and copies of it in training; None where nobody counted them."""
    counted = record.images_per_update
    return None if counted is None else (counted.encoder + counted.copies) * record.cost.num_updates


def costs(record: EvaluationRecord) -> dict[str, Estimate]:
    """Return what `BOARD_COLUMNS` describe, but for the worst seed; numbers of images only where they were counted."""
    hours = (record.cost.train_s + record.cost.scoring_s) / 3600
    found = {
        "cost/device_time": Estimate(value=hours),
        "cost/peak_memory": Estimate(value=record.cost.peak_memory_bytes / 2**30),
    }
    images, score = images_in_training(record), record.summary.get(ROBUSTNESS_SCORE, Estimate(value=None))
    if images is None:
        return found
    millions = images / 1e6
    found["cost/images"] = Estimate(value=millions)
    if score.value is None or score.value <= 0 or millions <= 0:
        return found
    low, high = (None if bound is None else bound / millions for bound in (score.low, score.high))
    return {**found, SCORE_PER_COMPUTE: Estimate(value=score.value / millions, low=low, high=high)}
