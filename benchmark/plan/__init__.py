"""From the grid of a specification to trees of training segments, their keys, and what training them costs.

Everything here is a pure function of numbers: no torch, no files, no clocks. What exists already is `store`'s business.
Read `events` (a schedule becomes prune events), `state_keys`, `tree` (shared segments), `plan`, then `cost`.
"""

from benchmark.plan.events import PruneEvent, compile_events
from benchmark.plan.plan import Plan, Run, Subtree, TaskFacts, make_plan
from benchmark.plan.state_keys import KEY_VERSION, root_key, state_key
from benchmark.plan.tree import Segment, build_tree, path_to

__all__ = [
    "KEY_VERSION", "Plan", "PruneEvent", "Run", "Segment", "Subtree", "TaskFacts", "build_tree", "compile_events",
    "make_plan", "path_to", "root_key", "state_key",
]  # fmt: skip
