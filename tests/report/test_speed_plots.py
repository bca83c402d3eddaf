"""Plots of a grid of speeds: throughput against a number, a line for each other choice, with the limit drawn in."""

import pytest
from speed_grids import a_grid

from bench.report.speed_plots import axes_of, figure
from bench.report.style import GREY
from bench.tables.speeds import to_frame

TIMES = {(cell, size): time for cell, time in (("a", 2.0), ("b", 4.0)) for size in (1, 2)}


def drawn(limits):
    grid = a_grid(
        *(({"cell": cell, "hardware.threads": size}, [time * size] * 5) for (cell, size), time in TIMES.items())
    )
    for member in grid.members:
        member.limits.update(limits)
    (axes,) = figure(grid, to_frame(grid), "hardware.threads").axes
    return axes


def test_an_option_with_several_numbers_is_an_axis():
    grid = a_grid(*(({"cell": cell, "hardware.threads": size, "seed": 0}, [1.0]) for cell, size in TIMES))
    assert axes_of(grid) == ["hardware.threads"]


def test_throughput_has_a_line_for_each_other_choice_with_its_interval():
    axes = drawn({})
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


def test_the_limit_of_large_products_is_a_grey_line_and_named_once():
    axes = drawn({"train": 0.5, "infer": 0.1})
    grey = [line.get_ydata().tolist() for line in axes.lines if line.get_color() == GREY]
    assert grey == [[2e6, 2e6]] * 2 + [[]]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["limit of large products", "a", "b"]
    assert not [line for line in drawn({}).lines if line.get_color() == GREY]
