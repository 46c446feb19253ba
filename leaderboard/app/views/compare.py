"""Page 5: two submissions on the same test examples: is the difference real, and do they forget the same images."""

from __future__ import annotations

import streamlit as st

from benchmark.scoring.metric_names import ROBUSTNESS_SCORE
from benchmark.scoring.statistics.power import MAX_MODELS
from leaderboard.app.address import kept
from leaderboard.app.attachments import outcomes_of, warn_of_altered_files
from leaderboard.app.controls import Scene, open_scene
from leaderboard.app.drawing import draw
from leaderboard.board.board import DENSE, Entry
from leaderboard.board.comparison import Comparison, compare, device_hours
from leaderboard.board.inference.sensitivity import BY_SCORE, NOT_MEASURED, survival
from leaderboard.board.stability import SENSITIVITY, reading_frame, readings_of
from leaderboard.board.standings import competitors, rows, summary_scores
from leaderboard.board.wording import duration, one_line, p_equals, percent
from leaderboard.figures.charts import Level, Line, curves, limits
from leaderboard.figures.palette import COLOURS


@st.cache_data(max_entries=64, show_spinner="Comparing ...")
def _compare(_scene: Scene, first: str, second: str, stamp: tuple[str, str]) -> Comparison:
    del stamp  # part of the key
    entries = _scene.snapshot.board.entries[first], _scene.snapshot.board.entries[second]
    outcomes = outcomes_of(entries[0]), outcomes_of(entries[1])
    return compare(_scene.snapshot.board, *entries, outcomes, len(competitors(_scene.snapshot.board, _scene.arena)))


def choose(scene: Scene) -> tuple[Entry, Entry] | None:
    """Let people pick two submissions, the two best ones first."""
    paths = [entry.path for entry in scene.entries.values()]
    scores = summary_scores(scene.snapshot.board, paths)
    ranking = rows(scene.groups, scores, ROBUSTNESS_SCORE, "higher", each_track=False, letters=False)
    names = [row.entry.name for row in ranking]
    if len(names) < 2:
        st.info("Comparing takes two submissions under this specification.", icon=":material/compare_arrows:")
        return None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        first = st.selectbox("First", names, width=250, **kept("first", names, names[0]))
        second = st.selectbox("Second", names, width=250, **kept("second", names, names[1]))
    if first == second:
        st.info("Choose two different submissions.", icon=":material/compare_arrows:")
        return None
    return scene.entries[first], scene.entries[second]


def show_verdict(first: Entry, second: Entry, comparison: Comparison) -> None:
    """Say in one sentence whether the scores differ, by how much, and what was resampled."""
    if comparison.score is None:
        st.text("A run is missing, so the robustness scores cannot be compared. Cells that both have are below.")
        return
    score, names = comparison.score, (one_line(first.name, 60), one_line(second.name, 60))
    separated = score.low > 0 or score.high < 0
    better, worse = names if score.value > 0 else names[::-1]
    with st.container(border=True):
        if separated:
            st.text(f"{better} is more robust than {worse}.")
        else:
            st.text(f"{names[0]} and {names[1]} are not separated.")
        p = "" if comparison.p is None else f"p {p_equals(comparison.p)} for this pair alone"
        st.text("; ".join(filter(None, (p, _together(comparison), _shared(comparison)))) + ".", wrap=True)
        st.metric("Difference in robustness score (first - second)", f"{score.value:+.4f}",
                  f"{score.low:+.4f} to {score.high:+.4f}", delta_color="off", delta_arrow="off")  # fmt: skip
    about = (
        "is about models and test images of this kind: the same images for both, models of their own"
        if comparison.over_images
        else "is about models only (neither areas nor outcomes of both are at hand): other images may say otherwise"
    )
    st.caption(f"The {100 * first.confidence:.3g} % interval {about}. "
               f"{first.num_models} and {second.num_models} models per cell.")  # fmt: skip
    if separated and not comparison.holds:
        st.text("That holds for this pair alone. With every pair of the board sharing one error it does not.")
        show_power(first, second, comparison)
    elif not separated:
        st.caption("The difference could be nothing, so nobody can say how many models would separate them.")


def _together(comparison: Comparison) -> str:
    holds = "holds" if comparison.holds else "does not hold"
    return f"with every pair of the board sharing one error it {holds}"


def _shared(comparison: Comparison) -> str:
    """Say of the sparsest cells how much both forget in common, beside what chance would give."""
    if not comparison.overlaps:
        return ""
    key = max(comparison.overlaps, key=lambda each: each[2])
    found = comparison.overlaps[key]
    chance = "" if found.jaccard_by_chance is None else f" ({found.jaccard_by_chance:.2f} by chance)"
    overlap = "none" if found.jaccard is None else f"{found.jaccard:.2f}{chance}"
    return f"of what either forgets at {percent(key[2])} ({one_line(key[1], 40)}), both forget {overlap}"


def show_power(first: Entry, second: Entry, comparison: Comparison) -> None:
    """Say how many more models would separate them on this board, between which bounds, and what those would cost."""
    advice, known = comparison.advice, min(first.num_models, second.num_models)
    if advice is None:
        return
    if advice.models is None:
        st.text("More models alone would hardly separate them: the uncertainty is in the test images.")
        return
    more = max(advice.models - known, 1)
    hours = device_hours([entry.device_s / max(entry.num_models, 1) for entry in (first, second)], more)
    bounds = f"{advice.fewest} to {advice.most if advice.most is not None else f'more than {MAX_MODELS}'}"
    st.text(f"If the difference is as large as seen, {advice.models} models of each would show it on this board in "
            f"four of five studies ({bounds}, as far as the difference is known): {more} more, {duration(hours)} of "
            "device time.")  # fmt: skip


def show_sensitivity(scene: Scene, first: Entry, second: Entry) -> None:
    """Say whether the order of both survives other ways of reading the same models."""
    if first.barred or second.barred:
        return
    st.subheader("Does the order survive other readings?")
    found = readings_of(scene.snapshot.board, [first, second])
    pair = [(one_line(entry.name, 60), found[entry.path]) for entry in (first, second)]
    scores = [readings[BY_SCORE] for _, readings in pair]
    ahead = pair if (scores[0] or 0) >= (scores[1] or 0) else pair[::-1]
    st.text(f"{survival(*ahead).sentence}.")
    number = st.column_config.NumberColumn(format="%.4f")
    st.dataframe(
        reading_frame(pair[0], pair[1]), hide_index=True, key="readings", alt="Readings of both",
        placeholder=NOT_MEASURED,
        column_config={"reading": "Reading", "first": number, "second": number, "ahead": "Ahead"},
    )  # fmt: skip
    st.caption(SENSITIVITY)


def show_differences(comparison: Comparison, ranked: tuple[str, ...]) -> None:
    """Draw the difference in accuracy against sparsity, one line per schedule, with bands."""
    st.subheader("Where they differ")
    tasks = sorted({key[0] for key in comparison.cells})
    task = st.selectbox("Task", tasks, key="difference_task") if len(tasks) > 1 else (tasks or [""])[0]
    lines: list[Line] = []
    for place, schedule in enumerate(ranked):
        cells = sorted(
            (key[2], d) for key, d in comparison.cells.items() if key[0] == task and key[1] in (DENSE, schedule)
        )
        points = [(sparsity, d.value, d.low, d.high) for sparsity, d in cells]
        lines.append(Line(one_line(schedule, 40), COLOURS[place % len(COLOURS)], "circle", points))
    levels = [Level("no difference", 0.0)]
    low_high = limits(lines, levels)
    for start in range(0, len(lines), 3):
        for place, line in zip(st.columns(min(3, len(lines))), lines[start : start + 3], strict=False):
            with place:
                st.text(line.name)
                chart = curves([line], levels, "Accuracy, first - second", low_high, height=260)
                draw(chart, f"difference-{line.name}", f"Difference by sparsity, {line.name}")
    st.caption("Bands hold at each point alone, not for a whole curve: with many cells a few exclude zero by chance.")


def show_overlaps(comparison: Comparison) -> None:
    """Show whether both forget the same images."""
    st.subheader("Do they forget the same images?")
    if not comparison.overlaps:
        st.caption("The per-example outcomes of both are needed; they lie beside the record (outcomes.parquet).")
        return
    st.dataframe(
        [{"Schedule": one_line(key[1], 40), "Sparsity": percent(key[2]), "PIEs of first": found.first,
          "PIEs of second": found.second, "Common": found.common, "Jaccard": found.jaccard,
          "By chance": found.jaccard_by_chance} for key, found in comparison.overlaps.items()],
        hide_index=True, key="overlaps", alt="Common PIEs", placeholder="neither has any",
        column_config={
            "Jaccard": st.column_config.NumberColumn(format="%.3f", help="Common PIEs over PIEs of either, 0 to 1."),
            "By chance": st.column_config.NumberColumn(format="%.3f", help="If both sets were drawn independently."),
        },
    )  # fmt: skip
    st.caption("A PIE is a test image whose modal prediction over the models changes when they are pruned; ties go to "
               "the lowest class. The page of a submission says which share of images has one.")  # fmt: skip


def page() -> None:
    """Lay out the page."""
    scene = open_scene("Compare", "Two submissions on the same test images: is the difference real?")
    pair = choose(scene)
    if pair is None:
        return
    first, second = pair
    warn_of_altered_files(first, second)
    comparison = _compare(scene, first.path, second.path, (first.created, second.created))
    show_verdict(first, second, comparison)
    show_sensitivity(scene, first, second)
    if comparison.cells:
        show_differences(comparison, first.schedules)
    show_overlaps(comparison)


page()
