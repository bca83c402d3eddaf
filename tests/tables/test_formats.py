"""How figures are printed: as many digits as mean something."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.tables.formats import (
    four_digits,
    loss_digits,
    one_decimal,
    score_alone,
    score_with_interval,
    three_digits,
    with_prefix,
)


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (three_digits, 0.045678, "0.0457"),
        (three_digits, 12.5, "12.5"),
        (three_digits, 999.4, "999"),
        (three_digits, 999.5, "1000"),
        (three_digits, 999.6, "1000"),
        (three_digits, -123456.7, "-123457"),
        (four_digits, 0.98765, "0.9877"),
        (four_digits, None, "-"),
        (with_prefix, 45.23, "45.2"),
        (with_prefix, 51_210, "51.2k"),
        (with_prefix, 999.5, "1k"),
        (with_prefix, 999_600, "1M"),
        (with_prefix, 999.5e6, "1G"),
        (with_prefix, 2.5e9, "2.5G"),
        (with_prefix, None, "-"),
        (with_prefix, 1e308, "1e+308"),
        (three_digits, 1e308, "1e+308"),
        (three_digits, 9_999_999, "9999999"),
        (three_digits, -1e7, "-1e+07"),
        (one_decimal, 31.25, "31.2"),
        (one_decimal, 1e300, "1e+300"),
        (score_alone, 0.9876, "0.988"),
        (score_alone, 1e308, "1e+308"),
        (loss_digits, 2.302585, "2.3026"),
        (loss_digits, 9999.99, "9999.9900"),
        (loss_digits, 1e4, "1.000e+04"),
        (loss_digits, -12345.678, "-1.235e+04"),
        (loss_digits, math.inf, "inf"),
        (loss_digits, math.nan, "nan"),
    ],
)
def test_a_figure_is_printed_so(write, value, text):
    assert write(value) == text


@pytest.mark.parametrize(
    ("score", "low", "high", "text"),
    [
        (0.9874, math.nan, math.nan, "0.987"),
        (0.98741, 0.9812, 0.9916, "0.987 [0.981, 0.992]"),
        (0.50002, 0.49983, 0.50021, "0.5000 [0.4998, 0.5002]"),
        (1.23e-7, 7.7e-8, 1.7e-7, "1.23e-07 [7.7e-08, 1.7e-07]"),
        (2.5e6, math.nan, math.nan, "2.5e+06"),
        (-1.5, -1.75, -1.25, "-1.500 [-1.750, -1.250]"),
        (0.0, math.nan, math.nan, "0.000"),
        (1e-4, math.nan, math.nan, "0.000100"),
        (9.99e-5, 9e-5, 1.1e-4, "9.99e-05 [9e-05, 0.00011]"),
        (999_999.4, math.nan, math.nan, "999999"),
        (1e6, math.nan, math.nan, "1e+06"),
        (1.0, math.nan, math.nan, "1.000"),
        (10.0, math.nan, math.nan, "10.00"),
        (0.5, 0.49, 0.51, "0.500 [0.490, 0.510]"),
        (0.99967, 0.9967, 0.99997, "0.9997 [0.9967, 1.0000]"),
        (0.5, 0.5 - 1e-9, 0.5 + 1e-9, "0.500000 [0.500000, 0.500000]"),
        (0.0801, 2.5e-7, 2.6e8, "0.0801 [2.5e-07, 2.6e+08]"),
        (0.0, -math.inf, math.inf, "0 [-inf, inf]"),
    ],
)
def test_a_score_has_the_digits_that_its_interval_needs(score, low, high, text):
    assert score_with_interval(score, low, high) == text


@given(st.floats(-1e12, 1e12))
def test_three_digits_are_right_to_half_a_percent(value):
    assert float(three_digits(value)) == pytest.approx(value, rel=0.005)
