"""The one error that a trained model can cause: what its trainer wrote cannot be scored.

It is raised by the check of the files, and by every step that finds features to overflow.
"""

from __future__ import annotations


class InvalidOutput(ValueError):  # noqa: N818 - it names the reason code `invalid_output`
    """A trainer's file is not what was asked for; the message names the offending key, escaped."""
