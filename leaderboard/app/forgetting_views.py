"""What pruning does to a representation, to look at: its map dense beside pruned, and what happens to every class."""

from __future__ import annotations

import streamlit as st

from benchmark.recording.record import EvaluationRecord
from benchmark.shipped import command_words
from leaderboard.app.attachments import maps_of, outcomes_of
from leaderboard.app.drawing import draw
from leaderboard.board.board import DENSE, Entry
from leaderboard.board.map_points import points_of_panel
from leaderboard.board.wording import one_line, percent
from leaderboard.figures.charts import legend
from leaderboard.figures.class_figures import class_bars, class_lines, map_figure
from leaderboard.figures.class_frame import class_frame
from leaderboard.text.example_words import NO_OUTCOMES, class_names, map_words


def show_map(entry: Entry, record: EvaluationRecord, task: str) -> None:
    """Show where one dense model and its sparsest descendant place the same test images."""
    maps = maps_of(entry)
    if maps is None or task not in set(maps["task"]):
        rescore = command_words("make rescore", "fmn rescore")
        st.caption("This record has no map, or the file beside it was altered. "
                   f"`{rescore}` draws it from the stored weights.")  # fmt: skip
        return
    schedules = list(dict.fromkeys(maps.loc[maps["task"] == task, "schedule"]))
    schedule = st.segmented_control("Schedule", schedules, default=schedules[0], required=True, key="map_schedule")
    points = points_of_panel(maps, task, schedule or schedules[0], outcomes_of(entry))
    mine = maps.loc[(maps["task"] == task) & (maps["schedule"] == schedule)]
    sparsity, names = float(mine["sparsity"].iloc[0]), class_names(record, task)
    draw(legend(class_lines(points["label"].tolist(), names), per_row=5), "map_classes", "Colours of the classes")
    for place, (side, title) in zip(
        st.columns(2), (("dense", "Dense"), ("pruned", f"Pruned to {percent(sparsity)}")), strict=True
    ):
        with place:
            st.text(title)
            draw(map_figure(points.loc[points["side"] == side], names), f"map_{side}", f"Map, {title}")
    ringed = int(points.loc[points["side"] == "dense", "forgotten"].sum())
    st.caption(map_words(int(mine["seed"].iloc[0]), len(mine), ringed))


def show_classes(entry: Entry, record: EvaluationRecord, task: str) -> None:
    """Show which classes pruning costs more than it costs the model as a whole."""
    outcomes = outcomes_of(entry) or {}
    dense = outcomes.get((task, DENSE, 0.0))
    cells = [key for key in outcomes if key[0] == task and key[1] != DENSE]
    cells.sort(key=lambda key: key[1] in entry.controls)
    if dense is None or not cells:
        st.caption(NO_OUTCOMES)
        return
    ranked = [place for place, key in enumerate(cells) if key[1] not in entry.controls]
    deepest = ranked[-1] if ranked else 0
    key = st.selectbox("Schedule and sparsity", cells, index=deepest, key="class_cell", width=300,
                       format_func=lambda key: f"{one_line(key[1], 40)}, {percent(key[2])}")  # fmt: skip
    num_cells = sum(schedule != DENSE for _, schedule, _ in outcomes)
    frame = class_frame(dense, outcomes[key or cells[deepest]], class_names(record, task), num_cells)
    draw(class_bars(frame), "class_bars", "Recall lost or gained per class")
    st.caption(
        "Recall of a class, pruned minus dense, less the model's own change of accuracy: below zero a class loses more "
        "than the model does. Bars: mean over models; lines: 95 % interval over models and images; filled: hit, that "
        "is lost more at .05 for all classes of all cells of this record together; half filled: hit among the classes "
        "of this cell alone, which is what the number of classes hit counts. A class that gained is never hit, and a "
        "class in which nothing varies is not tested."
    )
