"""Entry point of the leaderboard: `streamlit run leaderboard/app/main.py`. Navigation; each page is its own file.

Their folder is not called `pages`: Streamlit would serve a folder of that name by itself, without this file, to whoever
comes first and by a link to a page.
"""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

# Streamlit puts this folder first on the path; the package is imported from the project folder, installed or not.
_ROOT = str(Path(__file__).resolve().parents[2])
if _ROOT not in sys.path:
    sys.path.insert(0, _ROOT)

from leaderboard.app.address import begin, link_parameters  # noqa: E402

st.set_page_config(page_title="Forget-Me-Not", page_icon=str(Path(__file__).parents[1] / "favicon.svg"), layout="wide")

STYLE = """
[data-testid=stCaptionContainer], [data-testid=stCaptionContainer] * { color: inherit; }
[data-testid=stCaptionContainer] { opacity: .8; }
[data-testid=stMultiSelectTagsContainer] [data-tag] { background-color: #0B5A8A !important; color: #FFFFFF !important; }
@media print {
  [data-testid=stHeader], [data-testid=stExpander], .stButton, .stDownloadButton, .st-key-pages {
    display: none !important;
  }
  [data-testid=stMain], [data-testid=stAppViewContainer], [data-testid=stApp] {
    position: static !important; overflow: visible !important;
  }
}
"""
"""What Streamlit's theme cannot say: captions and chosen names that read (4.5:1, WCAG AA), and a printed form."""
PAGES = [
    st.Page("views/ranking.py", title="Leaderboard", icon=":material/leaderboard:", default=True,
            help="Which representation stays most robust when its network is pruned."),
    st.Page("views/curves.py", title="Curves", icon=":material/show_chart:",
            help="A metric against sparsity, early, late and one-shot pruning side by side."),
    st.Page("views/submission.py", title="Submission", icon=":material/description:",
            help="Everything about one submission: numbers, code, cost, failures, how to reproduce it."),
    st.Page("views/examples.py", title="Examples", icon=":material/image_search:",
            help="The images that pruning forgets, and who else forgets them."),
    st.Page("views/compare.py", title="Compare", icon=":material/compare_arrows:",
            help="Two submissions: is the difference real?"),
    st.Page("views/claims.py", title="Claims", icon=":material/balance:",
            help="Every planned test: which method is more robust, and does early pruning hurt it more?"),
    st.Page("views/methods.py", title="Methods and metrics", icon=":material/menu_book:",
            help="What every number means, how ranking works, how to submit."),
]  # fmt: skip

st.html(f"<style>{STYLE}</style>")
here = st.navigation(PAGES, position="hidden")
with st.container(horizontal=True, gap="small", key="pages"):
    for each in PAGES:
        st.page_link(each, query_params=link_parameters())
begin(here.url_path)
here.run()
