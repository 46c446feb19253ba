"""Draws a figure with a description for those who cannot see it, its text in an ink that reads on the visitor's theme.

Streamlit's own ink of axes is too pale for small text (WCAG AA asks for 4.5:1).
"""

from __future__ import annotations

import altair as alt
import streamlit as st

from leaderboard.figures.palette import INKS


def draw(figure: alt.Chart | alt.LayerChart | alt.FacetChart, key: str, description: str) -> None:
    """Draw a figure."""
    ink = INKS.get(st.context.theme.type or "light", INKS["light"])
    inked = figure.configure_axis(labelColor=ink, titleColor=ink).configure_legend(labelColor=ink, titleColor=ink)
    st.altair_chart(inked.configure_text(color=ink), key=key, alt=description)
