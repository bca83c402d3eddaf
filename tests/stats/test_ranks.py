"""Cells ranked over tasks: the worked example of Demsar (2006), and the corners."""

import math

import numpy as np
import pytest
from scipy.stats import chi2, friedmanchisquare, rankdata, studentized_range, wilcoxon

from bench.stats.ranks import alike, range_quantile, ranking, tied_ranks

AUC = """\
.763 .768 .771 .798
.599 .591 .590 .569
.954 .971 .968 .967
.628 .661 .654 .657
.882 .888 .886 .898
.936 .931 .916 .931
.661 .668 .609 .685
.583 .583 .563 .625
.775 .838 .866 .875
1.00 1.00 1.00 1.00
.940 .962 .965 .962
.619 .666 .614 .669
.972 .981 .975 .975
.957 .978 .946 .970"""
"""The areas under the curve of C4.5 and three variants on 14 data sets: table 6 of the paper."""

SCORES = [[float(score) for score in line.split()] for line in AUC.splitlines()]


def test_demsars_example_has_its_mean_ranks_test_and_critical_difference():
    """With one rank of the table moved by a half: it counts 0.975 and 0.975 as 2 and 3."""
    scores = [*SCORES[:12], [0.972, 0.981, 0.97501, 0.975], SCORES[13]]
    found = ranking(scores, ["max"] * 14)
    assert [round(rank, 3) for rank in found.ranks] == [3.143, 2.000, 2.893, 1.964]
    assert round(found.critical, 2) == 1.25 and round(ranking(scores, ["max"] * 14, 0.9).critical, 2) == 1.12
    squares = sum(rank**2 for rank in found.ranks)
    assert round(12 * 14 / (4 * 5) * (squares - 4 * 5**2 / 4), 2) == 9.28, "Friedman's statistic, as the paper has it"
    assert found.p < chi2.sf(9.28, 3), "which scipy corrects for ties"
    assert alike(found.ranks, ranking(scores, ["max"] * 14, 0.9).critical) == [(3, 1, 2), (2, 0)]


def test_demsars_wilcoxon_example_is_scipys():
    """C4.5 against C4.5+m: the smaller sum of ranks is 12, where zeros are split."""
    c45, m = zip(*[(row[0], row[1]) for row in SCORES], strict=True)
    gains = [round(b - a, 3) for a, b in zip(c45, m, strict=True)]
    assert wilcoxon(gains, zero_method="zsplit", method="approx").statistic == 12


def test_ranks_and_friedmans_test_are_scipys_with_ties_too():
    random = np.random.default_rng(0)
    for scores in random.integers(0, 6, (20, 7, 4)):
        found = ranking(scores.tolist(), ["min"] * 7)
        assert found.ranks == pytest.approx(rankdata(scores, axis=1).mean(0))
        assert found.p == pytest.approx(friedmanchisquare(*scores.T).pvalue)


@pytest.mark.parametrize(("level", "cells"), [(0.95, 2), (0.9, 3), (0.95, 10), (0.99, 40)])
def test_the_range_of_normal_draws_has_scipys_quantiles(level, cells):
    assert range_quantile(level, cells) == pytest.approx(studentized_range.ppf(level, cells, math.inf), rel=1e-6)


def test_ranks_follow_the_direction_of_each_task_and_ties_share_theirs():
    found = ranking([[0.9, 0.5, 0.5], [0.1, 0.2, 0.3]], ["max", "min"])
    assert found.ranks == [1, 2.25, 2.75]
    assert ranking([[0.9, 0.5, 0.5]], ["min"]).ranks == [3, 1.5, 1.5]


def test_ties_everywhere_are_no_difference_and_two_cells_have_no_friedman_test():
    found = ranking([[1.0] * 3] * 4, ["max"] * 4)
    assert found.ranks == [2, 2, 2] and found.p == 1
    assert math.isnan(ranking([[0.1, 0.2]] * 4, ["max"] * 4).p)


@pytest.mark.parametrize(
    ("scores", "directions"),
    [
        ([], []),
        ([[0.1, 0.2]], ["max", "min"]),
        ([[0.1]], ["max"]),
        ([[0.1, 0.2], [0.1]], ["max", "max"]),
        ([[0.1, math.nan]], ["max"]),
    ],
)
def test_a_cell_that_is_missing_on_a_task_cannot_be_ranked(scores, directions):
    with pytest.raises(ValueError, match="a ranking needs"):
        ranking(scores, directions)


def test_lines_join_the_largest_lots_that_do_not_differ():
    assert alike([1.0, 1.5, 3.0, 3.2], 1.0) == [(0, 1), (2, 3)]
    assert alike([4.0, 1.0, 2.0, 3.0], 1.5) == [(1, 2), (2, 3), (3, 0)]
    assert alike([1.0, 3.0], 2.0) == [], "a difference as large as the critical one is one"


def test_cells_that_no_test_tells_apart_share_a_rank():
    assert tied_ranks("abc", {("a", "c"), ("b", "c")}) == {"a": 1, "b": 1, "c": 3}
    assert tied_ranks("abc", {("a", "c")}) == {"a": 1, "b": 1, "c": 2}
    assert tied_ranks("ab", ()) == {"a": 1, "b": 1}
