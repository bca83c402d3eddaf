"""Many tests at once: against statsmodels, and the worked example of Demsar (2006)."""

import pytest
from scipy.stats import norm
from statsmodels.stats.multitest import multipletests

from bench.stats.holm import holm


@pytest.mark.parametrize(
    "p_values", [[0.04], [0.01, 0.04, 0.03], [0.5, 0.01, 0.01, 1.0, 0.0], [0.02] * 4, [0.3, 0.2, 0.9]]
)
def test_the_corrected_values_are_those_of_statsmodels(p_values):
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


def test_demsars_example_rejects_the_first_two_of_three():
    """Section 3.2.2: mean ranks 3.143 of C4.5, 2.000, 2.893 and 1.964 of its variants, over 14 data sets. The paper has
    0.607 from ranks that are not rounded."""
    z = [(3.143 - rank) / (4 * 5 / (6 * 14)) ** 0.5 for rank in (2.000, 2.893, 1.964)]
    p_values = [2 * norm.sf(each) for each in z]
    assert [round(each, 3) for each in p_values] == [0.019, 0.608, 0.016]
    assert [each <= 0.05 for each in holm(p_values)] == [True, False, True]
    assert holm(p_values) == pytest.approx([0.0471, 0.6084, 0.0471], abs=5e-4)


def test_none_are_none_and_what_is_no_probability_is_refused():
    assert holm([]) == []
    for odd in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="between 0 and 1"):
            holm([0.5, odd])
