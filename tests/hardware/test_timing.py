"""Timing: warm work alone, waited for, calibrated, without garbage collection, sampled until it is steady."""

import gc
import itertools

import pytest
import torch
from clock import Ticking
from tiny import CPU64

from bench.hardware import timing
from bench.hardware.timing import Sample, Timed, interleaved, sample, shortest_sample, unsettled


def timed(work, machine=CPU64, clock=None, **options):
    """Warm work by a clock of which every look takes a second."""
    made = Timed(work, machine, clock or Ticking(), **options)
    made.warm_up()
    return made


def test_warm_up_is_done_and_left_out():
    calls = itertools.count(1)
    warm = timed(lambda: next(calls))
    assert (warm.first_s, warm.calibration_s, warm.warm_up_s, warm.calls) == (1.0, 2.0, 0.0, 1)
    found = sample(warm, 0.01)
    assert found == [Sample(number, 1.0) for number in range(4, 9)], "the calls 4 to 8, a second each"


def test_sampling_ends_by_time_but_not_before_the_least_nor_after_the_most():
    for seconds, samples in ((0.5, 5), (20.0, 20), (1000.0, 50)):
        assert len(sample(timed(lambda: 1), seconds)) == samples


class Watched:
    """A device that notes when it is waited for."""

    device = torch.device("cpu")

    def __init__(self, events):
        self.events = events

    def synchronize(self):
        self.events.append("wait")


def test_the_device_is_waited_for_on_both_sides_of_the_work():
    events = []
    Timed(lambda: events.append("work") or 1, Watched(events), Ticking()).sample()
    assert events == ["wait", "work", "wait"]


def test_the_clock_is_read_after_what_is_waited_for_and_nothing_else_is_in_between():
    events = []
    work = Timed(lambda: events.append("work") or 1, Watched(events), lambda: events.append("clock") or 0.0)
    work.sample()
    assert events == ["wait", "clock", "work", "wait", "clock"]


def test_python_looks_for_no_garbage_while_it_times_and_does_again_between():
    looks = []
    work = timed(lambda: looks.append(gc.isenabled()) or 1)
    assert (looks, gc.isenabled()) == ([False] * 3, True)
    with timing.without_collection():
        work.sample()
        assert not gc.isenabled(), "who had turned it off finds it so"


class Slow:
    """A clock that only the work moves on."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def takes(self, seconds):
        def work():
            self.now += seconds
            return 1

        return work


@pytest.mark.parametrize(("call", "shortest", "calls"), [(1.0, 1e-3, 1), (3e-4, 1e-3, 4), (1e-5, 5e-3, 500)])
def test_short_work_is_called_often_enough_for_the_clock(call, shortest, calls):
    clock = Slow()
    work = Timed(clock.takes(call), CPU64, clock)
    work.warm_up(shortest)
    assert work.calls == pytest.approx(calls, abs=1)
    found = work.sample()
    assert found.tokens == work.calls and found.seconds == pytest.approx(work.calls * call)


def test_a_sample_is_as_long_as_fills_a_quarter_of_a_second_but_no_shorter_than_a_millisecond():
    assert [shortest_sample(seconds) for seconds in (10.0, 1.0, 0.1, 0.001)] == [0.005, 0.005, 0.002, 0.001]


def course(*paces):
    """A sampling of work whose calls take these times, the last of them for ever."""
    clock, times = Slow(), itertools.chain(paces, itertools.repeat(paces[-1]))
    work = Timed(lambda: clock.takes(next(times))(), CPU64, clock)
    work.warm_up()
    return work, sample(work, 1e9)


def test_what_grows_faster_at_first_is_sampled_from_where_it_is_steady():
    work, found = course(*(2 - i / 40 for i in range(40)), *[1.0, 1.001] * 100)
    assert unsettled(found) is None and max(each.seconds for each in found) < 1.3
    assert work.warm_up_s > 25, "the samples that are left out count as warm-up"
    assert (work.first_s, work.calibration_s) == pytest.approx((2.0, 2 - 1 / 40 + 2 - 2 / 40)), "and no other call does"


def test_what_never_settles_is_said_with_its_change():
    _, found = course(*(2 - i / 200 for i in range(400)))
    assert len(found) == 50
    assert unsettled(found) == "time a token changed by -8% from the first half of the samples to the second"


def test_noise_is_steady_at_once():
    work, found = course(*[1.0, 1.2, 0.9, 1.1, 1.05] * 20)
    assert unsettled(found) is None and work.warm_up_s == 0


def test_members_take_turns_in_an_order_that_is_drawn():
    order = []
    members = [timed(lambda name=name: order.append(name) or 1) for name in "ab"]
    order.clear()
    samples = interleaved(members, 20)
    assert [len(each) for each in samples] == [20, 20]
    rounds = ["".join(order[at : at + 2]) for at in range(0, 40, 2)]
    assert set(rounds) == {"ab", "ba"} and len(rounds) == 20
    order.clear()
    interleaved(members, 20, seed=1)
    assert "".join(order) != "".join(rounds), "another seed draws another order"


class Event:
    """An event on the stream of a device whose work takes a millisecond a call."""

    queued = 0

    def __init__(self, enable_timing):
        assert enable_timing

    def record(self):
        self.at = Event.queued

    def synchronize(self):
        pass

    def elapsed_time(self, other):
        return other.at - self.at


class Cuda(Watched):
    device = torch.device("cuda")


def test_cuda_is_timed_by_its_own_events_and_a_step_that_is_waited_for_by_the_clock(monkeypatch):
    monkeypatch.setattr(torch.cuda, "Event", Event)

    def work():
        Event.queued += 1
        return 1

    by_events, by_clock = (timed(work, Cuda([]), waited=waited) for waited in (False, True))
    assert by_events.sample() == Sample(1, 1e-3) and by_clock.sample() == Sample(1, 1.0)
