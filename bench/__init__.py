"""Measurements that anybody can run again: the speeds and error rates that the documentation states.

`python -m bench` measures speed; `bench.interval_coverage`, `bench.board_opening` and `bench.faults`, which
injects faults, are programs of their own.
"""
