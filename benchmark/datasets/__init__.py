"""Datasets on the host: loaded, decoded, split, and named by content.

Trainers never import it: it can read test images. What a trainer needs of data is in `data`.
"""
