"""The scorer: metrics that say what the representation of a trained or pruned encoder is worth.

No submission can be imported here. `scorer.py` is the process, `metric.py` the contract of a metric, `registry.py` the
list of all metrics.
"""
