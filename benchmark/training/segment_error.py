"""Why a segment stopped: the exception of a submission with its place and its update, for people."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

from benchmark.method.loading import place_of


class DivergedError(ArithmeticError):
    """A loss is NaN or infinite: no further update can mend the weights.

    Args:
        update: number of updates before the one that gave this loss.
        loss: what it gave.
    """

    def __init__(self, update: int, loss: float) -> None:
        super().__init__(f"the loss is {loss} at update {update}")
        self.update = update


@dataclass(frozen=True)
class SegmentError:
    """Why a segment cannot be trained any further.

    Attributes:
        traceback: of the exception; its text may be the submission's own.
        place: innermost line of the submission in it, such as `method.py:12`; None if it passed through none.
        update: number of updates before the one in which it was raised; None outside of updates.
        diverged: whether training was stopped because a loss was NaN or infinite.
    """

    traceback: str
    place: str | None = None
    update: int | None = None
    diverged: bool = False


def segment_error(error: BaseException, update: int | None = None) -> SegmentError:
    """Return an exception as the reason of a segment's end.

    Args:
        error: what was raised.
        update: number of updates before the one in which it was raised; None outside of updates.
    """
    text = "".join(traceback.format_exception(error))
    if isinstance(error, DivergedError):
        return SegmentError(text, None, error.update, diverged=True)
    return SegmentError(text, place_of(error), update)
