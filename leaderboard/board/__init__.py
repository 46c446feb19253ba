"""What a board says: records in; rows, ranks, ties, claims and comparisons out. Pure.

It reads no file, draws nothing, and does not know how it is shown.
"""
