"""The probes: classifiers that are fitted on frozen features (linear, cosine neighbours, transfer to another dataset).

A probe never changes an encoder.
"""
