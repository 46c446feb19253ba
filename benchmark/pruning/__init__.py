"""Pruning masks and the criteria that make them: exact counts, and no pruned weight ever comes back.

When to prune, and how much, is decided in `plan`.
"""
