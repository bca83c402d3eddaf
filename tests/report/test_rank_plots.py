"""Pictures of an overview: every cell is named, bars join those that do not differ, and nothing is drawn of nothing."""

import pytest
from ranked import runs, views

from bench.errors import ConfigError
from bench.report.rank_plots import critical_difference, matrix
from bench.report.style import save
from bench.tables.pairs import to_frame

CELLS = {"gru": 0.9, "lstm": 0.7, "rnn": 0.3}


@pytest.fixture
def found():
    (view,) = views(*(runs(cell, score, f"t{n}-v1") for cell, score in CELLS.items() for n in range(12)))
    return view


def said(figure):
    return "\n".join(text.get_text() for text in figure.axes[0].texts)


def test_the_diagram_names_each_cell_with_its_mean_rank_and_the_critical_difference(found, tmp_path):
    figure = critical_difference(found)
    assert all(text in said(figure) for text in ("gru  1", "lstm  2", "3  rnn", "critical difference 0.957"))
    thick = [line for line in figure.axes[0].lines if line.get_linewidth() == 3]
    assert thick == [], "all three differ"
    save(figure, tmp_path / "ranks.svg")
    assert (tmp_path / "ranks.svg").stat().st_size > 1000


def test_cells_that_do_not_differ_are_joined():
    (view,) = views(*(runs(cell, score, f"t{n}-v1") for cell, score in CELLS.items() for n in range(2)))
    thick = [line for line in critical_difference(view).axes[0].lines if line.get_linewidth() == 3]
    assert len(thick) == 1 and list(thick[0].get_xdata()) == pytest.approx([0.98, 3.02])


def test_the_matrix_has_a_gain_a_chance_and_a_p_for_each_two(found):
    figure = matrix(found, to_frame([found]))
    assert said(figure).count("wins") == 6 and "+0.25\n100% wins\n" in said(figure)
    (image,) = figure.axes[0].images
    assert image.get_array().tolist() == [[0.5, 1, 1], [0, 0.5, 1], [0, 0, 0.5]], "rows and columns by rank"


def test_what_cannot_be_drawn_is_refused_in_a_line():
    (view,) = views(runs("gru", 0.8), runs("lstm", 0.7))
    with pytest.raises(ConfigError, match="mean ranks need two tasks"):
        critical_difference(view)
    many = [runs(f"c{n}", 0.5, task, seeds=2) for n in range(21) for task in ("a-v1", "b-v1")]
    (view,) = views(*many)
    with pytest.raises(ConfigError, match="21 cells: a picture has room for 20"):
        critical_difference(view)
