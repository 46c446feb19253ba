"""Exact training: from a state, over a segment, to the next state, with the same bits however the work is divided.

It owns the trainer's process and all that runs in it; it knows no run, no schedule, no test data and no store. Read
`advance` and `state` first, then `live_model` (one update, one prune event), `sweep` (a seed's tree of segments) and
`trainer` (the process). `recipes`, `environment`, `training_job` and `training_time` serve these; `acceleration` makes
them faster; `trials` tries a submission before it is trained.
"""
