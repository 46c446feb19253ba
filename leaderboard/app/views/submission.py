"""Page 3: everything about one submission, and how to get its numbers again."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from benchmark.recording.record import EvaluationRecord
from benchmark.scoring.metric_names import PROBE_ACCURACY, ROBUSTNESS_SCORE
from leaderboard.app.address import link_parameters
from leaderboard.app.attachments import warn_of_altered_files
from leaderboard.app.column_config import cell_columns
from leaderboard.app.controls import Scene, name_rejected, open_scene, pick_submission
from leaderboard.app.drawing import draw
from leaderboard.app.forgetting_views import show_classes, show_map
from leaderboard.app.legend import show_legend
from leaderboard.app.mlflow_link import whereabouts
from leaderboard.app.open_board import full_record
from leaderboard.app.planned_tests import PlannedTests
from leaderboard.app.unfinished import mention_unfinished
from leaderboard.board.board import DENSE, Entry
from leaderboard.board.standings import columns_of, describe, rows, summary_scores
from leaderboard.board.wording import heading, inert, one_line, percent, web_address
from leaderboard.figures.charts import curves, limits, training_curves
from leaderboard.figures.lines import levels, lines_of_submission
from leaderboard.text.commands import repeat_command, reproduce_command
from leaderboard.text.facts import (
    ABOUT_HEADLINES,
    cell_frame,
    cost_sentence,
    data_sentence,
    evaluation_label,
    facts_frame,
    headlines,
    layer_frame,
    pretty,
    run_frame,
    summary_frame,
)


def choose(scene: Scene) -> Entry:
    """Let people pick a submission, and an older evaluation of it where there is one."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        entries = scene.groups[pick_submission(scene)]
        if len(entries) == 1:
            return entries[0]
        return st.selectbox("Evaluation", entries, width=360, format_func=evaluation_label)


def show_head(scene: Scene, entry: Entry) -> None:
    """Say what it is, where it stands and what it scored."""
    board = scene.snapshot.board
    scores = summary_scores(board, [each.path for each in scene.counting])
    separated = PlannedTests(scene).separated
    ranking = rows(scene.everybody, scores, ROBUSTNESS_SCORE, "higher", each_track=True, separated=separated)
    standing = next((row.standing for row in ranking if row.entry.path == entry.path), None)
    if address := web_address(entry.paper):
        st.link_button("Paper", address, icon=":material/article:")
    mention_unfinished(entry.submission)
    if entry.barred:
        st.warning(f"Not ranked: {inert(entry.barred)}.", icon=":material/error:")
    if entry.seed_groups:
        st.warning(f"Its {inert(entry.seed_groups)}.", icon=":material/call_split:")
    own = summary_scores(scene.snapshot.board, [entry.path])
    mine = {name: by_path.get(entry.path) for name, by_path in own.items()}
    with st.container(horizontal=True):
        if standing and standing.rank:
            ranked = sum(row.standing.rank is not None for row in ranking if row.entry.supervision == entry.supervision)
            st.metric("Rank in its track", standing.rank_text, f"of {ranked}", delta_color="off", delta_arrow="off",
                      border=True, width=190)  # fmt: skip
        for each in headlines(entry, mine, columns_of([entry])):
            st.metric(inert(each.title), each.value, each.below, delta_color="off", delta_arrow="off", border=True,
                      width=190, help=f"{each.meaning}.")  # fmt: skip
    st.caption(ABOUT_HEADLINES)


def show_reproduction(entry: Entry, record: EvaluationRecord) -> None:
    """Say what it cost and which data it needs, with the commands that measure it again."""
    with st.container(border=True, key="reproduce"):
        st.text(f"{cost_sentence(record)} {data_sentence(record)}", wrap=True)
        st.caption("Train and score it again, from nothing, and compare with this record; or evaluate it as your own:")
        st.code(f"{repeat_command(entry.path)}\n{reproduce_command(record)}", language=None, wrap_lines=True)


def show_identity(entry: Entry) -> None:
    """Show the digests that must match, who signed them, and where its MLflow run is."""
    st.text(f"Code digest {entry.digest}\nEvaluation  {entry.evaluation_key}\n"
            f"Record      {one_line('/'.join(Path(entry.path).parts[-2:]))}\n"
            f"Signed by   {one_line(entry.signed_by, 60)}, key {entry.key_id}; check it with: fmn verify", wrap=True)
    show_mlflow(entry)


def show_mlflow(entry: Entry) -> None:
    """Link to the run of this evaluation in MLflow, which is asked only when somebody wants to know."""
    if not st.toggle("Show where it is in MLflow", key="mlflow", help="Asks MLflow, which may take a few seconds."):
        return
    answer = whereabouts(entry)
    st.text(answer.sentence, wrap=True)
    if answer.command:
        st.code(answer.command, language=None, wrap_lines=True)
    with st.container(horizontal=True):
        if answer.run:
            st.link_button("Its run in MLflow", answer.run, icon=":material/monitoring:")
        if answer.curves:
            st.link_button("Its training curves in MLflow", answer.curves, icon=":material/show_chart:")


def show_numbers(scene: Scene, entry: Entry, record: EvaluationRecord, task: str) -> None:
    """Show every number of the record, and the accuracy curves."""
    columns = columns_of([entry])
    accuracy = describe(PROBE_ACCURACY, columns)
    lines = lines_of_submission(scene.snapshot.board, entry, task, PROBE_ACCURACY, controls=True)
    if accuracy and lines:
        references = levels([entry], task)
        show_legend(lines)
        draw(curves(lines, references, heading(accuracy), limits(lines, references)), "its_curves",
             "Accuracy against sparsity by schedule")  # fmt: skip
    st.text("Every number of the whole submission")
    number = st.column_config.NumberColumn(format="%.4f")
    st.dataframe(summary_frame(record, columns), hide_index=True, key="summary", alt="Numbers of the whole submission",
                 column_config={"Value": number})  # fmt: skip
    st.text("Every number of every cell")
    frame = cell_frame(record, task, columns)
    st.dataframe(frame, hide_index=True, column_config=cell_columns(frame, columns), key="cells",
                 alt="Every number of every cell")  # fmt: skip


def show_runs(record: EvaluationRecord) -> None:
    """Show every run, and the sparsity of every layer of one of them."""
    st.dataframe(run_frame(record), hide_index=True, key="runs", alt="All runs")
    options = [(run.schedule, run.sparsity) for run in record.runs if run.layers and run.schedule != DENSE]
    if options:
        st.subheader("Sparsity of every layer")
        cell = st.selectbox("Cell", list(dict.fromkeys(options)), index=len(set(options)) - 1, key="cell",
                            format_func=lambda key: f"{one_line(key[0], 40)}, {percent(key[1])}",
                            width=300)  # fmt: skip
        st.dataframe(layer_frame(record, *cell), hide_index=True, key="layers", alt="Sparsity of every layer",
                     column_config={"Zero": st.column_config.ProgressColumn("Zero (mean over models)", format="percent",
                                                                            min_value=0.0, max_value=1.0)})  # fmt: skip


def show_training(record: EvaluationRecord) -> None:
    """Draw the training loss of every cell, as the record holds it."""
    if any(run.loss_curve for run in record.runs):
        st.caption("Mean training loss per epoch over the models of a cell; dense, and the sparsest cell per schedule.")
        draw(training_curves(record.runs), "training", "Training loss by epoch")
    else:
        st.caption("This record holds no training curve.")


def show_failures(record: EvaluationRecord) -> None:
    """Show why runs failed, with what the submission's process wrote, literally."""
    failed = [run for run in record.runs if run.failure]
    for run in failed[:50]:
        assert run.failure is not None
        label = f"{run.schedule}, {percent(run.sparsity)}, model {run.seed}: {run.failure.reason.replace('_', ' ')}"
        with st.expander(inert(one_line(label)), icon=":material/error:"):
            st.text(run.failure.message)
            if run.failure.log:
                st.code(run.failure.log, language=None, height=300)
    if not failed:
        st.caption("All runs finished.")


def page() -> None:
    """Lay out the page."""
    scene = open_scene("Submission", "Everything that was measured, what it cost, and how to measure it again.")
    entry = choose(scene)
    record = full_record(entry.path, entry.created)
    if record is None:
        st.info("The record of this evaluation is gone. Reload the page.", icon=":material/refresh:")
        return
    st.text(one_line(entry.description, 1000) or "No description.", wrap=True)
    show_reproduction(entry, record)
    show_head(scene, entry)
    warn_of_altered_files(entry)
    task = entry.tasks[0]
    if len(entry.tasks) > 1:
        task = st.selectbox("Task", entry.tasks, key="its_task") or task
    numbers, its_map, classes, runs, training, failures, facts, settings = st.tabs(
        ["Numbers", "Map", "Classes", "Runs and layers", "Training", f"Failures ({len(entry.failed)})",
         "Facts and cost", "Settings"]
    )  # fmt: skip
    with numbers:
        show_numbers(scene, entry, record, task)
    with its_map:
        show_map(entry, record, task)
    with classes:
        show_classes(entry, record, task)
        st.page_link("views/examples.py", label="The images that it forgets", icon=":material/image_search:",
                     query_params=link_parameters(submission=entry.name))  # fmt: skip
    with runs:
        show_runs(record)
    with training:
        show_training(record)
    with failures:
        show_failures(record)
    with facts:
        st.dataframe(facts_frame(record, entry), hide_index=True, key="facts", alt="Facts and cost", row_height=30)
    with settings:
        st.text("Hyperparameters")
        st.code(pretty(record.submission.hyperparameters), language=None)
        st.text("Environment (can change bits)")
        st.code(pretty(record.environment), language=None)
        st.text("Specification")
        st.code(pretty(record.spec), language=None, height=300)
    show_identity(entry)
    name_rejected(scene.snapshot)


page()
