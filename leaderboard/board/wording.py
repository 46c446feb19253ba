"""How numbers, names and directions are worded. Pure text; every text from a record is treated as hostile."""

from __future__ import annotations

import re
import string
from urllib.parse import urlsplit

from benchmark.scoring.metric import Column
from benchmark.scoring.metric_names import PROBE_ACCURACY, PUBLISHED_PIE, ROBUSTNESS_DENSE, TIED_MODES
from benchmark.scoring.score_math import FEWEST_MODELS
from leaderboard.board.estimates import IntervalEstimate

TRACKS = {"each": "Each track", "all": "Together", "none": "No labels", "labels": "Labels"}
TIERS = {
    "smoke": "Smoke tier: this board proves that an installation works. It is no evidence about a method.",
    "qualification": "Qualification tier: pre-selects methods; the full tier decides.",
    "full": "Full tier: evidence.",
}
"""What boards of a tier are good for, the least of them first."""
TOO_FEW = "too few models for an interval"
_SCALES = {PROBE_ACCURACY: "raw", ROBUSTNESS_DENSE: "chance-corrected"}
"""Two accuracies of the same models that must not be taken for each other."""
_ARROWS = {"higher": " ↑", "lower": " ↓", "neither": ""}


def tier_place(tier: str) -> int:
    """Return the place of a tier, evidence first; tiers that are not known come last.

    >>> [tier_place(tier) for tier in ("full", "qualification", "smoke", "other")]
    [0, 1, 2, 3]
    """
    best_first = list(reversed(TIERS))
    return best_first.index(tier) if tier in TIERS else len(best_first)


def inert(text: str) -> str:
    r"""Make foreign text show literally where only markdown is available (captions, help).

    Every ASCII punctuation mark is escaped; a word joiner after colons keeps shortcodes such as `:smile:` apart.

    >>> print(inert("[x](javascript:1)").replace("\u2060", ""))
    \[x\]\(javascript\:1\)
    """
    return "".join(f"\\{mark}" if mark in string.punctuation else mark for mark in text).replace("\\:", "\\:\u2060")


def one_line(text: str, limit: int = 200) -> str:
    """Collapse white space and control characters, cut at `limit` characters."""
    line = re.sub(r"[\s\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]+", " ", text).strip()
    return line if len(line) <= limit else line[: limit - 1] + "…"


def web_address(text: str) -> str | None:
    """Return a text that is an http(s) address with a host; None for anything else (`javascript:`, free text)."""
    try:
        parts = urlsplit(text.strip())
    except ValueError:
        return None
    clean = parts.scheme in ("http", "https") and parts.hostname and not re.search(r"[\s<>\"'`\\]", text.strip())
    return text.strip() if clean else None


def heading(column: Column) -> str:
    """Title with unit or scale and the direction that is better: `Excess PIE ↓`, `Device time (h) ↓`."""
    unit = column.unit or _SCALES.get(column.name, "")
    unit = f" ({unit})" if unit else ""
    return one_line(f"{column.title}{unit}", 80) + _ARROWS[column.better]


def decimals(column: Column) -> int:
    """Return how many decimals of a number the ranked table shows."""
    return 2 if column.unit else 3


def bounds(interval: IntervalEstimate | None) -> str:
    """Bounds for people: `0.921 – 0.944`; empty where there is no interval."""
    if interval is None or interval.low == interval.high:
        return ""
    return f"{interval.low:.3f} – {interval.high:.3f}"


def track_title(supervision: str) -> str:
    """Name a supervision track for people."""
    return TRACKS.get(supervision, one_line(supervision, 40))


def is_published_pie(name: str) -> bool:
    """Say whether a number is the share of published PIEs, of a cell or as a mean of pruned cells."""
    return name.removeprefix("pruned:") == PUBLISHED_PIE


def beside(name: str, estimate: IntervalEstimate | None, tied: float | None) -> str:
    """Return what is written beside a number: its bounds; beside published PIEs, how many depend on the tie rule.

    >>> beside("pie/published", IntervalEstimate(0.2, 0.2, 0.2), 0.173), beside("pie/published", None, None)
    ('17.3 % ties', '')
    """
    if is_published_pie(name) and estimate is not None and tied is not None:
        return f"{100 * tied:.1f} % ties"
    return bounds(estimate)


def tied_beside(name: str) -> str:
    """Name the share of ties that belongs to a share of published PIEs."""
    return name.replace(PUBLISHED_PIE, TIED_MODES)


def spread(interval: IntervalEstimate, num_models: int) -> str:
    """Bounds for people, or why there are none.

    >>> spread(IntervalEstimate(0.5, 0.5, 0.5), 2), spread(IntervalEstimate(0.5, 0.4, 0.6), 6)
    ('too few models for an interval', '0.400 – 0.600')
    """
    if num_models < FEWEST_MODELS:
        return TOO_FEW
    return bounds(interval) or "no interval"


def p_value(value: float) -> str:
    """Write a p-value for people.

    >>> p_value(0.0303), p_value(1e-9)
    ('0.0303', '< 0.0001')
    """
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}"


def p_equals(value: float) -> str:
    """Write a p-value as it follows a "p" in a sentence.

    >>> p_equals(0.0303), p_equals(1e-9)
    ('= 0.0303', '< 0.0001')
    """
    text = p_value(value)
    return text if text.startswith("<") else f"= {text}"


def percent(sparsity: float) -> str:
    """Sparsity for people: `98 %`, `99.5 %`, `dense` for 0."""
    return f"{100 * sparsity:.4g} %" if sparsity else "dense"


def duration(hours: float) -> str:
    """Device time for people.

    >>> duration(0.05), duration(3.04)
    ('about 3 minutes', 'about 3.0 hours')
    """
    return f"about {hours:.1f} hours" if hours >= 1 else f"about {max(1, round(60 * hours))} minutes"
