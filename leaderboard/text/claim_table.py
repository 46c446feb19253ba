"""Claims as a table for people: who is ahead comes first, the effect is positive and has its interval. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from leaderboard.board.claims import Claim
from leaderboard.board.estimates import IntervalEstimate
from leaderboard.board.wording import one_line

HOLDS, OPEN, EQUAL = "holds", "not separated", "equal"
HEADINGS = {
    "submission": "Submission", "better": "Keeps more", "worse": "Keeps less", "difference": "Difference",
    "interval": "Interval", "p_holm": "p (Holm)", "p": "p alone", "over": "About", "verdict": "Verdict",
}  # fmt: skip
"""The columns of the table, in their order, with their titles."""


def claim_frame(found: Sequence[Claim], names: Mapping[str, str], level: float) -> pd.DataFrame:
    """Tabulate claims, those of one submission together, and within it the most certain first.

    Args:
        found: the claims, most certain first.
        names: name of the submission by path.
        level: a claim holds where its adjusted p-value is at most this.

    Returns:
        submission (empty for a pair of submissions), better, worse, difference (at least 0), interval (text),
        p_holm, p, over, verdict.
    """
    whose = {claim.path: one_line(names[claim.path], 60) for claim in found}
    rows = [
        {"submission": "" if claim.kind == "submissions" else whose[claim.path], "better": one_line(claim.winner, 60),
         "worse": one_line(claim.loser, 60), "difference": abs(claim.difference), "interval": _interval(claim),
         "p_holm": claim.p_holm, "p": claim.p, "over": claim.over,
         "verdict": HOLDS if claim.p_holm <= level else OPEN if claim.difference else EQUAL}
        for claim in found
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(HEADINGS)).sort_values("submission", kind="stable", ignore_index=True)


def _interval(claim: Claim) -> str:
    if math.isnan(claim.margin):
        return ""
    effect = abs(claim.difference)
    bounds = IntervalEstimate(effect, effect - claim.margin, effect + claim.margin).within(claim.largest)
    return f"{bounds.low:+.4f} to {bounds.high:+.4f}"
