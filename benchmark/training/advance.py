"""Training, in one screen: the models of a seed advance together, on the same batches.

The idea in four sentences. Randomness at update t is a function of (seed, stream name, t), so all models of a seed that
are alive at update t see the same augmented batch, and it is made once. A segment is a stretch of training that several
runs share. `advance` sees segments and never runs, so before its first prune event no method can know its schedule.
Models trained together, trained alone, split anywhere or resumed have the same weights in every bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from benchmark.data.batches import Batches
from benchmark.plan.events import PruneEvent
from benchmark.plan.tree import Segment
from benchmark.training.acceleration.prefetch import ViewPrefetcher
from benchmark.training.live_model import LiveModel
from benchmark.training.segment_error import DivergedError, SegmentError, segment_error
from benchmark.training.state import TrainState


@dataclass
class LiveSegment:
    """A segment in training.

    Attributes:
        segment: what is being trained.
        model: the model that is trained.
        load_anchor: returns the dense state to which an event rewinds the weights; None for an event that does not.
        error: why training stopped, if it did.
    """

    segment: Segment
    model: LiveModel
    load_anchor: Callable[[PruneEvent], TrainState | None] = lambda event: None
    error: SegmentError | None = None
    _epochs: list[int] = field(default_factory=list[int])
    _losses: Tensor | None = None
    _num_finite: int = 0

    def prune_if_due(self, *, at_end: bool = False) -> None:
        """Apply the event at the current step, if there is one; an event at the last step waits for `at_end`."""
        step = self.model.step
        if step == self.segment.stop and not at_end:
            return
        for event in self.segment.events:
            if event.step == step:
                self.model.prune(event, self.load_anchor(event))

    def record_loss(self, epoch: int, loss: Tensor) -> None:
        """Keep the loss of one update. A GPU is not waited for: there, `demand_finite` looks at losses later.

        Raises:
            DivergedError: the loss is in main memory, and NaN or infinite.
        """
        if self._losses is None:
            self._losses = torch.zeros(self.segment.num_steps, dtype=torch.float64, device=loss.device)
        self._losses[len(self._epochs)] = loss
        self._epochs.append(epoch)
        if loss.device.type == "cpu":
            self.demand_finite()

    def demand_finite(self) -> None:
        """Look at the losses since the last call; on a GPU this waits.

        Raises:
            DivergedError: one of them is NaN or infinite; names the first.
        """
        if self._losses is None:
            return
        start, end = self._num_finite, len(self._epochs)
        for position, loss in enumerate(self._losses[start:end].tolist(), start):
            if not math.isfinite(loss):
                raise DivergedError(self.model.step - end + position, loss)
        self._num_finite = end

    def losses(self) -> tuple[tuple[int, float, int], ...]:
        """Return (epoch, sum of losses, number of updates) since this object was made."""
        sums: dict[int, tuple[float, int]] = {}
        losses = [] if self._losses is None else self._losses[: len(self._epochs)].tolist()
        for epoch, loss in zip(self._epochs, losses, strict=True):
            total, count = sums.get(epoch, (0.0, 0))
            sums[epoch] = (total + loss, count + 1)
        return tuple((epoch, total, count) for epoch, (total, count) in sorted(sums.items()))


def advance(
    live: Sequence[LiveSegment], until: int, batches: Batches, on_update: Callable[[int, int, Tensor], None]
) -> None:
    """Train models that have made the same number of updates until they have made `until`.

    At every step: make the views of the batch once; then, in every model, prune if an event is due and make one update.
    A segment that raises, or whose loss is not finite, keeps the reason in `error` and stops. The others go on, unless
    `views` raised, which they share. On a GPU, losses are looked at when all updates are queued.

    Args:
        live: the segments; their models all stand at the same step.
        until: number of updates to stop at, at most the smallest `stop` of the segments.
        batches: the seed's order of images.
        on_update: called after every step with the step, the number of models updated in it, and the last loss.
    """
    training = [each for each in live if each.error is None]
    prefetcher = ViewPrefetcher(batches, training[0].model.recipe.captured_views if training else None)
    for step in range(training[0].model.step if training else until, until):
        try:
            views_VBCHW, labels_B = prefetcher.views(training[0].model.method, step)
        except Exception as error:  # a submission may raise anything
            for each in training:
                each.error = segment_error(error, step)
            return
        loss = torch.zeros(())
        for each in training:
            try:
                each.prune_if_due()
                loss = each.model.update(*_own_copies(views_VBCHW, labels_B))
                each.record_loss(step // batches.steps_per_epoch, loss)
            except Exception as error:  # a submission may raise anything
                each.error = segment_error(error, step)
        on_update(step, len(training), loss)
        training = [each for each in training if each.error is None]
        if not training:
            return
    for each in training:
        try:
            each.demand_finite()
        except DivergedError as error:
            each.error = segment_error(error)


def _own_copies(views_VBCHW: Tensor, labels_B: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Copy what models share: a method that writes into its views or labels must not change another model."""
    return views_VBCHW.clone(), None if labels_B is None else labels_B.clone()
