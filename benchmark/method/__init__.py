"""The contract of a submission: the class it derives from, and how its code is imported.

Beside it lies what several methods need: standard views, heads, similarities, a momentum teacher, a queue, and calls
with other weights. What a manifest may say, and what is admitted at all, is decided in `admission`.
"""
