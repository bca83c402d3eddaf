"""The Pareto front: by its definition."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.stats.pareto import pareto

figures = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=8)


@settings(max_examples=50)
@given(figures)
def test_on_the_front_are_those_that_no_other_beats(rows):
    """Accuracy, the more the better, and latency, the less the better."""
    beaten = [any(a >= c and b <= d and (a, b) != (c, d) for a, b in rows) for c, d in rows]
    assert pareto(rows, ["max", "min"]) == [not each for each in beaten]


def test_equal_rows_are_both_on_it_and_unknown_figures_on_none():
    assert pareto([(1.0, 2.0), (1.0, 2.0), (1.0, 1.0)], ["max", "max"]) == [True, True, False]
    assert pareto([(math.nan, 9.0), (1.0, 1.0)], ["max", "max"]) == [False, True]
    assert pareto([], ["max"]) == []


def test_rows_have_a_figure_for_each_direction():
    with pytest.raises(ValueError, match="needs 1 figures"):
        pareto([(1.0, 2.0)], ["max"])
