"""The A/A test: equal work is found equal, and a machine that favours one of the two is found out."""

from clock import Ticking
from counters import BUSY, Scripted
from tiny import CPU64

from bench.measure import aa
from bench.measure.aa import same_twice


def test_equal_work_has_the_ratio_one():
    same = same_twice(CPU64, Scripted(), clock=Ticking())
    assert (same.ratio, same.marks) == ((1.0, 1.0, 1.0), {})


def test_a_busy_machine_is_said():
    same = same_twice(CPU64, Scripted(BUSY), clock=Ticking())
    assert same.marks.keys() == {"contended"} and same.load["others"] > 1


def test_one_that_is_always_slower_is_found_out(monkeypatch):
    def slower(members, rounds, seed):
        ours, theirs = interleaved(members, rounds, seed)
        return [each._replace(seconds=1.05 * each.seconds) for each in ours], theirs

    interleaved = aa.interleaved
    monkeypatch.setattr(aa, "interleaved", slower)
    assert same_twice(CPU64, Scripted(), clock=Ticking()).ratio.low > 1.04
