"""Statistics of repeated measurements: quartiles, and a spread that work of several sizes leaves alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.stats.summary import quantile, spread, summarise


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20), st.sampled_from([0.0, 0.25, 0.5, 0.99, 1.0]))
def test_quantiles_are_numpy_s(samples, share):
    assert quantile(samples, share) == pytest.approx(np.quantile(samples, share), abs=1e-9)


def test_a_summary_keeps_the_samples_in_their_order_and_has_an_interval_within_them():
    found = summarise([3.0, 1.0, 2.0])
    assert (found["median"], found["q1"], found["q3"], found["samples"]) == (2.0, 1.5, 2.5, [3.0, 1.0, 2.0])
    assert 1.0 <= found["low"] < 2.0 < found["high"] <= 3.0
    with pytest.raises(ValueError, match="no samples"):
        summarise([])


def test_work_of_two_sizes_is_no_spread_and_times_of_one_size_are():
    assert spread([(10, 1.0), (1000, 90.0)] * 4) == 0.0
    assert spread([(10, 1.0), (10, 2.0), (10, 1.0), (10, 2.0)]) == pytest.approx(1 / 1.5)
    assert spread([(size, float(size % 7)) for size in range(1, 9)]) == 0.0, "nothing is there three times"
