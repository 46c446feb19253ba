"""The ranked tables on the served board: the HTML of the exported site, with boxes that pick rows.

Names lead to the page of their submission without loading everything again; a click with Ctrl opens a new tab as usual.
Colours are those of Streamlit's theme. The HTML is ours, and every foreign text in it is escaped
(`leaderboard.markup.fragments`).
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.components.v2 import component

from leaderboard.app import address
from leaderboard.markup.fragments import style, tables_html
from leaderboard.markup.tables import Table

_KEY = "ranking"
COLOURS = """
.board {
  --ground: var(--st-background-color); --raised: var(--st-secondary-background-color); --ink: var(--st-text-color);
  --soft: color-mix(in srgb, var(--st-text-color) 76%, var(--st-background-color)); --line: var(--st-border-color);
  --link: var(--st-link-color); color: var(--ink); font-family: var(--st-font); line-height: 1.5;
}
.board h3 { font-size: 1rem; font-weight: 600; margin: .9rem 0 .35rem; }
small { color: var(--soft); }
.board input:focus-visible, .board a:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
"""
"""The colours of our style sheets are those of Streamlit's theme."""
_SCRIPT = """
export default function ({ data, parentElement, setTriggerValue }) {
  const board = parentElement.querySelector(".board");
  if (board.shown !== data.html) { board.innerHTML = data.html; board.shown = data.html; }
  const boxes = [...board.querySelectorAll("input")];
  const names = new Set(boxes.map((box) => box.value));
  for (const box of boxes) {
    box.checked = data.picks.includes(box.value);
    box.onchange = () => setTriggerValue("picked", [
      ...data.picks.filter((name) => !names.has(name)),
      ...boxes.filter((each) => each.checked).map((each) => each.value),
    ]);
  }
  for (const link of board.querySelectorAll("a")) {
    link.onclick = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
      event.preventDefault();
      history.pushState({}, "", link.href);
      dispatchEvent(new PopStateEvent("popstate"));
    };
  }
}
"""


_LOW = "@media screen { .scroll { max-height: 26rem; } }"
_STILL = """
export default function ({ data, parentElement }) {
  const board = parentElement.querySelector(".board");
  if (board.shown !== data) { board.innerHTML = data; board.shown = data; }
}
"""


def show_ranked_tables(tables: Sequence[tuple[str, Table]], picks: Sequence[str]) -> None:
    """Show tables below their titles; picking a row is written into the address."""
    table = component(
        "forget_me_not_ranking", html='<div class="board"></div>', css=style("table") + COLOURS, js=_SCRIPT
    )
    table(key=_KEY, data={"html": tables_html(tables), "picks": list(picks)}, on_picked_change=_pick)


def show_html(html: str, key: str) -> None:
    """Show a table or figures of `leaderboard.markup`, in which every foreign text is escaped."""
    still = component("forget_me_not_still", html='<div class="board"></div>',
                      css=style("table") + style("intervals") + COLOURS + _LOW, js=_STILL)  # fmt: skip
    still(key=key, data=html)


def _pick() -> None:
    picked = st.session_state[_KEY].get("picked")
    address.pick([str(name) for name in picked] if isinstance(picked, list) else [])
