"""Training, in one screen: the models of a seed advance together, on the same batches.

The idea in four sentences. Randomness at update t is a function of (seed, stream name, t), so all models of a seed that
are alive at update t see the same augmented batch, and it is made once. A segment is a stretch of training that several
runs share. `advance` sees segments and never runs, so before its first prune event no method can know its schedule.
Models trained together, trained alone, split anywhere or resumed have the same weights in every bit.
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
from benchmark.training.acceleration.prefetch import ViewPrefetcher
from benchmark.training.live_model import LiveModel
from benchmark.training.state import TrainState


@dataclass
class LiveSegment:
    """A segment in training.

    Attributes:
        segment: what is being trained.
        model: the model that is trained.
        load_anchor: returns the dense state to which an event rewinds the weights; None for an event that does not.
        loss_sums: per epoch, the sum of the losses (a scalar on the device) and the number of updates.
        error: traceback of the exception that ended training, if one did.
    """

    segment: Segment
    model: LiveModel
    load_anchor: Callable[[PruneEvent], TrainState | None] = lambda event: None
    loss_sums: dict[int, tuple[Tensor, int]] = field(default_factory=dict[int, tuple[Tensor, int]])
    error: str | None = None

    def prune_if_due(self, *, at_end: bool = False) -> None:
        """Apply the event at the current step, if there is one; an event at the last step waits for `at_end`."""
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
        """Return (epoch, sum of losses, number of updates) since this object was made."""
        return tuple((epoch, float(total), count) for epoch, (total, count) in sorted(self.loss_sums.items()))


def advance(
    live: Sequence[LiveSegment], until: int, batches: Batches, on_update: Callable[[int, int, Tensor], None]
) -> None:
    """Train models that have made the same number of updates until they have made `until`.

    At every step: make the views of the batch once; then, in every model, prune if an event is due and make one update.
    A segment that raises keeps the traceback in `error` and stops. The others go on, unless `views` raised, which they
    share.

    Args:
        live: the segments; their models all stand at the same step.
        until: number of updates to stop at, at most the smallest `stop` of the segments.
        batches: the seed's order of images.
        on_update: called after every step with the step, the number of models updated in it, and the last loss.
    """
    training = [each for each in live if each.error is None]
    prefetcher = ViewPrefetcher(batches)
    for step in range(training[0].model.step if training else until, until):
        try:
            views_VBCHW, labels_B = prefetcher.views(training[0].model.method, step)
        except Exception:  # a submission may raise anything
            for each in training:
                each.error = traceback.format_exc()
            return
        loss = torch.zeros(())
        for each in training:
            try:
                each.prune_if_due()
                loss = each.model.update(*_own_copies(views_VBCHW, labels_B))
                each.record_loss(step // batches.steps_per_epoch, loss)
            except Exception:  # a submission may raise anything
                each.error = traceback.format_exc()
        on_update(step, len(training), loss)
        training = [each for each in training if each.error is None]
        if not training:
            return


def _own_copies(views_VBCHW: Tensor, labels_B: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Copy what models share: a method that writes into its views or labels must not change another model."""
    return views_VBCHW.clone(), None if labels_B is None else labels_B.clone()
