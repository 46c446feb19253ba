"""The grid of forgotten images on the served board: a picture is the button, and what it opens stands beside the grid.

The HTML is that of `leaderboard.markup.gallery`, in which every foreign text is escaped.
"""

from __future__ import annotations

import streamlit as st
from streamlit.components.v2 import component

from leaderboard.app.ranked_tables import COLOURS
from leaderboard.markup.fragments import style

EXAMPLE = "example"
"""Parameter of the image that is open."""
_KEY = "gallery"
_SCRIPT = """
export default function ({ data, parentElement, setTriggerValue }) {
  const board = parentElement.querySelector(".board");
  const top = board.querySelector(".gallery")?.scrollTop ?? 0;
  if (board.shown !== data) { board.innerHTML = data; board.shown = data; }
  board.querySelector(".gallery").scrollTop = top;
  for (const button of board.querySelectorAll("button")) {
    button.onclick = () => setTriggerValue("opened", button.value);
  }
}
"""


def show_gallery(html: str) -> None:
    """Show the grid; a click is written into the address."""
    grid = component("forget_me_not_gallery", html='<div class="board"></div>', css=COLOURS + style("gallery"),
                     js=_SCRIPT)  # fmt: skip
    grid(key=_KEY, data=html, on_opened_change=_open)


def _open() -> None:
    opened = st.session_state[_KEY].get("opened")
    if isinstance(opened, str) and opened.isdecimal():
        st.query_params[EXAMPLE] = opened
