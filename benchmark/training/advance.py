"""Training, in one screen: advance the models of a seed together, on the same batches.

All models that are alive at update t see the same augmented batch, since randomness is a function of (seed, stream, t).
`advance` sees segments, never runs: before its first event a method cannot know the schedule it is under. Together,
alone, split anywhere or resumed: the weights are bitwise the same.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from benchmark.data.batches import Batches
from benchmark.plan.events import PruneEvent
from benchmark.plan.tree import Segment
from benchmark.training.acceleration.prefetch import ViewMaker
from benchmark.training.live_model import LiveModel
from benchmark.training.state import TrainState


@dataclass
class LiveSegment:
    """A segment in training.

    Attributes:
        segment: what is being trained.
        model: the live model.
        load_anchor: gives the dense state to which an event rewinds the weights.
        loss_sums: per epoch, sum of the losses (a device scalar) and number of updates.
        error: traceback of the exception that ended it, if one did.
    """

    segment: Segment
    model: LiveModel
    load_anchor: Callable[[PruneEvent], TrainState | None] = lambda event: None
    loss_sums: dict[int, tuple[Tensor, int]] = field(default_factory=dict[int, tuple[Tensor, int]])
    error: str | None = None

    def prune_if_due(self, *, at_end: bool = False) -> None:
        """Apply the event at the current step, if there is one; the event of the last step waits until `at_end`."""
        step = self.model.step
        if step == self.segment.stop and not at_end:
            return
        for event in self.segment.events:
            if event.step == step:
                self.model.prune(event, self.load_anchor(event))

    def record_loss(self, epoch: int, loss: Tensor) -> None:
        """Add the loss of one update without waiting for the device."""
        total, count = self.loss_sums.get(epoch, (torch.zeros_like(loss, dtype=torch.float64), 0))
        self.loss_sums[epoch] = (total + loss, count + 1)

    def losses(self) -> tuple[tuple[int, float, int], ...]:
        """Give (epoch, sum of losses, number of updates) since the segment was started here."""
        return tuple((epoch, float(total), count) for epoch, (total, count) in sorted(self.loss_sums.items()))


def advance(
    live: Sequence[LiveSegment], until: int, batches: Batches, on_update: Callable[[int, int, Tensor], None]
) -> None:
    """Train models that stand at the same step to `until` updates, on the same augmented batches.

    Args:
        live: segments whose models all stand at the same step; one that raises keeps its traceback in `error` and
            stops, the others go on.
        until: step to stop at, at most the nearest `stop` of the segments.
        batches: the seed's order of images.
        on_update: told the step, the number of models updated in it and the last loss.
    """
    training = [each for each in live if each.error is None]
    maker = ViewMaker(batches)
    for step in range(training[0].model.step if training else until, until):
        try:
            views_VBCHW, labels_B = maker.views(training[0].model.method, step)
        except Exception:
            for each in training:
                each.error = traceback.format_exc()
            return
        loss = torch.zeros(())
        for each in training:
            try:
                each.prune_if_due()
                loss = each.model.update(*_own_copies(views_VBCHW, labels_B))
                each.record_loss(step // batches.steps_per_epoch, loss)
            except Exception:
                each.error = traceback.format_exc()
        on_update(step, len(training), loss)
        training = [each for each in training if each.error is None]
        if not training:
            return


def _own_copies(views_VBCHW: Tensor, labels_B: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Copy what models share, so that a method that writes into its views or labels changes no sibling."""
    return views_VBCHW.clone(), None if labels_B is None else labels_B.clone()
