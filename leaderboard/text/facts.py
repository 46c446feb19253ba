"""What a record says about one submission, as plain frames and text. Pure; it does not rank."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pandas as pd

from benchmark.printable import counted
from benchmark.recording.record import EvaluationRecord
from benchmark.scoring.metric import Column, Estimate
from benchmark.scoring.metric_names import (
    PROBE_ACCURACY,
    ROBUSTNESS_DENSE,
    ROBUSTNESS_KNOWLEDGE_KEPT,
    ROBUSTNESS_RETENTION,
    ROBUSTNESS_SCORE,
    ROBUSTNESS_SCORE_HIGH,
)
from leaderboard.board.board import Entry
from leaderboard.board.estimates import IntervalEstimate
from leaderboard.board.inference.costs import WORST_SEED, images_in_training
from leaderboard.board.standings import describe, in_order
from leaderboard.board.wording import beside, heading, one_line, percent, spread, tied_beside
from leaderboard.text.host_paths import ON_SIGNERS_MACHINE, is_of_a_host, without_host_paths
from leaderboard.text.tunings import DECIDED

HEADLINES = (
    ROBUSTNESS_SCORE, WORST_SEED, ROBUSTNESS_KNOWLEDGE_KEPT, ROBUSTNESS_DENSE, ROBUSTNESS_RETENTION,
    ROBUSTNESS_SCORE_HIGH,
)  # fmt: skip
"""The numbers at the head of a submission's page."""
MEANINGS = {
    ROBUSTNESS_SCORE: "Knowledge above guessing, on average over all pruned sparsities",
    WORST_SEED: "The same of the seed that keeps least",
    ROBUSTNESS_KNOWLEDGE_KEPT: "Share kept of what training added to an untrained encoder",
    ROBUSTNESS_DENSE: "Knowledge above guessing before any pruning",
    ROBUSTNESS_RETENTION: "Score over dense; flatters whoever knew little",
    ROBUSTNESS_SCORE_HIGH: "Robustness where at least 90 % is pruned",
}
"""What each of them says, in words."""
ABOUT_HEADLINES = (
    "Robustness and dense accuracy are chance-corrected: 0 is guessing, 1 is perfect. Curves show raw accuracy. The "
    "numbers are means over models. Their intervals are about models and test images of this kind, not these images "
    "alone. No interval shows seeds that collapse; the worst seed does."
)
"""What the numbers at the head of a page are intervals of."""


def cell_frame(record: EvaluationRecord, task: str, columns: Mapping[str, Column]) -> pd.DataFrame:
    """Lay out every described number of every cell of a task.

    Returns:
        One row per cell in the order of the record: Schedule, Sparsity (texts), Models; then per number a column of
        its name and one of its bounds as text, `<name> interval`.
    """
    cells = [cell for cell in record.cells if cell.task == task]
    names = in_order(dict.fromkeys(name for cell in cells for name in cell.metrics), columns)
    table: dict[str, list[Any]] = {
        "Schedule": [one_line(cell.schedule, 40) for cell in cells],
        "Sparsity": [percent(cell.sparsity) for cell in cells],
        "Models": [cell.num_models for cell in cells],
    }
    for name in names:
        if describe(name, columns) is None:
            continue
        estimates = [cell.metrics.get(name) for cell in cells]
        table[name] = [None if each is None else each.value for each in estimates]
        table[f"{name} interval"] = [_beside(name, cell.metrics) for cell in cells]
    return pd.DataFrame(table)


def summary_frame(record: EvaluationRecord, columns: Mapping[str, Column]) -> pd.DataFrame:
    """List every described number of the whole submission with the bounds that the record holds.

    A board shows another interval of a robustness score where areas lie beside the record: the one of its tests.
    """
    found = [(name, describe(name, columns), record.summary[name]) for name in in_order(record.summary, columns)]
    return pd.DataFrame(
        [
            {"Number": heading(column), "Value": each.value,
             "Interval of the record": _beside(name, record.summary)}
            for name, column, each in found if column
        ],
        columns=["Number", "Value", "Interval of the record"],
    )  # fmt: skip


def _beside(name: str, numbers: Mapping[str, Estimate]) -> str:
    """Return the bounds of a number of a record; beside published PIEs the share of ties."""
    estimate, ties = numbers.get(name), numbers.get(tied_beside(name))
    if estimate is None:
        return ""
    interval = IntervalEstimate.of(estimate.value, estimate.low, estimate.high)
    return beside(name, interval, None if ties is None else ties.value)


class Headline(NamedTuple):
    """A number at the head of a page: its title, what it is, what stands below it, and what it means."""

    title: str
    value: str
    below: str
    meaning: str


def headlines(
    entry: Entry, scores: Mapping[str, IntervalEstimate | None], columns: Mapping[str, Column]
) -> Iterator[Headline]:
    """Yield the numbers at the head of a submission's page that its record has.

    Args:
        entry: the evaluation.
        scores: its numbers by name.
        columns: what records say about their numbers.
    """
    for name in HEADLINES:
        score, column = scores.get(name), describe(name, columns)
        if score and column:
            below = headline_note(name, score, entry.num_models)
            yield Headline(heading(column), f"{score.value:.3f}", below, MEANINGS[name])


def headline_note(name: str, score: IntervalEstimate, num_models: int) -> str:
    """Return what stands below a number at the head of a page: its interval, or why there is none."""
    return f"lowest of {num_models} seeds" if name == WORST_SEED else spread(score, num_models)


def run_frame(record: EvaluationRecord) -> pd.DataFrame:
    """List every run with its state, numbers and the name of its weights."""
    return pd.DataFrame(
        [
            {"Schedule": one_line(run.schedule, 40), "Sparsity": percent(run.sparsity), "Model": run.seed,
             "Status": run.status, "Reason": run.failure.reason if run.failure else "",
             "Accuracy": run.metrics.get(PROBE_ACCURACY), "Weights": run.state_key[:16]}
            for run in record.runs
        ]
    )  # fmt: skip


def layer_frame(record: EvaluationRecord, schedule: str, sparsity: float) -> pd.DataFrame:
    """Average the share of zeros per layer over the models of a cell: layer, weights, share in [0, 1]."""
    layers = [
        layer
        for run in record.runs
        if (run.schedule, run.sparsity) == (schedule, sparsity)
        for layer in run.layers
    ]  # fmt: skip
    made: list[dict[str, Any]] = []
    for name in dict.fromkeys(layer.name for layer in layers):
        same = [layer for layer in layers if layer.name == name]
        share = sum(layer.num_zero / max(layer.num_weights, 1) for layer in same) / len(same)
        made.append({"Layer": one_line(name, 80), "Weights": same[0].num_weights, "Zero": share})
    return pd.DataFrame(made)


def facts_frame(record: EvaluationRecord, entry: Entry) -> pd.DataFrame:
    """List what is known about code, data, machine and cost as (fact, value) texts."""
    facts, cost = record.submission, record.cost
    saved = cost.num_updates_naive / cost.num_updates if cost.num_updates else 1.0
    pairs: list[tuple[str, Any]] = [
        ("Authors", ", ".join(facts.authors)),
        ("Paper", facts.paper),
        ("Supervision", facts.supervision),
        ("Specification", f"{record.spec_identity} ({record.tier} tier)"),
        ("Evaluated", record.created.replace("T", " ").replace("Z", " UTC")),
        ("Isolation", "none: its code ran without a sandbox" if record.isolation == "none" else record.isolation),
        ("Signed by", f"{entry.signed_by}, key {entry.key_id}; it vouches for the record, not for the method"),
        ("Training time", f"{cost.train_s / 3600:.2f} device hours"),
        ("Scoring time", f"{cost.scoring_s / 3600:.2f} device hours"),
        ("Peak memory", f"{cost.peak_memory_bytes / 2**30:.2f} GiB"),
        ("Images through the encoder", _images(record)),
        ("Tuning", _tuning(record)),
        ("Updates", f"{cost.num_updates:,} (separate runs: {cost.num_updates_naive:,}, {saved:.1f} times as many)"),
        *((f"Data: {task}", _short(about)) for task, about in record.datasets.items()),
        *((f"Copies: {task}", _copies(about)) for task, about in record.datasets.items()),
        *((f"Provenance: {name}", _short(value)) for name, value in record.provenance.items()),
        ("Per-example outcomes", f"sha256 {record.outcomes_sha256}"),
    ]
    return pd.DataFrame(
        [{"Fact": one_line(name, 80), "Value": one_line(str(value), 500)} for name, value in pairs]
    )


def _copies(about: Mapping[str, Any]) -> str:
    """Say how many images of a data set are equal; what a record does not count is not guessed."""
    match about:
        case {"copies": {"test_in_training": int(shared), "several_labels": int(several)}, "num_test": int(num_test)}:
            trained = f"{shared:,} of {num_test:,} test images are among the training images"
            return f"{trained}, {several:,} images stand under several labels"
        case _:
            return "not counted, as the record is from before copies were counted"


def _images(record: EvaluationRecord) -> str:
    """Say what an update and the whole training cost in images: equal updates are not equal compute."""
    counted, total = record.images_per_update, images_in_training(record)
    if counted is None or total is None:
        return "not measured"
    copies = f" and {counted.copies:,.0f} through copies of it" if counted.copies else ""
    return f"{counted.encoder:,.0f} per update{copies}; {total:,.0f} in all"


def _tuning(record: EvaluationRecord) -> str:
    """Say how the hyperparameters were chosen, in the words of the submission."""
    match record.tuning:
        case None:
            return "not stated"
        case {"budget": int(budget), "search": str(search), "split": str(split)}:
            compared = f"{budget:,} settings compared, decided by {DECIDED.get(split, split)}: {search}"
            return "; ".join([compared, *_more_of_tuning(record.tuning)])
        case stated:
            return f"stated as {_short(stated)}"


def _more_of_tuning(stated: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a search has written into a manifest beside that: what was compared, under what, when."""
    match stated:
        case {"objective": str(objective), "best": int() | float() as best}:
            yield f"{objective}: {best:.3f}"
        case _:
            pass
    words = [str(stated[name]) for name in ("specification", "date") if stated.get(name)]
    if words:
        yield ", ".join(words)


def evaluation_label(entry: Entry) -> str:
    """Name one of several evaluations of a submission: when, of which code, and whether it is complete."""
    state = "incomplete" if entry.barred else "complete"
    return f"{entry.created[:16].replace('T', ' ')}, code {one_line(entry.digest[:8])}, {state}"


def cost_sentence(record: EvaluationRecord) -> str:
    """Say in a sentence what the whole evaluation cost."""
    cost = record.cost
    hours = (cost.train_s + cost.scoring_s) / 3600
    runs = counted(len(record.runs), "run")
    return (f"It cost {hours:.2f} device hours: {cost.train_s / 3600:.2f} of training {runs} and "
            f"{cost.scoring_s / 3600:.2f} of scoring, with at most {cost.peak_memory_bytes / 2**30:.2f} GiB.")


def data_sentence(record: EvaluationRecord) -> str:
    """Say which data the commands need that measure it again, and whether they bring them along."""
    needs: list[str] = []
    for task in record.spec.get("tasks", ()):
        match task:
            case {"dataset": {"name": "digits"}}:
                needs.append("handwritten digits, which need no download")
            case {"dataset": {"name": "image_folder", "path": str(path)}}:
                needs.append(f"{_pictures(path)}, which do not ship")
            case {"dataset": {"name": str(name)}}:
                needs.append(f"{one_line(name, 60)}, which is downloaded once")
            case _:
                continue
    said = "; ".join(dict.fromkeys(needs))
    return f"It needs {said}." if said else "The record does not say which data it needs."


def _pictures(path: str) -> str:
    if is_of_a_host(path):
        return f"the {ON_SIGNERS_MACHINE}"
    if path.startswith("sha256:"):
        return f"the pictures whose content is {one_line(path, 24)}"
    return f"the pictures {one_line(path, 60)} in the folder that FMN_DATA names"


def pretty(value: Mapping[str, Any]) -> str:
    """Write a mapping as indented JSON, without paths on the machine of whoever signed it."""
    return json.dumps(without_host_paths(value), indent=2, default=str, ensure_ascii=False)


def _short(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(without_host_paths(value), default=str, ensure_ascii=False)
