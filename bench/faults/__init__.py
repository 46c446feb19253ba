"""Fault injection: evaluations whose processes, file system or clock fail, and what becomes of their records.

`python -m bench.faults` runs trials and writes docs/reliability.md.
"""
