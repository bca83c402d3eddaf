"""What killed processes left is told from what is alive, and from what a run can go on from."""

import os
import sys

import pytest
from elsewhere import DEAD, ELSEWHERE, HERE, a_folder, a_lease, killed_child
from factories import publish

from bench.errors import StoreError
from bench.results.lease import Watch, acquire
from bench.results.left import LONG, left_in
from bench.results.store import Store

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="locks and process ids are as Linux has them")


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "runs"
    folder.mkdir()
    return folder


def kinds(results):
    return [(each.kind, each.path.name) for each in left_in(results)]


def make_old(path):
    for each in (path, *(path.iterdir() if path.is_dir() else ())):
        os.utime(each, (each.stat().st_mtime - LONG - 60,) * 2)


def test_nothing_of_a_live_process_is_left(tmp_path, runs):
    store = Store(tmp_path)
    with acquire(runs, "run", Watch()), store.open("run", "run") as folder:
        folder.path("checkpoint-3.pt").write_bytes(b"")
        for path in (folder.path(""), *runs.glob("*.lease")):
            make_old(path)
        a_folder(runs, "run", DEAD)
        assert kinds(tmp_path) == [], "and what is beside it is its own to take over"
    (beside,) = left_in(tmp_path)
    assert beside.remove()
    a_lease(runs, "other", ELSEWHERE)
    a_folder(runs, "other", ELSEWHERE)
    (runs / ".record.json.0123abcd.tmp").write_bytes(b"")
    assert kinds(tmp_path) == [], "who knows whether that machine is still at work"


def test_what_dead_processes_left_is_named_by_its_kind_and_size(tmp_path, runs):
    plain, snapshot = a_folder(runs, "a", DEAD), a_folder(runs, "b", killed_child(), b"x" * 1000)
    doomed = runs / ".c.0123abcd.removed"
    doomed.mkdir()
    leases = [a_lease(runs, base, DEAD) for base in ("a", "b")]
    draft = runs / ".record.json.0123abcd.tmp"
    draft.write_bytes(b"half")
    make_old(draft)
    assert kinds(tmp_path) == [
        ("draft", draft.name),
        ("folder", plain.name),
        ("folder", doomed.name),
        ("lease", leases[0].name),
        ("snapshot", leases[1].name),
        ("snapshot", snapshot.name),
    ]
    assert next(each.size for each in left_in(tmp_path) if each.path == snapshot) == 1000 + len("a line\n")
    assert [each.remove() for each in left_in(tmp_path)] == [True] * 6
    assert os.listdir(runs) == []


def test_what_another_machine_has_not_changed_for_an_hour_is_nobody_s(tmp_path, runs):
    make_old(a_folder(runs, "a", ELSEWHERE))
    assert [kind for kind, _ in kinds(tmp_path)] == ["folder"]
    theirs = a_lease(runs, "a", ELSEWHERE)
    assert kinds(tmp_path) == [], "it has changed its lease"
    make_old(theirs)
    assert [kind for kind, _ in kinds(tmp_path)] == ["folder", "lease"]


def test_checkpoints_of_runs_that_are_done_by_now_are_nobody_s(tmp_path, runs):
    for base, status in (("a", "done"), ("b", "interrupted"), ("c", "failed")):
        publish(Store(tmp_path), base, status="interrupted")
        (runs / base / "checkpoint-3.pt").write_bytes(b"xx")
        publish(Store(tmp_path), base, status=status)
    a_folder(runs, "a", DEAD, b"xx")
    assert [(kind, name.partition(".")[0] or name[:2]) for kind, name in kinds(tmp_path)] == [
        *(("checkpoints", name) for name in ("a", "a-2", "b", "c")),
        ("folder", ".a"),
        *(("snapshot", name) for name in ("b-2", "c-2")),
    ]
    assert [each.remove() for each in left_in(tmp_path)] == [True] * 7
    assert len(Store(tmp_path).names()) == 6, "records stay"
    assert kinds(tmp_path) == []


def test_what_is_another_process_s_by_now_stays(tmp_path, runs):
    """While somebody read the list, a process has taken the run up."""
    a_folder(runs, "run", DEAD, b"")
    a_lease(runs, "run", DEAD)
    found = left_in(tmp_path)
    with acquire(runs, "run", Watch()) as lease, Store(tmp_path).open("run", "run") as folder:
        for each in found:
            if each.path.name.startswith(".run.1."):
                each.path.unlink()
                lease.path.rename(each.path)
        assert [each.remove() for each in found] == [False, False]
        assert folder.path("checkpoint-3.pt").exists()


def test_a_folder_that_is_none_is_one_line(tmp_path):
    with pytest.raises(StoreError, match="cannot read .*: No such file or directory; name another folder"):
        left_in(tmp_path / "nowhere")


def test_the_process_that_asks_is_no_dead_one(runs, tmp_path):
    a_folder(runs, "run", HERE._replace(boot="another", machine="another"))
    assert kinds(tmp_path) == []
