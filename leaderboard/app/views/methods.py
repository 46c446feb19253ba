"""Page 7: what every number means, in the words of the code that computes it; how ranking works; how to submit."""

from __future__ import annotations

import streamlit as st

from benchmark.scoring.metric import Column
from leaderboard.app.open_board import open_board
from leaderboard.board.standings import columns_of
from leaderboard.text.board_frames import number_frame
from leaderboard.text.guide import COMMANDS, RULES, SUBMITTING
from leaderboard.text.metric_docs import MetricDoc, metric_docs


def show_columns(columns: dict[str, Column]) -> None:
    """List every number that the records describe."""
    st.dataframe(
        number_frame(columns.values()), hide_index=True, key="columns_table",
        alt="Every number that the records describe",
        column_config={"What it is": st.column_config.TextColumn(width=620)},
    )  # fmt: skip


def show_metric(metric: MetricDoc) -> None:
    """Show the docstrings of one metric, as they stand in the code."""
    with st.expander(metric.module.replace("_", " ").capitalize(), icon=":material/straighten:"):
        st.text(metric.about)
        for name, text in metric.functions.items():
            st.code(f"{name}\n\n{text}", language=None, wrap_lines=True)


def page() -> None:
    """Lay out the page."""
    st.title("Methods and metrics")
    st.caption("What every number means, how ranking works, how to submit.")
    st.subheader("How ranking works")
    st.markdown("\n".join(f"- **{lead}** {rule}" for lead, rule in RULES))
    st.subheader("Every number")
    columns = columns_of(list(open_board().board.entries.values()))
    if columns:
        show_columns(columns)
    else:
        st.caption("Numbers are listed here as soon as there is a record.")
    st.subheader("Definitions, as written beside the code that computes them")
    for metric in metric_docs():
        show_metric(metric)
    st.subheader("How to submit")
    st.text(SUBMITTING)
    st.code(COMMANDS, language=None)


page()
