"""The time by which half of the runs got there, those that never do counted: Kaplan and Meier's median."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import CensoredData, ecdf

from bench.stats.survival import half_by, share_by


@pytest.mark.parametrize(
    ("times", "median"),
    [
        ((3.0, 1.0, 2.0), 2.0),
        ((1.0, 2.0, math.inf), 2.0),
        ((1.0, math.inf), 1.0),
        ((1.0, math.inf, math.inf), math.inf),
    ],
)
def test_those_that_never_do_are_counted(times, median):
    assert half_by(times) == median


def test_no_runs_have_no_time():
    assert math.isnan(half_by([]))


@given(st.lists(st.integers(1, 9), min_size=1, max_size=9), st.integers(0, 9))
def test_it_is_where_scipys_survival_function_has_come_down_to_a_half(reached, never):
    survival = ecdf(CensoredData(uncensored=reached, right=[10] * never)).sf
    found = [time for time, left in zip(survival.quantiles, survival.probabilities, strict=True) if left <= 0.5 + 1e-12]
    assert half_by([*map(float, reached), *[math.inf] * never]) == (found[0] if found and found[0] < 10 else math.inf)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=12), st.integers(0, 5))
def test_shares_are_one_less_scipys_survival_function(reached, never):
    found = share_by([*map(float, reached), *[math.inf] * never])
    survival = ecdf(CensoredData(uncensored=reached, right=[10] * never)).sf
    times = [(time, 1 - survival.evaluate(time)) for time in sorted({*reached})]
    assert found == [(time, pytest.approx(share)) for time, share in times]


def test_nobody_who_gets_there_is_no_step():
    assert share_by([math.inf] * 3) == [] == share_by([])
