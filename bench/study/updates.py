"""What an update of the study's network costs, per model: alone and among siblings, here and in another version."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.paired_timing import Line, in_turn, ratio
from bench.study.processes import Worker, WorkerError, checkout_name
from bench.study.scale import Form, Scale

PUBLISHED_MS = {1: 12.4, 6: 8.3}
"""Milliseconds per update and model by the number of siblings: float32, captured, of b0fb2ce on an H200, torch 2.11."""

REACH = "2.4x"


@dataclass(frozen=True)
class Timed:
    """Seconds per update and model.

    Attributes:
        here_s: of this version.
        there_s: of the other one, timed in turn with it; empty without another one.
        there_failed: why the other one has no timings, if it should have.
    """

    here_s: list[float]
    there_s: list[float]
    there_failed: str = ""


@dataclass(frozen=True)
class Base:
    """What a form is compared with: seconds per update and model, and where they are from."""

    median_s: float
    source: str


class UpdateTimes:
    """Times forms of updates, each once.

    Args:
        scale: what is trained.
        here: a process with the code of this version.
        there: one with the code of another; None without another one.
    """

    def __init__(self, scale: Scale, here: Worker, there: Worker | None = None) -> None:
        self.scale, self.here, self.there = scale, here, there
        self._timed: dict[Form, Timed] = {}

    def of(self, form: Form, *, repeats: int | None = None) -> Timed:
        """Return the timings of a form; of this version alone if `repeats` is given.

        Raises:
            WorkerError: this version cannot be trained in this form.
        """
        if form not in self._timed:
            self._timed[form] = self._time(form, None if repeats else self.there, repeats or self.scale.repeats)
        return self._timed[form]

    def _time(self, form: Form, there: Worker | None, repeats: int) -> Timed:
        sides, failed = [self.here], ""
        self._build(self.here, form)
        if there is not None:
            try:
                self._build(there, form)
                sides.append(there)
            except WorkerError as error:
                failed = str(error)
        taken = in_turn([lambda side=side: side.seconds("updates") for side in sides], repeats)
        here_s, *rest = [[each / self.scale.steps / form.siblings for each in of_one] for of_one in taken]
        return Timed(here_s, rest[0] if rest else [], failed)

    def _build(self, side: Worker, form: Form) -> None:
        side.forget()
        side.build("updates", "updates", options_of(self.scale, form))


def options_of(scale: Scale, form: Form) -> dict[str, Any]:
    """Return what a worker builds updates of a form from."""
    training = {**asdict(form), "device": scale.device}
    return {
        "encoder": scale.encoder, "px": scale.px, "images": scale.images, "steps": scale.steps, "training": training,
    }  # fmt: skip


def spread(taken_s: Sequence[float]) -> str:
    """Return a median with its range as text, in milliseconds."""
    return f"{statistics.median(taken_s) * 1e3:.2f} ms [{min(taken_s) * 1e3:.2f}, {max(taken_s) * 1e3:.2f}]"


def update_lines(times: UpdateTimes) -> Iterator[Line]:
    """Time one model and siblings in all forms of the device, each beside what it is compared with."""
    scale = times.scale
    for siblings in (1, scale.siblings):
        base = published(siblings) if scale.device == "cuda" else None
        forms = [form for fast in (False, True) for form in scale.forms(siblings, in_bfloat16=fast)]
        for form in forms:
            name = f"{scale.prefix}, {form}"
            try:
                timed = times.of(form)
            except WorkerError as error:
                yield Line(name, "not measured", str(error), scale.aim(REACH))
                continue
            there = checkout_name(times.there.checkout) if times.there is not None else ""
            if form == forms[0] and timed.there_s:
                base = Base(statistics.median(timed.there_s), f"measured of {there} in this call")
            yield update_line(name, timed, scale, base, forms[0].words, there)


def published(siblings: int) -> Base | None:
    """Return the published time for so many siblings, if there is one."""
    if siblings not in PUBLISHED_MS:
        return None
    return Base(PUBLISHED_MS[siblings] / 1e3, "published of code b0fb2ce on an H200")


def update_line(name: str, timed: Timed, scale: Scale, base: Base | None, base_form: str, there: str) -> Line:
    """Say what a form of updates takes, and how many times as fast it is as what it is compared with."""
    median_s = statistics.median(timed.here_s)
    said = [f"{scale.words}: per update and model; {scale.views / median_s:,.0f} views/s"]
    if base is not None:
        said.append(f"against {base.median_s * 1e3:.2f} ms ({base_form}; {base.source})")
    if timed.there_s:
        pairs = ratio(timed.there_s, timed.here_s)
        said.append(f"{pairs} of the same form of {there}, in turn: {spread(timed.there_s)}")
    if timed.there_failed:
        said.append(f"{there} not measured: {timed.there_failed}")
    gain = "" if base is None else f", {base.median_s / median_s:.2f}x"
    return Line(name, spread(timed.here_s) + gain, f"{'; '.join(said)}; n = {len(timed.here_s)}", scale.aim(REACH))
