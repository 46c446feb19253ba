"""Page 2: a metric against sparsity, one panel per schedule, because when to prune is the founding question."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from benchmark.scoring.metric_names import PROBE_ACCURACY, ROBUSTNESS_SCORE
from leaderboard.app.address import kept
from leaderboard.app.controls import Scene, open_scene, pick_submissions, picked
from leaderboard.app.drawing import draw
from leaderboard.app.legend import show_legend
from leaderboard.board.board import Entry
from leaderboard.board.standings import columns_of, describe, rows, summary_scores
from leaderboard.board.wording import heading, inert, one_line
from leaderboard.figures.charts import Level, Line, curves, limits
from leaderboard.figures.lines import curve_metrics, levels, lines_of_schedule, lines_of_submission
from leaderboard.figures.palette import COLOURS, looks
from leaderboard.text.downloads import curves_csv

PANELS_PER_ROW = 3
USUAL, MAX_DRAWN = 6, len(COLOURS)
"""How many submissions are drawn at first, and at most: as many as there are colours."""
VIEWS = {"schedules": "One panel per schedule", "submissions": "One panel per submission"}


@dataclass(frozen=True)
class Choice:
    """What to draw."""

    entries: list[Entry]
    task: str
    metric: str
    title: str
    view: str
    controls: bool
    references: bool


def choose(scene: Scene) -> Choice:
    """Show the controls of the page."""
    board, everybody = scene.snapshot.board, list(scene.entries.values())
    scores = summary_scores(board, [entry.path for entry in everybody], ROBUSTNESS_SCORE)
    ranking = rows(scene.groups, scores, ROBUSTNESS_SCORE, "higher", each_track=False, letters=False)
    ordered = [row.entry.name for row in ranking]
    first, _ = picked(scene)
    usual = list(dict.fromkeys([*first, *ordered]))[: max(USUAL, len(first))]
    names = pick_submissions(scene, ordered, usual, MAX_DRAWN)
    described = columns_of(everybody)
    metrics = {name: column for name in curve_metrics(board, everybody) if (column := describe(name, described))}
    tasks = sorted({task for entry in everybody for task in entry.tasks})
    titles = {name: heading(column) for name, column in metrics.items()}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        metric = st.selectbox(
            "Metric", list(metrics), format_func=titles.__getitem__, width=300,
            **kept("metric", list(metrics), next(iter(metrics), None), titles.__getitem__),
        )  # fmt: skip
        task = st.selectbox("Task", tasks, width=220, **kept("task", tasks, tasks[0])) if len(tasks) > 1 else tasks[0]
        view = st.segmented_control("View", list(VIEWS), required=True, format_func=VIEWS.__getitem__,
                                    **kept("view", list(VIEWS), "schedules", VIEWS.__getitem__))  # fmt: skip
    with st.container(horizontal=True):
        controls = st.toggle("Random-pruning control (dashed)", **kept("controls", [True, False], True))
        references = st.toggle("Raw pixels and untrained encoders", **kept("references", [True, False], True))
    st.caption(f"{inert(metrics[metric].description)} Bands: intervals as recorded. Sparsity is spaced by log2 of the "
               "compression ratio, as the robustness score weighs it.")  # fmt: skip
    return Choice([scene.entries[name] for name in names], task or tasks[0], metric, heading(metrics[metric]),
                  view or "schedules", controls, references and metric == PROBE_ACCURACY)  # fmt: skip


def panels(scene: Scene, choice: Choice) -> dict[str, list[Line]]:
    """Make the lines of every panel, by title."""
    board, shown = scene.snapshot.board, looks([entry.name for entry in choice.entries])
    if choice.view == "submissions":
        made = {
            one_line(entry.name, 60): lines_of_submission(board, entry, choice.task, choice.metric, choice.controls)
            for entry in choice.entries
        }
    else:
        alone = [c for e in choice.entries for c in e.controls if choice.controls and c not in e.controlled]
        ranked = [name for entry in choice.entries for name in entry.schedules]
        schedules = list(dict.fromkeys([*ranked, *alone]))
        made = {
            schedule: lines_of_schedule(
                board, choice.entries, shown, choice.task, schedule, choice.metric, choice.controls
            )
            for schedule in schedules
        }
    made = {title: [line for line in lines if choice.references or not line.label] for title, lines in made.items()}
    return {title: lines for title, lines in made.items() if lines}


def show(choice: Choice, made: dict[str, list[Line]]) -> None:
    """Draw the panels on a common value axis; they stack on a phone."""
    references: list[Level] = levels(choice.entries, choice.task) if choice.references else []
    low_high = limits([line for lines in made.values() for line in lines], references)
    show_legend([line for lines in made.values() for line in lines])
    titles = list(made)
    for start in range(0, len(titles), PANELS_PER_ROW):
        places = st.columns(min(PANELS_PER_ROW, len(titles)))
        for place, title in zip(places, titles[start : start + PANELS_PER_ROW], strict=False):
            with place:
                st.text(title)
                draw(curves(made[title], references, choice.title, low_high), f"panel-{title}",
                     f"{choice.title} against sparsity, {title}")  # fmt: skip


def page() -> None:
    """Lay out the page."""
    scene = open_scene("Curves", "How fast does a representation decay, and does it matter when pruning happens?")
    choice = choose(scene)
    made = panels(scene, choice)
    if not made:
        st.info("Choose at least one submission that has this metric.", icon=":material/show_chart:")
        return
    show(choice, made)
    st.caption("The menu of a figure saves it as SVG or PNG.")
    st.download_button("Data of these curves (CSV)", lambda: curves_csv(made), "forget-me-not-curves.csv", "text/csv",
                       icon=":material/download:")  # fmt: skip


page()
