"""Page 7: what every number means, in the words of the code that computes it; how ranking works; how to submit."""

from __future__ import annotations

import streamlit as st

from benchmark.scoring.instrument import Column
from leaderboard.opening import open_board
from leaderboard.sources import Instrument, instruments
from leaderboard.standings import columns_of
from leaderboard.wording import one_line

RANKING = """
- **The primary number is fixed in advance:** the *robustness score* is the area under chance-corrected linear-probe
  accuracy over log2 compression, 1 / (1 - sparsity), from the smallest to the largest pruned sparsity, divided by that
  width and averaged over schedules and tasks. It is absolute: a representation that never knew anything scores low.
- **Because it still rewards dense accuracy,** dense accuracy, retention (score / dense), the area at sparsity .9 and
  above, and the noise-corrected share of forgotten images stand beside it, and any of them can be ranked by.
- **Rank interval.** Two submissions are separated when their intervals do not overlap. Rank *2-4* means: one
  submission is separated above, and everybody from place 5 on is separated below. Submissions that share a tie letter
  are not separated. Compare runs the sharper paired test on the same test images.
- **Intervals** resample the models of a population and the test images together. Below 30 models that is too narrow,
  and the wider t interval over models is shown.
- **Claims** are planned before looking and adjusted together (Holm), so that asking many questions finds nothing by
  luck; see the page of that name.
- **Results compare only under the very same specification** (name, version and content) and tier, within a supervision
  track by default.
- **Failures count.** An evaluation with a failed run stays visible with its reason and is not ranked. When code
  changed, the newest code counts, not the luckiest.
- **Random pruning** is a control: drawn dashed, never ranked. Raw pixels and an untrained encoder are read by the same
  probe, as floor lines.
"""


SUBMITTING = """
A submission is a folder with two text files: `submission.yaml` (name, authors, paper, whether it sees labels,
hyperparameters) and `method.py` (one class that says how to train). Data, encoder, budget, pruning and scoring belong
to the benchmark.
"""
COMMANDS = """make new SUBMISSION=my_method        # a template that already passes the check
make check SUBMISSION=my_method      # every problem at once, in seconds
make plan SUBMISSION=my_method       # what it would train, and what is shared
make evaluate SUBMISSION=my_method   # train, prune, score, record
make leaderboard                     # this page"""


def show_columns(columns: dict[str, Column]) -> None:
    """List every number that the records describe."""
    words = {"higher": "higher ↑", "lower": "lower ↓", "neither": "-"}
    st.dataframe(
        [{"Name": one_line(c.title, 80), "Better": words[c.better], "Unit": one_line(c.unit, 30) or "-",
          "What it is": one_line(c.description, 400), "Key": one_line(c.name, 80)} for c in columns.values()],
        hide_index=True, key="columns_table", alt="Every number that the records describe",
        column_config={"What it is": st.column_config.TextColumn(width=620)},
    )  # fmt: skip


def show_instrument(instrument: Instrument) -> None:
    """Show the docstrings of one instrument, as they stand in the code."""
    with st.expander(instrument.module.replace("_", " ").capitalize(), icon=":material/straighten:"):
        st.text(instrument.about)
        for name, text in instrument.functions.items():
            st.code(f"{name}\n\n{text}", language=None, wrap_lines=True)


def page() -> None:
    """Lay out the page."""
    st.title("Methods and metrics")
    st.caption("What every number means, how ranking works, how to submit.")
    st.subheader("How ranking works")
    st.markdown(RANKING)
    st.subheader("Every number")
    columns = columns_of(list(open_board().board.entries.values()))
    if columns:
        show_columns(columns)
    else:
        st.caption("Numbers are listed here as soon as there is a record.")
    st.subheader("Definitions, as written beside the code that computes them")
    for instrument in instruments():
        show_instrument(instrument)
    st.subheader("How to submit")
    st.markdown(SUBMITTING)
    st.code(COMMANDS, language="bash")


page()
