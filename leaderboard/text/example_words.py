"""What pages say of forgotten images and maps, and the names of classes. Pure text; foreign names are cut and inert."""

from __future__ import annotations

from benchmark.printable import counted
from benchmark.recording.record import EvaluationRecord
from leaderboard.board.board import Board, Entry
from leaderboard.board.exemplars import PIE_FLOOR, tied_share
from leaderboard.board.predictions import CellKey, Predictions
from leaderboard.board.standings import cell_value
from leaderboard.board.wording import one_line, percent

NO_OUTCOMES = "The per-example outcomes lie beside the record (.parquet); without them there is nothing to show here."
NOTHING_FORGOTTEN = "No image is forgotten here. A larger sparsity forgets more."


def class_names(record: EvaluationRecord, task: str) -> dict[str, str]:
    """Name every class by its number, as text that is safe to draw."""
    names = record.datasets.get(task, {}).get("classes", ())
    return {str(place): one_line(str(name), 30) for place, name in enumerate(names)}


def share_sentence(board: Board, entry: Entry, key: CellKey, dense: Predictions, num_forgotten: int) -> str:
    """Say how many images are forgotten in a cell, beside the share that changes without any pruning."""
    total, floor = len(dense.label_N), cell_value(board, entry, key, PIE_FLOOR)
    beside = "" if floor is None else f"; two halves of the dense models differ on {floor:.1%} without any pruning"
    return (
        f"{one_line(entry.name, 60)} forgets {num_forgotten} of {counted(total, 'test image')} "
        f"({num_forgotten / total:.1%}) when pruned to {percent(key[2])} ({one_line(key[1], 40)}){beside}."
    )


def forgotten_words(dense: Predictions, pruned: Predictions) -> str:
    """Say what a forgotten image is, and how far that depends on the tie rule."""
    return (
        f"Forgotten (a PIE): the modal prediction of {len(pruned.predicted_KN)} pruned models differs from that of the "
        f"dense ones. Ties go to the lowest class; {tied_share(dense, pruned):.1%} of the images have one, so that "
        "another rule would name others. Below each: what the dense models say → what the pruned ones say."
    )


def map_words(seed: int, num_images: int, num_ringed: int) -> str:
    """Say what a map shows and what may be read from it."""
    return (
        f"t-SNE of the features of model {seed} on the same {num_images} test images, turned to lie on each other. "
        f"Ringed: {num_ringed} images whose modal prediction over all models changes (PIEs). Near neighbours mean "
        "something; distances between groups and sizes of groups do not."
    )
