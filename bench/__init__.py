"""Measurements that anybody can run again: the speeds and error rates that the documentation states.

`python -m bench` measures speed; `bench.interval_coverage` and `bench.board_opening` are programs of their own.
"""
