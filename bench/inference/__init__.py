"""Whether what a board says holds at the rate it says: boards from known truth, and how often the product errs on them.

`python -m bench.inference` prints the table of `docs/inference.md`.
"""
