"""Derives masks again: what must be pruned according to the stored state before an event, a run must have pruned.

The host holds the weights that an event was applied to at branch points only. Where no event follows, the mask is
known bit by bit; where some do, everything derived here must still be masked. Events between stored states go unseen.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmark.encoder import Encoder, prunable_names
from benchmark.pruning.criteria import magnitude_scores, prune, random_scores
from benchmark.pruning.mask import Mask
from benchmark.scoring.invalid_output import InvalidOutput
from benchmark.scoring.reading.weights import load_pruned_weights
from benchmark.scoring.scoring_job import ENCODER_FILE, MASK_FILE, BranchPoint, RunToScore

DERIVATION_VERSION = 1
"""Raised when this refuses other masks than before: outcomes of models that it has judged are kept under it."""


def demand_derived_mask(run: RunToScore, mask: Mask, initial_encoder: Callable[[], Encoder]) -> None:
    """Refuse a run whose mask is not what its events make of the states they were applied to.

    Args:
        run: the run, with its branch points.
        mask: its mask, checked for shapes and counts.
        initial_encoder: builds the encoder with the initial weights of the run's seed.

    Raises:
        InvalidOutput: the mask keeps something that an event pruned, or a state before an event is missing or invalid.
    """
    for point in run.branch_points:
        derived = _derive(point, run.seed, initial_encoder())
        differing = sum(int((mask.kept[name] & ~kept).sum()) for name, kept in derived.kept.items())
        if differing:
            event = point.event
            raise InvalidOutput(
                f"{MASK_FILE}: expected the {derived.num_pruned} weights that go first by {event.criterion} at update "
                f"{event.step} to be pruned, got a mask that keeps {differing} of them"
            )


def _derive(point: BranchPoint, seed: int, encoder: Encoder) -> Mask:
    names = prunable_names(encoder)
    weights = {name: encoder.get_parameter(name) for name in names}
    before = Mask.dense(weights)
    if point.directory is not None:
        if not (point.directory / ENCODER_FILE).is_file():
            raise InvalidOutput(f"the state before update {point.event.step}, which the mask follows from, is missing")
        read = load_pruned_weights(
            encoder, point.directory / ENCODER_FILE, point.directory / MASK_FILE, point.num_pruned
        )
        before = Mask({name: read.kept[name] for name in names})
    is_random = point.event.criterion == "random"
    scores = random_scores(weights, seed, point.event.step) if is_random else magnitude_scores(weights)
    return prune(before, scores, point.event.num_pruned, point.event.allocation)
