"""Signals to stop wait until a run can take them, and none is lost."""

import itertools
import os
import signal
import threading
import time

import pytest

from bench.train.interrupts import Interrupts

STOPS = [signal.SIGINT, signal.SIGTERM]
pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGTERM to send")


@pytest.fixture(autouse=True)
def as_the_command_does():
    before = [signal.signal(number, signal.default_int_handler) for number in STOPS]
    yield
    for number, handler in zip(STOPS, before, strict=True):
        signal.signal(number, handler)


def stop(number=signal.SIGINT):
    os.kill(os.getpid(), number)


def slowly():
    """A clock on which every signal comes long after the one before."""
    return itertools.count(100.0, 10.0).__next__


@pytest.mark.parametrize("number", STOPS)
def test_a_signal_is_held_back_and_raised_at_the_end_of_the_block(number):
    done = []
    with pytest.raises(KeyboardInterrupt), Interrupts() as interrupts:
        assert not interrupts.asked()
        stop(number)
        stop(number)
        assert interrupts.asked()
        done.append("to the end")
    assert done
    assert signal.getsignal(number) is signal.default_int_handler


def test_beyond_those_that_are_held_back_a_signal_acts_at_once():
    done = []
    with pytest.raises(KeyboardInterrupt), Interrupts(slowly()) as interrupts:
        with interrupts.after(1):
            stop()
            done.append("after the first")
            stop()
            done.append("after the second")
        done.append("after the block")
    assert done == ["after the first"]


def test_what_a_terminal_and_a_parent_process_send_at_once_is_one_request():
    done = []
    with pytest.raises(KeyboardInterrupt), Interrupts() as interrupts, interrupts.after(1):
        stop(signal.SIGINT)
        stop(signal.SIGTERM)
        done.append("the step")
    assert done


def test_one_that_came_before_work_that_can_be_cut_off_keeps_it_from_beginning():
    done = []
    with pytest.raises(KeyboardInterrupt), Interrupts() as interrupts:
        stop()
        with interrupts.after(0):
            done.append("work")
    assert not done


def test_after_such_work_signals_are_held_back_again():
    done = []
    with pytest.raises(KeyboardInterrupt), Interrupts() as interrupts:
        with interrupts.after(0):
            pass
        stop()
        done.append("published")
    assert done


def test_an_error_in_the_block_is_the_one_that_is_raised():
    with pytest.raises(ValueError), Interrupts():
        stop()
        raise ValueError


def test_a_user_s_own_handler_is_left_alone():
    taken = []
    signal.signal(signal.SIGTERM, lambda *_: taken.append("by the user"))
    with Interrupts() as interrupts:
        stop(signal.SIGTERM)
        assert not interrupts.asked()
    assert taken == ["by the user"]


def test_in_another_thread_signals_stay_the_main_thread_s():
    handlers = []

    def work():
        with Interrupts():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert handlers == [signal.default_int_handler]


def test_when_the_time_is_over_a_step_ends_first_and_nothing_is_raised():
    with Interrupts(limit=0.01) as interrupts, interrupts.after(1):
        began = time.monotonic()
        while not interrupts.asked():
            assert time.monotonic() < began + 30
    assert interrupts.timed_out


def test_work_that_can_be_cut_off_is_when_the_time_is_over():
    with pytest.raises(KeyboardInterrupt), Interrupts(limit=0.01) as interrupts, interrupts.after(0):
        time.sleep(30)
    assert interrupts.timed_out


def test_a_step_that_does_not_end_is_cut_off_after_a_grace():
    with pytest.raises(KeyboardInterrupt), Interrupts(slowly(), 0.01, 0.01) as interrupts, interrupts.after(1):
        time.sleep(30)
    assert interrupts.timed_out


@pytest.mark.parametrize("limit", [0.05, 1000])
def test_whoever_asks_to_stop_before_or_after_has_interrupted_the_run(limit):
    with pytest.raises(KeyboardInterrupt), Interrupts(limit=limit) as interrupts:
        time.sleep(0.2)
        stop()
        assert interrupts.asked()
    assert not interrupts.timed_out


def test_a_limit_that_is_not_reached_does_nothing():
    with Interrupts(limit=0.05, grace=0.05) as interrupts:
        pass
    time.sleep(0.2)
    assert not interrupts.asked() and not interrupts.timed_out


def test_in_another_thread_the_time_is_only_told():
    told = []

    def work():
        with Interrupts(limit=0.01) as interrupts, interrupts.after(0):
            while not interrupts.asked():
                time.sleep(0.01)
            told.append(interrupts.timed_out)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(timeout=30)
    assert told == [True]
