"""When a run reached its target is read off its validations: the first that is at the target, never a later one."""

from hypothesis import given
from hypothesis import strategies as st

from bench.results.to_target import flop_per_token, to_target
from bench.stats.scale import Scale

ACCURACY = Scale(direction="max", unit="share", chance=0.0, solved=1.0)


def curve(*scores):
    """A validation every ten steps, of a hundred tokens each, at a step a second."""
    return [
        {"step": 10 * n, "tokens": 1000 * n, "seconds": 10.0 * n, "valid_accuracy": score}
        for n, score in enumerate(scores, 1)
    ]


def test_the_first_validation_at_the_target_counts_also_where_later_ones_fall_back():
    found = to_target(curve(0.2, 0.95, 0.5, 0.99), "accuracy", ACCURACY, 3.0)
    assert found == {"reached": True, "steps": 20, "tokens": 2000, "seconds": 20.0, "flops": 6000.0}


def test_lower_is_better_where_the_metric_says_so():
    loss = Scale(direction="min", target=0.3)
    assert to_target(curve(0.5, 0.29), "accuracy", loss, None)["steps"] == 20


@given(st.lists(st.floats(0, 1), max_size=8))
def test_a_run_that_never_does_says_so_and_one_without_a_validation_says_nothing(scores):
    found = to_target(curve(*scores), "accuracy", ACCURACY, None)
    assert (found is None) == (not scores)
    if scores:
        assert found["reached"] == (max(scores) >= 0.95) == (found["steps"] is not None)


def test_without_a_target_there_is_nothing_to_reach():
    assert to_target(curve(0.9), "accuracy", Scale(direction="max"), None) is None


def test_operations_are_those_of_both_ways_and_unknown_where_the_work_is():
    flops = {way: {"products": 5, "elementwise": 2} for way in ("forward", "backward")}
    assert flop_per_token(flops, {"train_flop_per_s": 1e9}) == 14
    assert flop_per_token(flops, {"train_flop_per_s": None}) is None
    assert flop_per_token(None, {"train_flop_per_s": 1e9}) is flop_per_token(flops, None) is None
