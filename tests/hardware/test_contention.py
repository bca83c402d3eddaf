"""Contention: a figure is marked where other work had the machine, and not where this process itself did the work."""

import pytest
from counters import BUSY, IDLE, QUIET, Scripted

from bench.hardware.contention import Patience, contention
from bench.hardware.load import between


def reasons(rises, spread=0.0, threads=1, queues=False):
    machine = Scripted(rises)
    load = between(machine.read(), machine.read(), machine.cores)
    return list(contention(load, spread, threads, queues, machine.own_cores))


@pytest.mark.parametrize(
    "quiet",
    [
        {},
        {"own": 0.97, "busy": 1.05, "waited": 0.03, "stolen": 0.02},
        {"own": 2.0, "busy": 2.0},
        {"waited": None, "throttled": None, "busy": None, "stolen": None},
    ],
    ids=["alone", "a little noise", "two threads of its own", "a system that tells nothing"],
)
def test_a_quiet_machine_is_no_contention(quiet):
    assert reasons(quiet, spread=0.2, threads=2) == []


@pytest.mark.parametrize(
    ("busy", "why"),
    [
        ({"own": 0.5}, "had a processor for 50% of the time"),
        ({"waited": 0.2}, "waited for a processor 20% of the time"),
        ({"own": 0.6, "throttled": 0.4}, "held back 40% of the time by its container's limit of processor time"),
        ({"busy": 1.9}, "others had 0.9 of 2 cores"),
        ({"stolen": 0.3}, "the host of this virtual machine had 0.30 of 2 cores"),
    ],
)
def test_each_kind_of_contention_is_said(busy, why):
    assert reasons(busy) == [why]


def test_like_samples_that_spread_say_so_where_no_counter_does():
    assert reasons(QUIET, spread=0.4) == ["like samples spread over 40% of their median"]


def test_a_busy_loop_on_every_core_is_said_by_two_counters():
    assert reasons(BUSY) == ["had a processor for 50% of the time", "others had 1.5 of 2 cores"]


def test_waiting_for_a_device_is_no_contention_and_waiting_for_a_processor_is():
    assert reasons({"own": 0.1, "busy": 0.1}, queues=True) == []
    assert reasons({"own": 0.1, "busy": 0.1, "waited": 0.1}, queues=True) == ["waited for a processor 10% of the time"]


def test_threads_beyond_the_cores_wait_for_each_other():
    assert reasons({"own": 2.0, "busy": 2.0, "waited": 2.0}, threads=4) == []


def test_patience_waits_for_a_quiet_moment_and_no_longer_than_it_has():
    slept = []
    assert Patience(10.0, Scripted(BUSY, BUSY, IDLE), slept.append).wait()
    assert slept == [0.5] * 3
    machine = Scripted(BUSY)
    assert not Patience(4.0, machine, slept.append).wait() and machine.readings == 2 * 4
    assert not Patience(0.0, machine).wait() and machine.readings == 2 * 4
