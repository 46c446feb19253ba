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


class NoGuard(EncoderGuard):
    """Watches nothing."""

    def __init__(self) -> None:
        """Need no encoder."""

    def expect(self, step: int) -> None:
        """Take anything."""

    def verify(self, hook: str = "") -> None:
        """Accept anything."""

    def verify_layers(self, hook: str = "") -> None:
        """Accept any."""

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
    ours = OurRun(data.train.images, budget)
    [model] = ours.models
    ours.epoch()
    real, gate, none = model.guard, model.encoder.gate, NoGuard()
    # The hook of its guard would refuse the steps of an update without one.
    model.optimizer = model.method.optimizer([*model.encoder.parameters(), *model.method.parameters()])

    def update_s(step: int, *, is_guarded: bool) -> float:
        model.guard, model.encoder.gate = (real, gate) if is_guarded else (none, None)
        model.guard.expect(step)
        views_VBCHW = ours.batches.at(step).images_BCHW.repeat(2, 1, 1, 1, 1)
        started = time.thread_time()
        model.update(views_VBCHW, None)
        return time.thread_time() - started

    pairs: list[tuple[float, float]] = []
    for step in range(100 if quick else 400):
        first = bool(step % 2)  # the second of two updates finds other caches than the first
        taken = {is_guarded: update_s(2 * step, is_guarded=is_guarded) for is_guarded in (first, not first)}
        pairs.append((taken[True], taken[False]))
    without_s = statistics.median(pair[1] for pair in pairs)
    fifths = [statistics.median(one - other for one, other in pairs[start::5]) / without_s for start in range(5)]
    extra = statistics.median(one - other for one, other in pairs) / without_s
    yield Line(
        "guard of the encoder", f"{extra:.1%} [{min(fifths):.1%}, {max(fifths):.1%}]",
        f"processor time over an update of SimCLR on digits without it, {without_s * 1e3:.1f} ms, one thread; median "
        f"of {len(pairs)} pairs, and of five parts of them", "1 %",
    )  # fmt: skip
