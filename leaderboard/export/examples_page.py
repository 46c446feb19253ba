"""The images that pruning forgets and the maps of one evaluation, on a page without a script.

Of every task and ranked schedule it shows the sparsest cell. The grid is that of the served board
(`leaderboard.markup.gallery`); its pictures are within the page, so that no page asks for another file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import pandas as pd
from markupsafe import Markup
from numpy.typing import NDArray

from benchmark.datasets.image_set import ImageSet
from benchmark.recording.record import EvaluationRecord
from leaderboard.board.board import DENSE, Board, Entry
from leaderboard.board.exemplars import exemplars
from leaderboard.board.map_points import points_of_panel
from leaderboard.board.predictions import CellKey, Predictions
from leaderboard.board.wording import one_line, percent
from leaderboard.export.page_figures import Curves
from leaderboard.figures.class_figures import class_lines, in_order
from leaderboard.figures.palette import Look
from leaderboard.markup.gallery import gallery_html
from leaderboard.markup.map_panel import map_panel
from leaderboard.markup.svg import mark
from leaderboard.text.downloads import map_csv
from leaderboard.text.example_words import class_names, forgotten_words, map_words, share_sentence

MAX_PICTURES, MAX_PICTURE_BYTES = 24, 16 * 1024
"""Pictures of a cell, and bytes of pixels of one; what is larger is not on the site."""

Outcomes = Mapping[CellKey, Predictions]


@dataclass(frozen=True)
class CellView:
    """The forgotten images of one cell."""

    title: str
    share: str
    about: str
    num_forgotten: int
    num_shown: int
    gallery: Markup
    has_pictures: bool


@dataclass(frozen=True)
class ExamplesView:
    """One evaluation on its page of images; addresses are relative to the root of the site."""

    place: str
    name: str
    page: str
    label: str
    cells: tuple[CellView, ...]
    maps: tuple[tuple[str, str, Curves], ...]

    @property
    def figures(self) -> str:
        """How the places of its figures begin."""
        return f"figures/{PurePosixPath(self.place).with_suffix('')}"


def examples_place(page: str) -> str:
    """Return where the images of a submission are, by where its page is."""
    return f"examples/{PurePosixPath(page).name}"


def test_digests(record: EvaluationRecord) -> dict[str, str]:
    """Return the digest of the test images of every task, as the record says it (untrusted text)."""
    return {task: str(facts.get("test_digest", "")) for task, facts in record.datasets.items()}


def examples_view(
    board: Board, entry: Entry, record: EvaluationRecord, page: str, outcomes: Outcomes,
    pictures: Mapping[str, ImageSet | None], maps: pd.DataFrame | None,
) -> ExamplesView:  # fmt: skip
    """Arrange the forgotten images and the maps of one evaluation.

    Args:
        board: all evaluations.
        entry: the evaluation.
        record: the same with all it says.
        page: where its page is.
        outcomes: predictions of every cell.
        pictures: test images by task; None where no store has them.
        maps: rows as `leaderboard.reading.maps.read_maps` gives them; None where there are none.
    """
    several = len(entry.tasks) > 1
    cells = [
        _cell(board, entry, record, key, outcomes, pictures.get(key[0]), several) for key in _sparsest(entry, outcomes)
    ]
    drawn = [] if maps is None else [
        _map(maps, panel, outcomes, class_names(record, panel[0]), several) for panel in _panels(entry, maps)
    ]
    return ExamplesView(
        place=examples_place(page), name=one_line(entry.name, 80), page=page,
        label=one_line(entry.spec_identity), cells=tuple(cells), maps=tuple(drawn),
    )  # fmt: skip


def _sparsest(entry: Entry, outcomes: Outcomes) -> list[CellKey]:
    """Return the sparsest cell of every task and ranked schedule, where the dense models were read, too."""
    found: list[CellKey] = []
    for task in (task for task in entry.tasks if (task, DENSE, 0.0) in outcomes):
        for schedule in entry.schedules:
            mine = [key for key in outcomes if key[:2] == (task, schedule)]
            found += [max(mine, key=lambda key: key[2])] if mine else []
    return found


def _title(key: tuple[str, ...], sparsity: float, *, several: bool) -> str:
    return f"{f'{one_line(key[0], 60)}, ' * several}{one_line(key[1], 40)}, {percent(sparsity)}"


def _cell(
    board: Board, entry: Entry, record: EvaluationRecord, key: CellKey, outcomes: Outcomes,
    pictures: ImageSet | None, several: bool,
) -> CellView:  # fmt: skip
    dense, pruned = outcomes[key[0], DENSE, 0.0], outcomes[key]
    found, images = exemplars(dense, pruned), _images(pictures, dense)
    shown = found[:MAX_PICTURES]
    return CellView(
        title=_title(key[:2], key[2], several=several),
        share=share_sentence(board, entry, key, dense, len(found)),
        about=forgotten_words(dense, pruned),
        num_forgotten=len(found),
        num_shown=len(shown),
        gallery=Markup(gallery_html(shown, images, class_names(record, key[0]), chosen=None, is_static=True)),
        has_pictures=images is not None,
    )  # safe: written by a template that escapes every text


def _images(pictures: ImageSet | None, dense: Predictions) -> NDArray[np.uint8] | None:
    """Return the test images where they are the ones that the models were read on, and small enough for a page."""
    if pictures is None or pictures.images[0].nbytes > MAX_PICTURE_BYTES:
        return None
    return pictures.images if np.array_equal(pictures.labels, dense.label_N) else None


def _panels(entry: Entry, maps: pd.DataFrame) -> list[tuple[str, str]]:
    there = maps[["task", "schedule"]].drop_duplicates()
    pairs = [(str(task), str(schedule)) for task, schedule in zip(there["task"], there["schedule"], strict=True)]
    return [pair for pair in pairs if pair[0] in entry.tasks]


def _map(
    maps: pd.DataFrame, panel: tuple[str, str], outcomes: Outcomes, names: Mapping[str, str], several: bool
) -> tuple[str, str, Curves]:
    """Draw one panel, dense beside pruned: its title, what it shows, and the figures."""
    task, schedule = panel
    mine = maps.loc[(maps["task"] == task) & (maps["schedule"] == schedule)]
    points = points_of_panel(maps, task, schedule, outcomes)
    labels = in_order(points["label"].tolist())
    looks = dict(zip(labels, class_lines(labels, names), strict=True))
    colours = {label: line.colour for label, line in looks.items()}
    sparsity = float(mine["sparsity"].iloc[0])
    sides = {side: points.loc[points["side"] == side] for side in ("dense", "pruned")}
    titles = {"dense": "Dense", "pruned": f"Pruned to {percent(sparsity)}"}
    drawn = tuple((titles[side], map_panel(each, colours, f"Map, {titles[side]}")) for side, each in sides.items())
    legend = tuple((line.name, mark(Look(line.colour, line.marker))) for line in looks.values())
    ringed = int(sides["dense"]["forgotten"].sum())
    about = map_words(int(mine["seed"].iloc[0]), len(mine), ringed)
    return _title(panel, sparsity, several=several), about, Curves(task, drawn, legend, map_csv(points, names))
