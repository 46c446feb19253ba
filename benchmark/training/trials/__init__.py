"""Programs that try a submission for a few updates on random images, before any compute is spent on it.

`rehearsal` tests whether it keeps to the contract; `timing` measures what an update costs. No trained state is kept.
"""
