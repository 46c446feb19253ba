"""Tables and figures as HTML and SVG: the served board and the exported site show the same ones.

It knows no page and no server; all text is escaped by the template or by the tree of elements.
"""
