"""A results folder that vanishes between two members of a sweep, as a disk of the network may, and returns or not."""

import pytest
from cli_tools import COPY, bench, records, the_line

from bench import library
from bench.config.launch import SweepFolder
from bench.errors import StoreError
from bench.job import execute as runner

SWEEP = ("-m", *COPY, "seed=0,1,2")


@pytest.fixture
def disk(monkeypatch, tmp_path):
    """A disk whose results folder vanishes after the first member; with `returns()` it is back at the next look."""
    disk = Disk(tmp_path / "results", tmp_path / "away")
    monkeypatch.setattr(SweepFolder, "on_job_end", lambda *_, **__: disk.vanish())
    monkeypatch.setattr(runner, "measure_speed", lambda *_: None)
    monkeypatch.setattr("bench.config.away.monotonic", iter(range(0, 10_000, 50)).__next__)
    monkeypatch.setattr("bench.config.away.sleep", lambda _: disk.returns and disk.back())
    return disk


class Disk:
    def __init__(self, results, elsewhere):
        self.results, self.elsewhere, self.returns, self.times = results, elsewhere, True, 1

    def vanish(self):
        if self.times:
            self.times -= 1
            self.results.rename(self.elsewhere)

    def back(self):
        self.elsewhere.rename(self.results)


def done(results):
    return [record["seed"] for record in records(results) if record["status"] == "done"]


def test_the_sweep_waits_for_it_and_goes_on(capsys, disk):
    said = bench(capsys, *SWEEP, f"results_dir={disk.results}")
    assert (said.code, "3 of 3 runs done" in said.out) == (0, True), said
    (sweep,) = disk.results.glob("sweeps/*")
    assert the_line(said) == f"{sweep} is away: waiting for it, 120 s at most"
    assert done(disk.results) == [0, 1, 2]


def test_where_it_does_not_return_the_sweep_ends_in_a_line_and_the_same_command_goes_on(capsys, disk):
    disk.returns = False
    said = bench(capsys, *SWEEP, f"results_dir={disk.results}")
    assert said.code == 1
    assert said.err.splitlines()[-1].endswith("is away and has not returned: once it has, the same command goes on")
    assert len(said.err.splitlines()) == 2
    assert not disk.results.exists(), "what is made in its place nobody would find again"
    disk.back()
    assert done(disk.results) == [0]
    said = bench(capsys, *SWEEP, f"results_dir={disk.results}")
    assert (said.code, "3 of 3 runs done" in said.out) == (0, True)
    assert done(disk.results) == [0, 1, 2]


def test_so_it_is_where_it_vanishes_before_the_tables(capsys, disk):
    words = ("-m", *COPY, "seed=0", f"results_dir={disk.results}")
    said = bench(capsys, *words)
    assert (said.code, "1 of 1 runs done" in said.out) == (0, True), said
    disk.returns, disk.times = False, 1
    said = bench(capsys, *words)
    assert (said.code, len(said.err.splitlines())) == (1, 2), said
    assert said.err.splitlines()[-1].endswith("the same command goes on")


def test_the_library_waits_too(disk, monkeypatch, caplog):
    execute = library.execute

    def vanishing(*given):
        record = execute(*given)
        disk.vanish()
        return record

    monkeypatch.setattr(library, "execute", vanishing)
    words = (*COPY, f"results_dir={disk.results}")
    assert [*library.sweep(*words, seed=[0, 1]).status] == ["done", "done"]
    assert f"{disk.results / 'runs'} is away: waiting for it, 120 s at most" in caplog.text
    disk.returns, disk.times = False, 1
    with pytest.raises(StoreError, match="is away and has not returned"):
        library.sweep(*words, seed=[0, 2])
