"""The interval plot holds foreign text as text, and says what it leaves out."""

from __future__ import annotations

from leaderboard.board.board import assemble, condense
from leaderboard.board.standings import arenas, competitors, rows, summary_scores
from leaderboard.figures.palette import looks
from leaderboard.markup.fragments import intervals_html
from leaderboard.markup.interval_plot import MAX_BARS, interval_plot
from tests.leaderboard.html_tables import read_page
from tests.leaderboard.records import HOSTILE_NAMES, SIGNER, Knobs, evaluation


def test_hostile_names_stay_text_and_a_long_ranking_is_cut() -> None:
    names = [*HOSTILE_NAMES, *(f"method-{number}" for number in range(MAX_BARS))]
    made = [evaluation(Knobs(name, 0.99 - 0.01 * place, models=2)) for place, name in enumerate(names)]
    board = assemble(condense(f"{place}", record, SIGNER) for place, record in enumerate(made))
    (arena,) = arenas(board).values()
    ranking = rows(competitors(board, arena), summary_scores(board, list(board.entries)), "robustness/score", "higher",
                   each_track=False)  # fmt: skip
    drawn = interval_plot(ranking, "robustness/score", looks(board.names_by_age))
    assert drawn is not None
    assert (len(drawn.bars), drawn.num_all) == (MAX_BARS, len(names))
    page = read_page(intervals_html(drawn))
    assert all(name in page.text for name in HOSTILE_NAMES)
    assert not {tag for tag, _ in page.tags} & {"script", "img", "a", "iframe"}
    assert not any(name.startswith("on") for _, given in page.tags for name in given)
