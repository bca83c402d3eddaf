"""`bench gc` names what it would remove, asks, and leaves what is alive or can be gone on from."""

import os
import sys

import pytest
from cli_tools import bench, the_line
from elsewhere import DEAD, a_folder, a_lease
from factories import publish

from bench.results.identity import code_version
from bench.results.store import Store

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="locks and process ids are as Linux has them")


@pytest.fixture
def results(tmp_path):
    """A results folder with a plain folder, a snapshot with its lease, and a lease, all of a dead process."""
    runs = tmp_path / "runs"
    a_lease(runs, "a", DEAD)
    a_folder(runs, "a", DEAD)
    a_folder(runs, "b", DEAD, b"x" * 2048)
    a_lease(runs, "b", DEAD)
    return tmp_path


def left(results):
    return sorted(name.split(".")[1] for name in os.listdir(results / "runs"))


def test_it_names_all_with_sizes_and_removes_what_nobody_goes_on_from(capsys, results):
    said = bench(capsys, "gc", "--yes", f"results_dir={results}")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0] == "runs could go on from these, which stay (--snapshots removes them):"
    assert sum("snapshot" in line and "/.b." in line for line in lines) == 2
    assert "2.0 KiB" in said.out and "in all" in said.out
    assert lines[-1] == "removed 2"
    assert left(results) == ["b", "b"]
    assert bench(capsys, "gc", f"results_dir={results}").out.splitlines()[-1] == "there is nothing to remove"
    assert bench(capsys, "gc", "--snapshots", "--yes", f"results_dir={results}").code == 0
    assert left(results) == []


def test_without_a_terminal_or_a_yes_nothing_goes(capsys, results, monkeypatch):
    said = bench(capsys, "gc", f"results_dir={results}")
    assert said.code == 2
    assert the_line(said) == "gc: there is no terminal to ask at: add --yes to remove without a question"
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdin.readline", lambda: "n\n", raising=False)
    said = bench(capsys, "gc", f"results_dir={results}")
    assert (said.code, said.out.splitlines()[-1]) == (1, "remove these for good? [y/N] nothing is removed")
    assert left(results) == ["a", "a", "b", "b"]


def test_runs_of_other_code_are_named_on_request_and_stay(capsys, tmp_path):
    publish(Store(tmp_path), "old", harness="f" * 64)
    publish(Store(tmp_path), "new", harness=code_version())
    said = bench(capsys, "gc", "--old-code", f"results_dir={tmp_path}")
    assert said.code == 0
    assert said.out.splitlines()[0] == "1 run of other versions of bench's own code:"
    assert said.out.splitlines()[1].startswith("  old  done, 2")
    assert len(Store(tmp_path).names()) == 2
    assert "other versions" not in bench(capsys, "gc", f"results_dir={tmp_path}").out


def test_what_cannot_be_removed_is_said(capsys, results, monkeypatch):
    def refused(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("bench.results.left.remove_left", refused)
    said = bench(capsys, "gc", "--yes", f"results_dir={results}")
    assert said.code == 1
    assert "cannot remove" in said.err and "Permission denied" in said.err
