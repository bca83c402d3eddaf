"""A figure: its samples in its unit, what the machine did meanwhile, and the marks of doubt that follow from it."""

import itertools

import pytest
from clock import Ticking
from counters import BUSY, IDLE, QUIET, Scripted
from tiny import CPU64

from bench.hardware.contention import Patience
from bench.measure.figure import Method, microseconds, per_second


def method(*stretches, patience=0.0, clock=None, seconds=0.01):
    machine = Scripted(*stretches)
    return Method(CPU64, seconds, clock or Ticking(), machine, Patience(patience, machine, lambda _: None))


def test_a_figure_has_its_samples_in_its_unit_and_all_that_is_in_none_apart():
    found = method().figure(lambda: 8, per_second)
    assert found["samples"] == [8.0] * 5 and found["median"] == found["low"] == found["high"] == 8.0
    apart = {name: found[name] for name in ("calls", "first_s", "calibration_s", "warm_up_s", "tries")}
    assert apart == {"calls": 1, "first_s": 1.0, "calibration_s": 2.0, "warm_up_s": 0.0, "tries": 1}
    assert found["marks"] == {} and found["load"]["others"] == 0
    assert method().figure(lambda: 8, microseconds)["median"] == 125_000


def test_a_busy_machine_marks_the_figure_with_what_says_so():
    found = method(BUSY).figure(lambda: 1, per_second)
    assert found["marks"] == {"contended": "had a processor for 50% of the time; others had 1.5 of 2 cores"}
    assert found["load"]["waited_s"] == 0.5


@pytest.mark.parametrize(
    ("stretches", "patience", "tries", "marked"),
    [
        ((BUSY, QUIET), 0.0, 1, True),  # no patience
        ((BUSY, IDLE, QUIET), 5.0, 2, False),
        ((BUSY, BUSY, IDLE, BUSY), 1e3, 2, True),  # busy ever after: patience ends
        ((BUSY,), 5.0, 1, True),
        ((QUIET,), 5.0, 1, False),
    ],
)
def test_what_was_contended_is_measured_again_after_a_quiet_moment(stretches, patience, tries, marked):
    found = method(*stretches, patience=patience).figure(lambda: 1, per_second)
    assert (found["tries"], "contended" in found["marks"]) == (tries, marked)


class Slowing:
    """A clock by which each call takes longer than the one before."""

    def __init__(self):
        self.now, self.took = 0.0, itertools.count(100)

    def __call__(self):
        return self.now

    def work(self):
        self.now += next(self.took)
        return 1


def test_what_never_settles_is_marked():
    clock = Slowing()
    found = method(clock=clock, seconds=1e9).figure(clock.work, microseconds)
    assert found["marks"].keys() == {"unsettled"} and "+13%" in found["marks"]["unsettled"]
