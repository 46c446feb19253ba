"""Names of numbers that more than one file reads: each is spelled here once, and in the records.

Names that only one metric uses stand in its own file. Nothing is imported here, so that the leaderboard may use it.
"""

from __future__ import annotations

PROBE_PREDICTION = "linear/prediction"
"""Per example, the class that the linear probe predicts: what accuracy and PIEs are read from."""

PROBE_CONFIDENCE = "linear/confidence"
"""Per example, the linear probe's probability of the class it predicts."""

PROBE_TRUE_PROBABILITY = "linear/true_probability"
"""Per example, the linear probe's probability of the true class."""

PROBE_ACCURACY = "linear/accuracy"
"""Share of test images that the linear probe classifies correctly."""

CORRUPTION_CORRECT = "corruption/correct"
"""Per example, the share of corruptions and severities under which it is classified correctly, float32 in [0, 1]."""

CORRUPTION_ACCURACY = "corruption/accuracy:"
"""Begins the names of accuracies under one corruption; the corruption's name follows."""

DEPTH_TO_PREDICTION = "depth/pred"
"""Per example, the prediction depth against the model's final prediction."""

DEPTH_TO_LABEL = "depth/true"
"""Per example, the prediction depth against the true label."""

Q_SCORE_2022 = "q_score_2022/score"
"""Per example, the Q-Score of the first version."""

Q_SCORE_2024 = "q_score_2024/score"
"""Per example, the Q-Score of the later version."""

ROBUSTNESS_SCORE = "robustness/score"
"""The number that ranks."""

ROBUSTNESS_SCORE_HIGH = "robustness/score_high"
"""The same over hard pruning alone."""

ROBUSTNESS_DENSE = "robustness/dense"
"""Chance-corrected accuracy of the dense models."""

ROBUSTNESS_RETENTION = "robustness/retention"
"""Score over dense accuracy."""

ROBUSTNESS_KNOWLEDGE_KEPT = "robustness/knowledge_kept"
"""Share of what training added that is kept, over the ranked schedules."""

PENALTY_ACCURACY, PENALTY_SCORE = "penalty/accuracy", "penalty/score"
"""Accuracy and robustness score through linear probes of another penalty; `:` and the penalty follow."""

KNN_ACCURACY, KNN_SCORE = "knn/accuracy", "knn/score"
"""The same by a vote of the nearest training images."""

KNOWLEDGE_KEPT, ABOVE_FLOOR = "knowledge/kept", "knowledge/above_floor"
"""The same of one cell; and its accuracy above untrained encoders that are pruned alike, in percentage points."""

PUBLISHED_PIE, TIED_MODES = "pie/published", "pie/tied"
"""Share of published PIEs, which depends on the tie rule and never ranks, and share of test images with a tie."""

EXCESS_PIE = "pie/excess"
"""Disagreement that pruning adds to what two halves of the dense population disagree on."""

CLASSES_HIT = "class_impact/hit"
"""Number of classes that pruning costs more than it costs each model."""
