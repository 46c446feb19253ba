"""The guide as a site: `make guide` builds it with Sphinx and MyST, without network, and takes no broken link."""

import benchmark

project = "Forget-Me-Not"
version = release = benchmark.__version__
extensions = ["myst_parser"]
root_doc = "guide/index"
include_patterns = ["*.md", "guide/*.md", "decisions/*.md"]
myst_heading_anchors = 3
html_theme = "alabaster"
html_theme_options = {"description": "What is forgotten when a network is pruned?", "page_width": "70em"}
html_show_copyright = html_copy_source = False
