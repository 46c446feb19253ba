"""What the suite does when there is much of it: many records, many writers, an hour of evaluations, a huge plan.

Each module is a command: `python -m bench.load.records`, `writers`, `endurance`, `dispatcher_memory`. What they gave is
in `docs/performance.md`.
"""
