"""Whether a hidden folder's process has ended: a folder of a live one is never taken, one of a dead one always."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

from bench.results import folder as folder_module
from bench.results import owner as module
from bench.results.owner import Owner, lock
from bench.results.store import Store

HERE = Owner.this_process()
NOBODY = 999_999_999
forking = multiprocessing.get_context("fork") if hasattr(os, "fork") else None
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
    pytest.mark.skipif(sys.platform != "linux", reason="locks on folders and namespaces are as Linux has them"),
]


@pytest.fixture
def another_program():
    """The process id of a program that has nothing to do with any run."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process.pid
        process.kill()


@pytest.fixture
def held(tmp_path):
    """A folder whose lock is held."""
    handle = lock(tmp_path)
    yield tmp_path
    os.close(handle)


@pytest.fixture
def no_locks(monkeypatch):
    """A system, or a file system, without locks on folders."""
    monkeypatch.setattr(module, "fcntl", None)


def left_with_a_checkpoint(store, pid, started=HERE.started):
    """The folder of a run, as a process that had the id `pid` left it."""
    folder = store.runs / f".run.{HERE._replace(pid=pid, started=started)}.0123abcd.partial"
    folder.mkdir(parents=True)
    (folder / "checkpoint-3.pt").write_bytes(b"")
    (folder / ".checkpoint-4.pt.0123abcd.tmp").write_bytes(b"half")
    return folder


@pytest.mark.parametrize("started", [HERE.started, None], ids=["told by its start", "told by its lock"])
def test_a_folder_whose_process_id_is_another_program_s_by_now_is_taken_over(tmp_path, another_program, started):
    store = Store(tmp_path)
    left = left_with_a_checkpoint(store, another_program, started)
    with store.open("run", "run") as folder:
        assert folder.after_cut_off
        assert os.listdir(folder.path("")) == ["checkpoint-3.pt"], "a draft of a dead process is nobody's"
        assert not left.exists()


def test_a_folder_that_is_open_is_left_to_its_process(tmp_path):
    store = Store(tmp_path)
    with store.open("run", "run") as ours:
        ours.path("checkpoint-3.pt").write_bytes(b"")

        def ask():
            folder_module._OPEN.clear()  # a process that was started, not forked, knows nothing of ours
            with store.open("run", "run") as another:
                os._exit(len(os.listdir(another.path(""))))

        process = forking.Process(target=ask)
        process.start()
        process.join()
        assert process.exitcode == 0
        assert ours.path("checkpoint-3.pt").exists()


def test_a_name_is_read_as_it_was_written():
    odd = Owner("host-2-3", 4026531836, "", 12)
    for owner in (HERE, odd):
        assert Owner.of(*module.re.fullmatch(module.PATTERN, str(owner)).groups()) == owner


@pytest.mark.parametrize(
    "elsewhere",
    [
        HERE._replace(host="elsewhere", boot="another", pid=NOBODY),
        HERE._replace(namespace=1, boot="another", pid=NOBODY),
        HERE._replace(host="elsewhere", boot="", pid=NOBODY),
    ],
    ids=["host", "container", "host without a number of its boot"],
)
def test_of_another_machine_nothing_is_known(tmp_path, elsewhere):
    assert not elsewhere.has_ended(tmp_path)


@pytest.mark.parametrize(
    "container", [HERE._replace(host="b0c1"), HERE._replace(namespace=1)], ids=["other name", "other processes"]
)
def test_in_another_container_of_this_machine_the_lock_tells(held, container):
    assert not container.has_ended(held)
    assert container.has_ended(held.parent)


def test_after_a_restart_of_the_machine_a_process_has_ended_though_its_id_is_taken(
    tmp_path, another_program, monkeypatch
):
    before = HERE._replace(boot="another", pid=another_program)
    assert before.has_ended(tmp_path)
    monkeypatch.setattr(module, "fcntl", None)
    assert before.has_ended(tmp_path)


def test_without_locks_process_ids_tell(tmp_path, no_locks, another_program):
    assert lock(tmp_path) is None
    began = module.started_at(another_program)
    assert not HERE._replace(pid=another_program, started=began).has_ended(tmp_path)
    assert not HERE._replace(pid=another_program, started=None).has_ended(tmp_path), "as an older version names it"
    assert HERE._replace(pid=another_program, started=began - 1).has_ended(tmp_path), "the id was given again"
    assert HERE._replace(pid=NOBODY).has_ended(tmp_path)
    assert not HERE._replace(namespace=1, pid=NOBODY).has_ended(tmp_path)
    with Store(tmp_path).open("run", "run") as folder:
        assert folder.path("").exists()


def test_children_that_outlive_their_process_do_not_keep_its_folder(tmp_path):
    """A child of `os.fork` holds the lock, too; the process id tells that nobody runs the run."""
    store, (end, begin) = Store(tmp_path), os.pipe()

    def die():
        with store.open("run", "run") as folder:
            folder.path("checkpoint-3.pt").write_bytes(b"")
            child = os.fork()
            if child == 0:
                time.sleep(60)
                os._exit(0)
            os.write(begin, b"%d" % child)
            os.kill(os.getpid(), signal.SIGKILL)

    process = forking.Process(target=die)
    process.start()
    process.join()
    child = int(os.read(end, 20))
    try:
        (left,) = store.runs.glob(".run.*")
        with pytest.raises(BlockingIOError):
            lock(left)
        with store.open("run", "run") as folder:
            assert folder.path("checkpoint-3.pt").exists()
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_folder_that_another_process_clears_away_before_it_is_locked_is_made_again(tmp_path, monkeypatch):
    real, refused = lock, []

    def first_refused(folder):
        if not refused:
            refused.append(folder)
            raise BlockingIOError
        return real(folder)

    monkeypatch.setattr("bench.results.folder.lock", first_refused)
    with Store(tmp_path).open("run", "run") as folder:
        assert folder.path("").exists()
        assert folder.path("") != refused[0]
    with Store(tmp_path).open("run", "run"):
        assert not refused[0].exists(), "the first folder is nobody's, and goes with the next run"


def test_a_folder_that_another_process_clears_away_while_it_is_locked_is_made_again(tmp_path, monkeypatch):
    """The folder is open by then, so that its lock can still be had: of a folder that is nowhere."""
    store, real, cleared = Store(tmp_path), module.fcntl.flock, []

    def cleared_first(handle, how):
        if not cleared:
            cleared.extend(store.runs.glob(".run.*"))
            cleared[0].rmdir()
        real(handle, how)

    monkeypatch.setattr(module.fcntl, "flock", cleared_first)
    with store.open("run", "run") as folder:
        assert folder.path("").exists()
        assert folder.path("") != cleared[0]


def test_what_a_removal_that_was_cut_off_left_goes_with_the_next_run(tmp_path):
    store = Store(tmp_path)
    doomed = store.runs / f".run.{HERE}.0123abcd.partial.removed"
    doomed.mkdir(parents=True)
    (doomed / "checkpoint-3.pt").write_bytes(b"")
    with store.open("run", "run"):
        assert not doomed.exists()
