"""How many images pass through the encoder in an update: what a method computes beyond what its budget says."""

from __future__ import annotations

from collections.abc import Iterable

from benchmark.training.training_job import SegmentReport


def images_per_update(reports: Iterable[SegmentReport]) -> dict[str, float] | None:
    """Return the mean number of images per update through the encoder and through copies of it.

    Args:
        reports: of all trained states, each state once.

    Returns:
        `encoder` and `copies`; None if there were no updates, or a report is older than this count.
    """
    encoder = copies = updates = 0
    for report in reports:
        if report.images_encoder is None or report.images_copies is None:
            return None
        encoder += report.images_encoder
        copies += report.images_copies
        updates += report.step - report.start
    return {"encoder": encoder / updates, "copies": copies / updates} if updates > 0 else None
