"""How ranking works and how to submit, in words that every kind of page shows. Plain text, ours."""

from __future__ import annotations

RULES = (
    ("The primary number is fixed in advance:",
     "the robustness score is the area under chance-corrected linear-probe accuracy over log2 compression, "
     "1 / (1 - sparsity), from the smallest to the largest pruned sparsity, divided by that width and averaged over "
     "schedules and tasks. It is absolute: a representation that never knew anything scores low."),
    ("Because it still rewards dense accuracy,",
     "dense accuracy, retention (score / dense), the area at sparsity .9 and above, and the noise-corrected share of "
     "forgotten images stand beside it, and any of them can be ranked by."),
    ("Rank interval.",
     "Rank 2-4 means: one submission is separated above, and everybody from place 5 on is separated below. Two share a "
     "tie letter exactly when they are not separated. Robustness scores are separated by the planned tests of the "
     "board, which share one error; other numbers by their intervals, all pairs of the board together: with 95 % "
     "confidence every place and letter by one number is right at once."),
    ("Intervals",
     "are about models and test images together: another seed and other images of this kind. Where only models are "
     "known, the page says so. No interval survives seeds that collapse."),
    ("Claims",
     "are planned before looking and adjusted together (Holm), so that many questions find something by luck no more "
     "often than one does. "
     "How often they err is measured: docs/inference.md."),
    ("Results compare only under the very same specification",
     "(name, version and content) and tier, within a supervision track by default."),
    ("Failures count.",
     "An evaluation with a failed run stays visible with its reason and is not ranked. When code changed, the newest "
     "code counts, not the luckiest."),
    ("Random pruning",
     "is a control: drawn dashed, never ranked. Raw pixels and an untrained encoder are read by the same probe, as "
     "floor lines."),
)  # fmt: skip
"""How ranking works, as (what leads, the rule)."""

SUBMITTING = (
    "A submission is a folder with two text files: submission.yaml (name, authors, paper, whether it sees labels, "
    "hyperparameters) and method.py (one class that says how to train). Data, encoder, budget, pruning and scoring "
    "belong to the benchmark."
)
COMMANDS = """make new SUBMISSION=my_method        # a template that already passes the check
make check SUBMISSION=my_method      # every problem at once, in seconds
make plan SUBMISSION=my_method       # what it would train, and what is shared
make evaluate SUBMISSION=my_method   # train, prune, score, record
make leaderboard                     # this board, with your records on it"""
