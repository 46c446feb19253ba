"""The contract of a submission: the class it derives from, and how its code is imported.

What a manifest may say, and what is admitted at all, is decided in `admission`.
"""
