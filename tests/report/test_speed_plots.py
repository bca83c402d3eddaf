"""Plots of a grid of speeds: throughput against a number, a line for each other choice, with the limit drawn in."""

import pytest
from speed_grids import a_grid

from bench.report.speed_plots import axes_of, figure
from bench.tables.speeds import to_frame

TIMES = {(cell, size): time for cell, time in (("a", 2.0), ("b", 4.0)) for size in (1, 2)}


def drawn(limits, marks=()):
    members = (({"cell": cell, "hardware.threads": size}, [time * size] * 5) for (cell, size), time in TIMES.items())
    grid = a_grid(*members, marks=marks)
    for member in grid.members:
        member.limits.update(limits)
    return figure(grid, to_frame(grid), "hardware.threads")


def test_an_option_with_several_numbers_is_an_axis():
    grid = a_grid(*(({"cell": cell, "hardware.threads": size, "seed": 0}, [1.0]) for cell, size in TIMES))
    assert axes_of(grid) == ["hardware.threads"]


def test_throughput_has_a_line_for_each_other_choice_with_its_interval():
    (axes,) = drawn({}).axes
    lines = {each.get_label(): each.lines[0].get_ydata().tolist() for each in axes.containers}
    assert lines == {"a": [5e5, 2.5e5], "b": [2.5e5, 1.25e5]} and axes.get_ylabel() == "tokens/s"


def test_the_bars_are_the_interval_the_right_way_up():
    grid = a_grid(({"model.hidden": 1}, [1.0, 2.0, 4.0, 8.0, 16.0]), ({"model.hidden": 2}, [1.0] * 5))
    (axes,) = figure(grid, frame := to_frame(grid), "model.hidden").axes
    (bars,) = axes.containers[0].lines[2]
    low, high = bars.get_segments()[0][:, 1]
    assert (low, high) == (
        pytest.approx(1e6 / frame["train_us_high"][0]),
        pytest.approx(1e6 / frame["train_us_low"][0]),
    )
    assert low < high


def dotted(figure):
    (axes,) = figure.axes
    return [line for line in axes.lines if line.get_linestyle() == ":" and len(line.get_xdata())]


def test_the_limit_of_large_products_is_a_dotted_line_of_each_colour_and_named_once():
    made = drawn({"train": 0.5, "infer": 0.1})
    assert [line.get_ydata().tolist() for line in dotted(made)] == [[2e6, 2e6]] * 2
    colours = [each.lines[0].get_color() for each in made.axes[0].containers]
    assert [line.get_color() for line in dotted(made)] == colours
    (legend,) = made.legends
    assert {text.get_text() for text in legend.get_texts()} == {"limit of large products", "a", "b"}
    assert legend.get_title().get_text() == "cell", "the option whose values they are"
    assert not dotted(drawn({}))


@pytest.mark.parametrize(("marks", "ground"), [(["contended"], "white"), ([], None)])
def test_a_figure_in_doubt_has_an_open_mark_and_the_legend_says_why(marks, ground):
    made = drawn({}, marks)
    spots = [line for line in made.axes[0].lines if line.get_marker() == "o" and len(line.get_xdata())]
    assert [len(spot.get_xdata()) for spot in spots] == [2, 2]
    assert all(spot.get_markerfacecolor() == (ground or spot.get_color()) for spot in spots)
    said = "open mark: measured while other work had the machine" in made.legends[0].get_title().get_text()
    assert said == bool(marks)
