"""What it costs that only the harness trains: an update with the guard of the encoder and one without, in turn."""

from __future__ import annotations

import statistics
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager

from bench.our_training import OurRun
from bench.paired_timing import Line
from bench.update_speed import digits
from benchmark.training.guard import EncoderGuard
from benchmark.training.live_model import LiveModel


class NoGuard(EncoderGuard):
    """Watches nothing."""

    def __init__(self) -> None:
        """Need no encoder."""

    def expect(self, step: int) -> None:
        """Take anything."""

    def verify(self, hook: str = "") -> None:
        """Accept anything."""

    @contextmanager
    def during(self, hook: str) -> Generator[None]:
        """Run a hook."""
        yield

    @contextmanager
    def during_step(self) -> Generator[None]:
        """Run the optimizer's step."""
        yield


def guard(quick: bool) -> Iterator[Line]:
    """Compare the processor time of updates of SimCLR on digits, pair by pair: other programs disturb it least."""
    _, data, budget = digits()
    watched, bare = OurRun(data.train.images, budget), OurRun(data.train.images, budget)
    _unguard(bare.models[0])
    watched.epoch()
    bare.epoch()
    pairs = [(_update_s(watched, step), _update_s(bare, step)) for step in range(100 if quick else 400)]
    without_s = statistics.median(pair[1] for pair in pairs)
    extra_s = statistics.median(one - other for one, other in pairs)
    fifths = [statistics.median(one - other for one, other in pairs[start::5]) / without_s for start in range(5)]
    yield Line(
        "guard of the encoder", f"{extra_s / without_s:.1%} [{min(fifths):.1%}, {max(fifths):.1%}]",
        f"processor time over an update of SimCLR on digits without it, {without_s * 1e3:.1f} ms, one thread; median "
        f"of {len(pairs)} pairs, and of five parts of them", "1 %",
    )  # fmt: skip


def _unguard(model: LiveModel) -> None:
    """Take the guard off, from the encoder and from the optimizer too."""
    model.guard, model.encoder.gate = NoGuard(), None
    model.optimizer = model.method.optimizer([*model.encoder.parameters(), *model.method.parameters()])


def _update_s(side: OurRun, step: int) -> float:
    """Return the processor time of one update, its views not included."""
    model = side.models[0]
    images_BCHW = side.batches.at(step).images_BCHW
    views_VBCHW = images_BCHW.repeat(2, 1, 1, 1, 1)
    started = time.thread_time()
    model.update(views_VBCHW, None)
    return time.thread_time() - started
