"""The metrics: one module each, with formula, shapes, source and version in its docstring.

A metric never reads files and never knows which method made the features.
"""
