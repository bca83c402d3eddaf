"""The time of a run is in one part at any moment: it adds up, and nothing is counted twice."""

import pytest
from clock import Clock, Timed
from hypothesis import given
from hypothesis import strategies as st
from tiny import a_setup

from bench.config.schema import BudgetConfig
from bench.train.fit import Fit
from bench.train.life import Life

PARTS = ("start", "data", "compile", "train", "validate", "score", "measure", "store")


@given(st.lists(st.tuples(st.sampled_from(PARTS), st.integers(0, 9)), max_size=8))
def test_parts_within_parts_add_up_to_the_time_that_went_by(nested):
    clock = Clock()
    life = Life(clock)

    def enter(rest):
        clock.now += 1
        for (part, seconds), *more in [rest] if rest else []:
            with life.within(part):
                clock.now += seconds
                enter(more)
            clock.now += 1

    enter(nested)
    assert sum(life.seconds.values()) == clock.now
    assert sum(life.seconds.values()) == clock.now, "looking at it changes nothing"


def test_a_part_within_another_is_counted_once_and_the_outer_one_goes_on():
    clock = Clock()
    life = Life(clock)
    clock.now = 1
    with life.within("train"):
        clock.now = 11
        with life.within("validate"):
            clock.now = 111
        clock.now = 112
    clock.now = 114
    assert {name: value for name, value in life.seconds.items() if value} == {"start": 3, "train": 11, "validate": 100}


def test_an_error_within_a_part_ends_it():
    clock = Clock()
    life = Life(clock)
    with pytest.raises(ValueError, match="lost"), life.within("score"):
        clock.now = 2
        raise ValueError("lost")
    clock.now = 5
    assert (life.seconds["score"], life.seconds["start"]) == (2, 3)


def test_training_validations_and_data_are_apart():
    """A step takes a second, a validation a hundred, a batch ten."""
    clock = Clock()

    class Slow(Timed):
        def batches(self, split, batch_size, generator):
            for batch in super().batches(split, batch_size, generator):
                clock.now += 10 if split == "train" else 0
                yield batch

    life = Life(clock)
    fit = Fit(a_setup(Slow(clock), budget=BudgetConfig(steps=4), evaluations=2), clock=clock, life=life)
    with life.within("train"):
        assert len([*fit]) == 2
    found = life.seconds
    assert (found["train"], found["validate"], found["data"]) == (4, 200, 40)
    assert sum(found.values()) == clock.now
