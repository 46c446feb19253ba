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
     "Two submissions are separated when their intervals do not overlap. Rank 2-4 means: one submission is separated "
     "above, and everybody from place 5 on is separated below. Submissions that share a tie letter are not separated. "
     "The Compare page of a served board (make leaderboard) runs the sharper paired test on the same test images."),
    ("Intervals",
     "resample the models of a population and the test images together. Below 30 models that is too narrow, and the "
     "wider t interval over models is shown."),
    ("Claims",
     "are planned before looking and adjusted together (Holm), so that asking many questions finds nothing by luck."),
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
