"""How what was counted after every evaluation grows: slopes with their errors, and which growth is too much. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from scipy.stats import linregress

WARM_UP = 50
"""Evaluations after which growth is judged: until then libraries fill what they keep, and Python collects no garbage of
its oldest generation, for which there must be a quarter more objects than at the beginning."""
MEMORY_REACH_MIB = 10.0
"""Per 100 evaluations."""
START_UP_REACH = 0.10
"""Of processor seconds, from the warm-up to the end."""
REACH = f"{MEMORY_REACH_MIB:.0f} MiB per 100 evaluations, no descriptor, {START_UP_REACH:.0%} of start-up"
_SECONDS = ", seconds"


@dataclass(frozen=True)
class Sample:
    """What was found after an evaluation.

    Attributes:
        number: of evaluations so far.
        at_s: seconds since the beginning.
        wall_s: what this evaluation took.
        files: in folders of the home, by name.
        ratios: of processor seconds of commands in the home to those in its copy from the beginning, by command, and
            those in the home themselves; empty where none was timed.
        resident_bytes: and the rest, of the process (`process_facts.ProcessFacts`).
    """

    number: int
    at_s: float
    wall_s: float
    files: dict[str, int]
    ratios: dict[str, float]
    resident_bytes: int
    descriptors: int
    threads: int
    children: int

    def __str__(self) -> str:
        """Say it on one line."""
        return (
            f"{self.number} evaluations, {self.at_s / 60:.1f} min, {self.resident_bytes / 2**20:.1f} MiB, "
            f"{self.descriptors} descriptors, {self.threads} threads, {self.children} children "
        )


@dataclass(frozen=True)
class Slope:
    """A line through what was counted.

    Attributes:
        first: where the line begins, and last: where it ends.
        per_100: how much it grows in 100 evaluations.
        error: standard error of `per_100`; where fewer than three samples are there, infinite.
        span: evaluations from the first sample to the last.
    """

    first: float
    last: float
    per_100: float
    error: float
    span: int


def slope(samples: Sequence[Sample], value: Callable[[Sample], float]) -> Slope:
    """Fit a line through a number of each sample, by evaluations.

    Raises:
        ValueError: there are fewer than two samples.
    """
    if len(samples) < 2:
        raise ValueError(f"expected at least two samples to fit a line, got {len(samples)}; go on for longer")
    numbers, values = [each.number for each in samples], [float(value(each)) for each in samples]
    fit: Any = linregress(numbers, values)
    begin, end = (float(fit.intercept + fit.slope * number) for number in (numbers[0], numbers[-1]))
    error = 0.0 if len(set(values)) == 1 else float(fit.stderr) if len(samples) > 2 else float("inf")
    return Slope(begin, end, 100 * float(fit.slope), 100 * error, numbers[-1] - numbers[0])


def after(samples: Sequence[Sample], warm_up: int) -> list[Sample]:
    """Return the samples by which growth is judged."""
    return [each for each in samples if each.number >= warm_up]


def start_up_growth(samples: Sequence[Sample], command: str) -> tuple[float, float]:
    """Return by which share the start-up of a command grew from the first timing to the last, and twice its error."""
    line = slope(samples, lambda each: each.ratios[command])
    return line.per_100 * line.span / 100 / line.first, 2 * line.error * line.span / 100 / line.first


def commands_of(samples: Sequence[Sample]) -> list[str]:
    """Name the commands that were timed."""
    return [name for name in next((each.ratios for each in samples if each.ratios), {}) if not name.endswith(_SECONDS)]


def broken(samples: Sequence[Sample], warm_up: int = WARM_UP) -> list[str]:
    """Say what grows by more than its reach, a sentence each."""
    judged = after(samples, warm_up)
    timed = [each for each in judged if each.ratios]
    found: list[str] = []
    memory = slope(judged, lambda each: each.resident_bytes / 2**20)
    if memory.per_100 > MEMORY_REACH_MIB:
        found.append(f"memory: expected at most {MEMORY_REACH_MIB:.0f} MiB more per 100 evaluations, got "
                     f"{memory.per_100:.1f} with a standard error of {memory.error:.1f}")  # fmt: skip
    third = max(len(judged) // 3, 1)
    begin, end = (min(each.descriptors for each in part) for part in (judged[:third], judged[-third:]))
    if end > begin:
        found.append(f"descriptors: expected {begin} at the end as at the beginning, got {end}")
    if any(each.children for each in judged):
        found.append(f"children: expected none between evaluations, got {max(each.children for each in judged)}")
    for command in commands_of(timed) if len(timed) > 2 else ():
        growth, doubt = start_up_growth(timed, command)
        if growth - doubt > START_UP_REACH:
            found.append(f"{command}: expected a start-up that grows by at most {START_UP_REACH:.0%}, got "
                         f"{growth:.0%} (give or take {doubt:.0%})")  # fmt: skip
    return found


def table(samples: Sequence[Sample], warm_up: int = WARM_UP) -> str:
    """Return a Markdown table of all slopes."""
    judged = after(samples, warm_up)
    timed = [each for each in judged if each.ratios]
    lines: dict[str, Slope] = {"memory, MiB": slope(judged, lambda each: each.resident_bytes / 2**20)}
    lines["descriptors"] = slope(judged, lambda each: each.descriptors)
    lines["threads"] = slope(judged, lambda each: each.threads)
    lines["seconds per evaluation"] = slope(judged, lambda each: each.wall_s)
    for name in judged[0].files:
        lines[f"files in {name}/"] = slope(judged, lambda each, name=name: each.files[name])
    if len(timed) > 1:
        for name in timed[0].ratios:
            is_seconds = name.endswith(_SECONDS)
            title = f"processor seconds of `{name.removesuffix(_SECONDS)}`" if is_seconds else f"`{name}`, by the copy"
            lines[title] = slope(timed, lambda each, name=name: each.ratios[name])
    head = [f"| {len(judged)} evaluations after {judged[0].number - 1} | at first | at last | per 100 evaluations |",
            "|---|---|---|---|"]  # fmt: skip
    rows = [f"| {name} | {each.first:.3g} | {each.last:.3g} | {each.per_100:+.3g} ± {each.error:.1g} |"
            for name, each in lines.items()]  # fmt: skip
    return "\n".join([*head, *rows])
