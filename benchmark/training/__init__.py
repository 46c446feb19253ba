"""Exact training: a state in, a segment, a state out. Knows no run, path, logger or executor."""
