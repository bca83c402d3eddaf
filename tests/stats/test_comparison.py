"""Verdicts on two lots of scores, and on many at once."""

import math

import pytest

from bench.stats.comparison import compare, compare_all
from bench.stats.scale import Scale

ACCURACY = Scale(direction="max", unit="share", chance=0.2, solved=1.0)
LOSS = Scale(direction="min", chance=4.0, lowest=0.0)
TEN = [0.50, 0.52, 0.49, 0.51, 0.53, 0.48, 0.50, 0.515, 0.495, 0.505]


def by_seed(*scores, first=0):
    return dict(enumerate(scores, first))


def moved(step, wobble=0.0):
    """`TEN` moved by `step`, and to and fro by `wobble`."""
    return by_seed(*(score + step + wobble * (-1) ** n for n, score in enumerate(TEN)))


@pytest.mark.parametrize(
    ("scale", "step", "verdict"),
    [(ACCURACY, 0.05, "better"), (ACCURACY, -0.05, "worse"), (LOSS, 0.05, "worse"), (LOSS, -0.05, "better")],
)
def test_the_better_is_the_one_that_the_metric_says(scale, step, verdict):
    found = compare(by_seed(*TEN), moved(step, 0.01), scale)
    assert (found.verdict, found.paired, found.test) == (verdict, True, "sign flips")
    assert found.gain.mean == pytest.approx(step) and found.p == pytest.approx(2 / 2**10)
    assert (found.improvement.mean > 0.5) == (verdict == "better")


def test_a_difference_within_the_region_is_none_that_matters_however_sure_it_is():
    same = compare(by_seed(*TEN), moved(0.004, 0.001), ACCURACY)
    assert same.p < 0.01 and same.region == pytest.approx(0.008) and same.verdict == "equivalent"
    assert compare(by_seed(*TEN), moved(0.004, 0.001), ACCURACY, region=0.001).verdict == "better"
    assert compare(by_seed(*TEN), moved(0.004, 0.001), ACCURACY, region=0.0).verdict == "better"


def test_scores_that_vary_too_much_want_more_seeds_and_with_those_they_tell():
    few = compare(by_seed(*TEN), moved(0.01, 0.02), ACCURACY)
    assert few.verdict == "too few seeds" and 20 < few.more < 60
    assert few.words == f"too few seeds: about {few.more} more would tell"
    many = (TEN * 10)[: 10 + few.more]
    more = compare(
        by_seed(*many), by_seed(*(score + 0.01 + 0.02 * (-1) ** n for n, score in enumerate(many))), ACCURACY
    )
    assert more.verdict == "better" and 0.001 < more.p < 0.02, "as far as a power of 80% has it on average: 2.8 errors"


def test_where_a_difference_that_matters_would_have_been_seen_none_is_seen():
    wide = compare(by_seed(*TEN), moved(0.0, 0.02), ACCURACY, region=0.03)
    assert wide.verdict == "equivalent"
    off = compare(by_seed(*TEN), moved(0.012, 0.02), ACCURACY, region=0.025)
    assert (off.verdict, off.more, off.words) == ("no difference seen", None, "no difference seen")


def test_seeds_that_are_not_shared_are_not_paired_and_all_of_them_count():
    apart = compare(by_seed(*TEN), by_seed(*(score + 0.05 for score in TEN), first=10), ACCURACY)
    assert (apart.paired, apart.verdict, apart.gain.method) == (False, "better", "welch")
    partly = compare(by_seed(*TEN), by_seed(0.6, 0.61, 0.59), ACCURACY)
    assert (partly.paired, partly.seeds) == (False, (10, 3))


def test_pairs_are_those_of_a_seed_whatever_the_order():
    a, b = by_seed(*TEN), moved(0.05, 0.01)
    assert compare(a, dict(reversed(b.items())), ACCURACY) == compare(a, b, ACCURACY)


def test_three_seeds_that_solve_against_three_that_do_not_are_too_few():
    """Of ten cells of which half of the seeds solve, such a pair is no surprise; by Student's t it would be a proof."""
    found = compare(by_seed(0.21, 0.22, 0.2), by_seed(0.99, 0.995, 1.0), ACCURACY)
    assert (found.verdict, found.more, found.test) == ("too few seeds", 3, "sign flips")
    assert math.isnan(found.gain.low), "nor has the gain an interval"
    six = compare(by_seed(*[0.21, 0.22, 0.2] * 2), by_seed(*[0.99, 0.995, 1.0] * 2), ACCURACY)
    assert (six.verdict, six.p) == ("better", 2 / 2**6)


def test_three_seeds_of_a_loss_without_a_target_may_tell_by_students_t():
    found = compare(by_seed(1.76, 1.77, 1.75), by_seed(1.83, 1.84, 1.81), LOSS)
    assert (found.verdict, found.test) == ("worse", "paired t")


def test_of_many_comparisons_each_has_to_be_surer():
    a, b = by_seed(1.76, 1.77, 1.75), by_seed(1.82, 1.84, 1.80)
    alone = compare(a, b, LOSS)
    others = {n: (a, by_seed(1.76, 1.75, 1.77)) for n in range(9)}
    many = compare_all({"one": (a, b), **others}, LOSS)
    assert alone.verdict == "worse" and many["one"].p == pytest.approx(10 * alone.p)
    assert many["one"].verdict == "too few seeds" and {each.verdict for each in many.values()} == {"too few seeds"}


@pytest.mark.parametrize("scores", [[1.0] * 3, [0.7], [0.7] * 10])
def test_equal_scores_are_no_difference(scores):
    found = compare(by_seed(*scores), by_seed(*scores), ACCURACY)
    verdict = "too few seeds" if len(scores) == 1 else "no difference seen"
    assert (found.verdict, found.more, found.words) == (verdict, None, f"{verdict}: equal scores")
    assert compare(by_seed(*scores), by_seed(*scores, first=20), ACCURACY).words == f"{verdict}: equal scores"


def test_scores_in_another_order_of_the_seeds_are_not_equal():
    assert not compare(by_seed(*TEN), by_seed(*reversed(TEN)), ACCURACY).equal
    assert not compare(by_seed(0.5, 0.5), by_seed(0.6, 0.6, first=2), ACCURACY).equal


@pytest.mark.parametrize("others", [1, 10])
def test_one_seed_shows_no_spread_by_which_to_say_how_many_would_tell(others):
    for a, b in (([0.5], TEN[1 : 1 + others]), (TEN[1 : 1 + others], [0.5])):
        found = compare(by_seed(*a), by_seed(*b), ACCURACY)
        assert (found.verdict, found.more, found.words) == (
            "too few seeds", None, "too few seeds: one shows no spread",
        )  # fmt: skip


@pytest.mark.parametrize(("a", "b"), [({}, {0: 1.0}), ({0: math.nan}, {0: 1.0}), ({0: 1.0}, {0: math.inf})])
def test_scores_that_are_none_are_refused(a, b):
    with pytest.raises(ValueError, match="a comparison needs scores"):
        compare(a, b, ACCURACY)


def test_no_pairs_have_no_comparisons():
    assert compare_all({}, ACCURACY) == {}
