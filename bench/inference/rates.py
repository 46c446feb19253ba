"""One row of the table: how often something happened, beside what is asked of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Rate:
    """How often something happened, beside what is asked of it.

    Attributes:
        truth: what is true of the boards.
        counts: K, N and how many methods.
        what: what is counted.
        reach: what is asked; empty where a number is only shown.
        share: measured, in [0, 1].
        boards: of how many.
    """

    truth: str
    counts: str
    what: str
    reach: str
    share: float
    boards: int

    def __str__(self) -> str:
        """Write it as a row of a Markdown table."""
        error = np.sqrt(max(self.share * (1 - self.share), 1 / self.boards) / self.boards)
        met = "" if not self.reach else "yes" if _meets(self.share, self.reach) else "**no**"
        return (
            f"| {self.truth} | {self.counts} | {self.what} | {self.reach} | {self.share:.3f} +- {error:.3f} | {met} "
            f"| {self.boards} |"
        )


def _meets(share: float, reach: str) -> bool:
    sign, *bounds = reach.split()
    numbers = [float(each) for each in bounds]
    return share <= numbers[0] if sign == "<=" else share >= numbers[0] and share <= [*numbers, 1.0][1]
