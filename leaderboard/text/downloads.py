"""The ranking as files: CSV, JSON and BibTeX. Pure text; foreign text is made harmless for its reader."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from benchmark.scoring.metric import Column
from benchmark.scoring.metric_names import ROBUSTNESS_SCORE
from leaderboard.board.estimates import IntervalEstimate
from leaderboard.board.standings import Row
from leaderboard.figures.charts import Line, Span, kind_of

BENCHMARK_ENTRY = """@software{forget-me-not,
  title = {Forget-Me-Not: what does a representation forget when its network is pruned?},
  author = {{The Forget-Me-Not authors}},
  note = {A benchmark of representations under pruning; CITATION.cff of the software names its version},
}
"""
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_TEX = {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"} | {
    mark: f"\\{mark}" for mark in "&%$#_"
}


def as_csv(ranking: Sequence[Row], metrics: Sequence[str]) -> str:
    """Write one line per submission; `metric`, `metric low`, `metric high` for every number.

    A text that a spreadsheet would take for a formula gets a leading apostrophe.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    facts = ["rank", "best", "worst", "ties", "submission", "track", "specification", "tier", "models", "isolation",
             "signed by", "key", "date", "evaluation", "note"]  # fmt: skip
    writer.writerow(facts + [f"{metric}{part}" for metric in metrics for part in ("", " low", " high")])
    for row in ranking:
        entry, standing = row.entry, row.standing
        cells: list[Any] = [standing.rank, standing.best, standing.worst, standing.group_text, entry.name,
                            entry.supervision, entry.spec_identity, entry.tier, entry.num_models, entry.isolation,
                            entry.signed_by, entry.key_id, entry.created, entry.evaluation_key,
                            standing.reason]  # fmt: skip
        for metric in metrics:
            score = row.scores.get(metric)
            cells += [score.value, *_bounds(score)] if score else ["", "", ""]
        writer.writerow([_no_formula(cell) if isinstance(cell, str) else cell for cell in cells])
    return out.getvalue()


def curves_csv(panels: Mapping[str, Sequence[Line]]) -> str:
    """Write the points of curves, one per line: panel, name, kind (such as `control`), sparsity, value and bounds.

    A text that a spreadsheet would take for a formula gets a leading apostrophe.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["panel", "name", "kind", "sparsity", "value", "low", "high"])
    for panel, lines in panels.items():
        for line in lines:
            texts = [_no_formula(panel), _no_formula(line.name), kind_of(line)]
            writer.writerows([*texts, *("" if each is None else each for each in point)] for point in line.points)
    return out.getvalue()


def spans_csv(spans: Sequence[Span]) -> str:
    """Write effects with their intervals, one per line: row, name, value and bounds; texts as in `curves_csv`."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["row", "name", "value", "low", "high"])
    for each in spans:
        writer.writerow([_no_formula(each.row), _no_formula(each.name), each.value, each.low, each.high])
    return out.getvalue()


def map_csv(points: pd.DataFrame, names: Mapping[str, str]) -> str:
    """Write the points of a map, one per line: side, test image, class, both coordinates and whether it is forgotten.

    Args:
        points: rows with side, example, label (text), x, y and forgotten.
        names: of every class by its label; one that a spreadsheet would take for a formula gets an apostrophe.
    """
    texts = points.assign(**{"class": [_no_formula(names.get(label, label)) for label in points["label"]]})
    fields = ["side", "example", "class", "x", "y", "forgotten"]
    return texts[fields].to_csv(index=False, float_format="%.4f", lineterminator="\n")


def as_json(ranking: Sequence[Row], columns: Mapping[str, Column]) -> str:
    """Write the ranking with the description of every number."""
    return json.dumps(as_document(ranking, columns), indent=1, ensure_ascii=True)


def as_document(ranking: Sequence[Row], columns: Mapping[str, Column]) -> dict[str, list[dict[str, Any]]]:
    """Return what `as_json` writes: `columns` with the description of every number, and `rows`, best first."""
    return {
        "columns": [columns[name].model_dump() for name in columns],
        "rows": [_json_row(row, columns) for row in ranking],
    }


def as_bibtex(ranking: Sequence[Row]) -> str:
    """Write an entry for the benchmark and one per submission, citing its paper and its record.

    The key of a submission is its name and the beginning of its evaluation's key, so that it stays when ranks change.
    """
    return "\n".join([BENCHMARK_ENTRY, *(_bibtex_entry(row, _citation_key(row)) for row in ranking)])


def _citation_key(row: Row) -> str:
    name = re.sub(r"[^A-Za-z0-9-]+", "", row.entry.name)[:40] or "submission"
    return f"{name}-{row.entry.evaluation_key[:8]}"


def _json_row(row: Row, columns: Mapping[str, Column]) -> dict[str, Any]:
    entry, standing = row.entry, row.standing
    return {
        "submission": entry.name, "authors": entry.authors, "paper": entry.paper, "supervision": entry.supervision,
        "specification": entry.spec_identity, "tier": entry.tier, "models": entry.num_models,
        "isolation": entry.isolation, "signed_by": entry.signed_by, "key": entry.key_id,
        "created": entry.created, "evaluation": entry.evaluation_key,
        "code": entry.digest, "rank": standing.rank, "best": standing.best, "worst": standing.worst,
        "ties": standing.group_text, "reason": standing.reason,
        "numbers": {
            name: {"value": score.value} | dict(zip(("low", "high"), _bounds(score, None), strict=True))
            for name in columns if (score := row.scores.get(name))
        },
    }  # fmt: skip


def _bounds(score: IntervalEstimate, nothing: str | None = "") -> list[float | str | None]:
    """Return the bounds of a number; nothing where it has no interval, which is no interval of width zero."""
    return [nothing, nothing] if score.low == score.high else [score.low, score.high]


def _bibtex_entry(row: Row, key: str) -> str:
    entry, score = row.entry, row.scores.get(ROBUSTNESS_SCORE)
    interval = f" [{score.low:.3f}, {score.high:.3f}]" if score and score.low < score.high else ""
    result = f"robustness score {score.value:.3f}{interval}" if score else "not ranked"
    note = f"{result} on {entry.spec_identity} ({entry.tier} tier), evaluation {entry.evaluation_key[:16]}"
    fields = {
        "title": f"{entry.name}, evaluated by Forget-Me-Not",
        "author": " and ".join(entry.authors),
        "year": entry.created[:4],
        "howpublished": entry.paper,
        "note": note,
    }
    lines = [f"  {name} = {{{_tex(text)}}}," for name, text in fields.items() if text]
    return "\n".join([f"@misc{{{key},", *lines, "}", ""])


def _no_formula(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _tex(text: str) -> str:
    return "".join(_TEX.get(mark, mark) for mark in re.sub(r"\s+", " ", text))
