"""Page 4: the images that pruning forgets, and what the models said of each before and after."""

from __future__ import annotations

import streamlit as st

from benchmark.datasets.image_set import ImageSet
from benchmark.recording.record import EvaluationRecord
from benchmark.shipped import command_words
from leaderboard.app.address import kept
from leaderboard.app.attachments import outcomes_of, pictures_of, readings_of, warn_of_altered_files
from leaderboard.app.controls import Scene, open_scene, pick_submission
from leaderboard.app.drawing import draw
from leaderboard.app.open_board import full_record
from leaderboard.app.picture_gallery import EXAMPLE, show_gallery
from leaderboard.board.board import DENSE, Entry
from leaderboard.board.exemplars import (
    Exemplar,
    also_forgotten_by,
    exemplars,
    reading_rows,
    votes,
)
from leaderboard.board.predictions import CellKey, Predictions
from leaderboard.board.wording import one_line, percent
from leaderboard.figures.class_figures import vote_bars
from leaderboard.markup.gallery import gallery_html
from leaderboard.reading.pictures import enlarge
from leaderboard.text.example_words import NO_OUTCOMES, NOTHING_FORGOTTEN, class_names, forgotten_words, share_sentence

MAX_SHOWN = 48
ALL = "all classes"
NO_PICTURES = (
    "The images themselves are not here: no store on this board has the test set of this record. "
    f"`{command_words('make evaluate', 'fmn evaluate')}` keeps it below FMN_HOME. "
    "Everything else about each image is shown."
)


def choose_cell(entry: Entry, outcomes: dict[CellKey, Predictions]) -> CellKey | None:
    """Let people pick task, schedule and sparsity; the first ranked schedule at its largest sparsity to begin with."""
    tasks = [task for task in entry.tasks if (task, DENSE, 0.0) in outcomes]
    if not tasks:
        return None
    task = tasks[0] if len(tasks) == 1 else st.selectbox("Task", tasks, key="examples_task") or tasks[0]
    schedules = [s for s in (*entry.schedules, *entry.controls) if any(key[:2] == (task, s) for key in outcomes)]
    if not schedules:
        return None
    schedule = st.selectbox("Schedule", schedules, width=200, **kept("schedule", schedules, schedules[0]))
    schedule = schedule or schedules[0]
    levels = sorted(key[2] for key in outcomes if key[:2] == (task, schedule))
    sparsity = st.selectbox("Sparsity", levels, format_func=percent, width=130,
                            **kept("sparsity", levels, levels[-1], percent))  # fmt: skip
    return task, schedule, sparsity or levels[-1]


def choose_class(found: list[Exemplar], names: dict[str, str]) -> list[Exemplar]:
    """Let people look at the images of one true class only."""
    present = sorted({each.label for each in found})
    options = [ALL, *map(str, present)]

    def named(label: str) -> str:
        return names.get(label, label)

    label = st.selectbox("True class", options, width=160, format_func=named, **kept("class", options, ALL, named))
    return found if label in (None, ALL) else [each for each in found if str(each.label) == label]


def show_one(
    scene: Scene, entry: Entry, key: CellKey, found: list[Exemplar], cells: tuple[Predictions, Predictions],
    pictures: ImageSet | None, names: dict[str, str],
) -> None:  # fmt: skip
    """Enlarge one image and show what both populations say of it."""
    by_place = {each.example: each for each in found}
    places = list(by_place)
    each = by_place[st.selectbox("Test image", places, width=160, **kept(EXAMPLE, places, places[0])) or places[0]]
    label, before, after = (names.get(str(c), str(c)) for c in (each.label, each.dense, each.pruned))
    st.text(f"True class {label}. Dense models say {before}, pruned ones {after}.", wrap=True)
    if each.label != each.dense:
        st.text("The dense models were wrong about it, too.")
    if pictures is not None:
        st.image(enlarge(pictures.images[each.example], 220), width=220)
    draw(vote_bars(votes(*cells, each.example, names)), "votes", "What the models say, dense beside pruned")
    show_others(scene, entry, key, each.example, cells[0])
    show_readings(entry, key, each.example)


def show_readings(entry: Entry, key: CellKey, example: int) -> None:
    """Show depth and scores of one image, dense beside pruned."""
    readings = readings_of(entry)
    if readings is None:
        return
    frame = reading_rows(readings, (key[0], DENSE, 0.0), key, example)
    if not frame.empty:
        number = st.column_config.NumberColumn(format="%.3f")
        st.dataframe(frame, hide_index=True, key="readings", alt="Depth and scores, dense beside pruned",
                     column_config={"Dense": number, "Pruned": number})  # fmt: skip
        st.caption("Means over models. Depth counts probed layers from the input: deeper is harder.")


def show_others(scene: Scene, entry: Entry, key: CellKey, example: int, dense: Predictions) -> None:
    """Name the other submissions of the board that forget the same image in the same cell."""
    others = ((name, outcomes_of(other)) for name, other in scene.entries.items() if other.path != entry.path)
    forgetful, asked = also_forgotten_by(example, key, (key[0], DENSE, 0.0), dense.label_N, others)
    if not asked:
        st.text("No other submission's outcomes are at hand.")
    elif forgetful:
        listed = ", ".join(one_line(name, 40) for name in forgetful)
        st.text(f"Forgotten by {len(forgetful)} of {asked} other submissions, too: {listed}")
    else:
        st.text(f"None of the {asked} other submissions forgets it in this cell.")


def _pictures(record: EvaluationRecord | None, task: str, dense: Predictions) -> ImageSet | None:
    digest = (record.datasets if record else {}).get(task, {}).get("test_digest", "")
    pictures = pictures_of(str(digest))
    if pictures is None or pictures.labels.tolist() != dense.label_N.tolist():
        st.info(NO_PICTURES, icon=":material/hide_image:")
        return None
    return pictures


def show_share(
    scene: Scene, entry: Entry, key: CellKey, cells: tuple[Predictions, Predictions], count: int
) -> None:
    """Say how many images are forgotten, beside the share that changes without any pruning."""
    st.text(share_sentence(scene.snapshot.board, entry, key, cells[0], count), wrap=True)
    st.caption(f"{forgotten_words(*cells)} Click a picture.")


def page() -> None:
    """Lay out the page."""
    scene = open_scene("Examples", "The images that pruning forgets, the most strongly forgotten first.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        entry = scene.entries[pick_submission(scene)]
        record, outcomes = full_record(entry.path, entry.created), outcomes_of(entry) or {}
        key = choose_cell(entry, outcomes)
        if key is None:
            warn_of_altered_files(entry)
            st.info(NO_OUTCOMES, icon=":material/hide_source:")
            return
        cells = outcomes[key[0], DENSE, 0.0], outcomes[key]
        names = class_names(record, key[0]) if record else {}
        every = exemplars(*cells)
        found = choose_class(every, names)
    show_share(scene, entry, key, cells, len(every))
    if not found:
        st.info(NOTHING_FORGOTTEN, icon=":material/check_circle:")
        return
    pictures = _pictures(record, key[0], cells[0])
    left, right = st.columns([3, 2])
    with right, st.container(border=True):
        show_one(scene, entry, key, found, cells, pictures, names)
    with left:
        chosen = st.session_state.get(EXAMPLE)
        images = None if pictures is None else pictures.images
        show_gallery(gallery_html(found[:MAX_SHOWN], images, names, chosen=chosen))
        if len(found) > MAX_SHOWN:
            st.caption(f"The {MAX_SHOWN} most strongly forgotten of {len(found)}; choose a class to see others.")


page()
