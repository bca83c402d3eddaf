"""The store: runs appear whole or not at all, whatever kills, races or fills the disk."""

import errno
import multiprocessing
import os
import re
import signal
import sys
from functools import partial

import pytest
from factories import a_record, publish

from bench.errors import StoreError
from bench.results import files
from bench.results import folder as run_folder
from bench.results import store as store_module
from bench.results.owner import Owner, lock
from bench.results.record import Record
from bench.results.store import Store

forking = multiprocessing.get_context("fork")
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


def broken_runs(store):
    """Published folders that are not complete."""
    found = []
    for folder in (f for f in store.runs.iterdir() if not f.name.startswith(".")):
        try:
            complete = Record.read(folder).id == folder.name and (folder / "curve.csv").read_text() == "whole\n"
        except (StoreError, OSError):
            complete = False
        found += [] if complete else [folder.name]
    return found


def publish_with_curve(store, base):
    with store.open(base, base) as folder:
        folder.path("curve.csv").write_text("whole\n")
        folder.publish(a_record())


def publish_in_place(store, base):
    """A mutant: the folder has its final name while it is filled."""
    folder = store.runs / base
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(a_record(id=base).to_json())
    (folder / "curve.csv").write_text("whole\n")


def killed_at(line, work):
    """Run `work` in a process that is killed before its `line`-th line of the store or this file; whether it was."""

    def trace(frame, event, _):
        nonlocal line
        if frame.f_code.co_filename not in (files.__file__, run_folder.__file__, store_module.__file__, __file__):
            return None
        line -= event == "line"
        if line < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    def child():
        sys.settrace(trace)
        work()
        os._exit(0)

    process = forking.Process(target=child)
    process.start()
    process.join()
    return process.exitcode == -signal.SIGKILL


@pytest.mark.parametrize(("publisher", "safe"), [(publish_with_curve, True), (publish_in_place, False)])
def test_a_kill_at_any_line_leaves_no_broken_run(publisher, safe, tmp_path):
    broken, line = [], 0
    while killed_at(line, partial(publisher, Store(tmp_path / str(line)), "run")):
        runs = Store(tmp_path / str(line))
        broken += broken_runs(runs) if runs.runs.exists() else []
        line += 1
    assert line >= 4 and (not broken) == safe


def test_what_a_killed_process_left_goes_with_the_next_run_of_that_name(tmp_path):
    store = Store(tmp_path)

    def die():
        with store.open("run", "run"):
            os.kill(os.getpid(), signal.SIGKILL)

    assert killed_at(1000, die)
    (left,) = hidden(store)
    with store.open("other", "other"), store.open("run.b", "run.b"):
        assert left in hidden(store)
        with store.open("run", "run"):
            assert left not in hidden(store) and len(hidden(store)) == 3


def hidden(store):
    return [name for name in os.listdir(store.runs) if name.startswith(".")]


def test_what_may_belong_to_a_live_process_stays(tmp_path):
    store, elsewhere = Store(tmp_path), Owner("elsewhere", 0, "", 999_999_999)
    with store.open("run", "run"), store.open("run", "run"):
        (store.runs / f".run.{elsewhere}.0123abcd.partial").mkdir()
        with store.open("run", "run"):
            assert len(hidden(store)) == 4


def test_what_a_process_of_our_id_left_long_ago_goes(tmp_path):
    """As when a container starts again: the same id, and not the same process."""
    store = Store(tmp_path)
    with store.open("run", "run") as ours:
        name = ours.path("").name
    (store.runs / name).mkdir()
    (store.runs / name / "checkpoint-3.pt").write_bytes(b"")
    with store.open("run", "run") as again:
        assert again.path("checkpoint-3.pt").exists()
        assert hidden(store) == [again.path("").name]


def test_a_left_folder_that_another_process_takes_meanwhile_is_no_error(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.check_writable()
    monkeypatch.setattr(store_module, "left_by_killed", lambda runs, base, ended: iter([runs / ".run.gone.partial"]))
    with store.open("run", "run") as folder:
        assert hidden(store) == [folder.path("").name]


def race(store, barrier):
    barrier.wait()
    for _ in range(5):
        publish_with_curve(store, "run")


def test_racing_processes_get_an_attempt_each(tmp_path):
    store, barrier = Store(tmp_path), forking.Barrier(4)
    processes = [forking.Process(target=race, args=(store, barrier)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert {f.name for f in store.runs.iterdir()} == {"run", *(f"run-{n}" for n in range(2, 21))}
    assert broken_runs(store) == []


def test_an_attempt_that_another_takes_at_the_last_moment_is_left_to_it(tmp_path, monkeypatch):
    store, rename = Store(tmp_path), os.rename

    def overtaken(source, target):
        monkeypatch.setattr(os, "rename", rename)
        publish(store, "run", reason="the other's")
        rename(source, target)

    monkeypatch.setattr(os, "rename", overtaken)
    folder = publish(store, "run", reason="ours")
    assert folder.name == Record.read(folder).id == "run-2"
    assert Record.read(store.runs / "run").reason == "the other's"


def test_leaving_without_publishing_removes_the_folder(tmp_path):
    store = Store(tmp_path)
    with pytest.raises(KeyboardInterrupt), store.open("run", "run") as folder:
        folder.path("curve.csv").write_text("half")
        raise KeyboardInterrupt
    assert os.listdir(store.runs) == []


def test_a_published_run_is_not_touched_again(tmp_path):
    with Store(tmp_path).open("run", "run") as folder:
        published = folder.publish(a_record())
        before = (published / "record.json").stat()
        with pytest.raises(RuntimeError, match="published already"):
            folder.publish(a_record(seed=2))
        folder.discard()
    assert (published / "record.json").stat() == before and folder.path("curve.csv").parent == published


def test_find_gives_the_latest_attempt_that_is_done(tmp_path):
    store = Store(tmp_path)
    assert store.find("run", "run") is None
    publish(store, "run", status="failed")
    assert store.find("run", "run") is None
    publish(store, "run", seed=2)
    publish(store, "run", seed=3)
    publish(store, "run", status="diverged")
    publish(store, "runner")
    found = store.find("run", "run")
    assert found and (found.id, found.seed) == ("run-3", 3)
    (store.runs / "run-3" / "record.json").write_text("{")
    assert store.find("run", "run").id == "run-2"


full = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("call", ["fsync", "replace", "rename"])
def test_a_full_disk_is_one_line_and_leaves_nothing(call, tmp_path, monkeypatch):
    def refuse(*_):
        raise full

    store = Store(tmp_path)
    with store.open("run", "run") as folder:
        monkeypatch.setattr(os, call, refuse)
        with pytest.raises(StoreError, match=r"^cannot write to .*runs: No space left on device; .* results_dir="):
            folder.publish(a_record())
    assert os.listdir(store.runs) == []
    if call == "fsync":
        with pytest.raises(StoreError, match="No space left"):
            store.check_writable()
    assert os.listdir(store.runs) == []


def test_a_file_where_the_results_folder_should_be_is_one_line(tmp_path):
    (tmp_path / "results").write_text("not a folder")
    store = Store(tmp_path / "results")
    for work in (store.check_writable, lambda: store.open("run", "run")):
        with pytest.raises(StoreError, match=f"^cannot write to {re.escape(str(store.runs))}: .*results_dir="):
            work()


def test_a_writable_folder_is_left_empty_by_the_check(tmp_path):
    Store(tmp_path).check_writable()
    assert os.listdir(tmp_path / "runs") == []


def test_a_run_is_resolved_by_id_unique_prefix_and_path(tmp_path):
    store = Store(tmp_path)
    for base in ("copy-gru", "copy-gru", "copy-lstm", "charlm"):
        publish(store, base)
    for text in ("charlm", "ch", str(store.runs / "charlm")):
        assert store.resolve(text) == store.runs / "charlm"
    assert store.resolve("copy-gru").name == "copy-gru"


def test_of_several_runs_that_begin_so_the_latest_by_its_record_is_taken_and_named(tmp_path):
    store, said = Store(tmp_path), []
    for name, hour in (("copy-gru", 3), ("copy-gru", 5), ("copy-lstm", 4), ("charlm", 9)):
        publish(store, name, finished=f"2026-01-01T0{hour}:00:00+00:00")
    assert store.resolve("copy", said.append).name == "copy-gru-2"
    assert store.resolve("copy-lstm", said.append).name == "copy-lstm"
    assert said == ["copy: the latest of 3 runs is copy-gru-2"]


def test_a_run_that_was_found_done_is_the_latest_until_another_ends(tmp_path):
    store = Store(tmp_path)
    for name, hour in (("copy-gru", 3), ("copy-lstm", 4)):
        publish(store, name, finished=f"2026-01-01T0{hour}:00:00+00:00")
    for name in ("copy-gru", "copy-lstm", "copy-gru"):
        store.ask(name)
        assert store.resolve("copy").name == name
    assert [row.id for row in store.rows()[0]] == ["copy-gru", "copy-lstm"]
    publish(store, "copy-new", finished="2099-01-01T00:00:00+00:00")
    assert store.resolve("copy").name == "copy-new"
    (store.runs / ".asked").write_bytes(b"\xff damaged")
    assert store.resolve("copy").name == "copy-new"


def test_a_run_that_is_removed_is_gone_and_later_attempts_are_still_found(tmp_path):
    store, base = Store(tmp_path), "copy-v1_gru_s0_1a2b3c4d5e6f7a8b"
    for _ in range(3):
        publish(store, base)
    store.remove(base)
    assert store.find(base, base).id == f"{base}-3"
    store.remove(f"{base}-2")
    assert publish(store, base).name == f"{base}-4"  # later by its number, too
    assert [row.id for row in store.rows()[0]] == [f"{base}-3", f"{base}-4"]
    assert not [entry for entry in os.listdir(store.runs) if entry.endswith(".removed")]


def test_a_folder_in_which_a_process_is_at_work_is_not_removed(tmp_path):
    store = Store(tmp_path)
    folder = publish(store, "copy-gru")
    handle = lock(folder)
    with pytest.raises(StoreError, match="copy-gru is in use: the process that made it has not ended"):
        store.remove("copy-gru")
    os.close(handle)
    store.remove("copy-gru")
    assert not folder.exists()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("copy-gro", "there is no run copy-gro in .*runs: the nearest are copy-gru"),
        ("%%", "there is no run %% in .*runs: it has 2 other runs"),
        ("..", "there is no run .. in"),
    ],
)
def test_an_unclear_run_is_answered_with_the_nearest_ids(text, line, tmp_path):
    publish(Store(tmp_path), "copy-gru")
    publish(Store(tmp_path), "copy-gru")
    with pytest.raises(StoreError, match=line):
        Store(tmp_path).resolve(text)


def test_an_empty_store_has_no_rows_and_no_run(tmp_path):
    assert Store(tmp_path).rows() == ([], [])
    with pytest.raises(StoreError, match="there is no run x"):
        Store(tmp_path).resolve("x")
