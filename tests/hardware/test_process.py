"""The memory of the process: the most since a moment, whatever it was before; and what a system does not tell."""

import mmap
from types import SimpleNamespace

import pytest

from bench.hardware import process
from bench.hardware.process import HighWater


def hold(mib):
    """Have so much memory for a moment."""
    with mmap.mmap(-1, mib * 2**20) as pages:  # new ones: what an allocator keeps for later would be no growth
        for place in range(0, len(pages), mmap.PAGESIZE):
            pages[place] = 1


@pytest.mark.skipif(HighWater().mib is None and not process._SELF.is_dir(), reason="Linux")
def test_the_most_since_a_moment_is_above_what_there_was_and_forgets_what_was_before():
    first = HighWater()
    hold(64)
    assert first.mib == pytest.approx(64, abs=8)
    second = HighWater()
    hold(16)
    assert second.mib == pytest.approx(16, abs=8)


class System:
    """A system whose process has `now`, and the `most` since a reset that it may refuse, in KiB."""

    def __init__(self, monkeypatch, tmp_path, resets=True):
        self.folder, self.resets = tmp_path, resets
        monkeypatch.setattr(process, "_SELF", tmp_path)
        if not resets:
            (tmp_path / "clear_refs").mkdir()

    def is_at(self, now, most):
        (self.folder / "status").write_text(f"Name:\tpython\nVmHWM:\t{most} kB\nVmRSS:\t{now} kB\n")


def test_where_the_mark_is_not_reset_an_earlier_time_may_hide_the_run(monkeypatch, tmp_path):
    system = System(monkeypatch, tmp_path, resets=False)
    system.is_at(now=1024, most=5120)
    since = HighWater()
    assert since.mib is None, "the process may have had anything up to 5 MiB"
    system.is_at(now=2048, most=9216)
    assert since.mib == 8.0


def test_the_mark_is_reset_as_linux_documents_it(monkeypatch, tmp_path):
    System(monkeypatch, tmp_path).is_at(now=1024, most=1024)
    HighWater()
    assert (tmp_path / "clear_refs").read_text() == "5"


@pytest.mark.parametrize(("platform", "unit"), [("darwin", 1), ("freebsd14", 1024)])
def test_elsewhere_posix_counts_in_its_own_unit(monkeypatch, tmp_path, platform, unit):
    import resource

    marks = iter([2**20, 2**20, 4 * 2**20])
    monkeypatch.setattr(process, "_SELF", tmp_path / "nowhere")
    monkeypatch.setattr(process.sys, "platform", platform)
    monkeypatch.setattr(resource, "getrusage", lambda who: SimpleNamespace(ru_maxrss=next(marks)))
    since = HighWater()
    assert (since.mib, since.mib) == (None, 3.0 * unit)
