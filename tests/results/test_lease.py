"""The lease of a run: one process has it at a time, and it is taken over when that one is gone, not before."""

import errno
import multiprocessing
import os
import signal
import sys

import pytest
from elsewhere import DEAD, ELSEWHERE, HERE, a_lease, beat

from bench.errors import StoreError
from bench.results import lease as module
from bench.results import owner
from bench.results.lease import SILENT, Holder, Lease, Watch, acquire, leases
from bench.results.reads import FilesRead

forking = multiprocessing.get_context("fork") if hasattr(os, "fork") else None
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
    pytest.mark.skipif(sys.platform != "linux", reason="locks and process ids are as Linux has them"),
]


class Clock:
    """A clock of the watcher's that a test moves."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def watch(clock):
    return Watch(clock)


def in_child(work):
    process = forking.Process(target=work)
    process.start()
    process.join()
    return process.exitcode


def test_one_process_has_it_and_another_is_told_which(tmp_path, watch):
    with acquire(tmp_path, "run", watch) as ours:
        assert (ours.holder.number, ours.holder.before, ours.lost) == (1, [], False)
        for found in (acquire(tmp_path, "run", watch), acquire(tmp_path, "run", Watch())):
            assert isinstance(found, Holder) and found.owner == HERE

        def ask():
            module._HELD.clear()  # a process that was started, not forked, knows nothing of ours
            os._exit(isinstance(acquire(tmp_path, "run", Watch()), Lease))

        assert in_child(ask) == 0
        with acquire(tmp_path, "run.b", watch):
            pass
    assert os.listdir(tmp_path) == []


def test_that_of_a_process_that_was_killed_is_taken_over_at_once_and_says_so(tmp_path, watch):
    def die():
        with acquire(tmp_path, "run", Watch()):
            os.kill(os.getpid(), signal.SIGKILL)

    for deaths in (1, 2):
        assert in_child(die) == -signal.SIGKILL
        assert [*leases(tmp_path, "run")] == [*range(1, deaths + 1)]
    with acquire(tmp_path, "run", watch) as ours:
        assert [each.partition(": ")[0] for each in ours.holder.before] == ["killed", "killed"]
        assert all(f"on {HERE.host}" in each for each in ours.holder.before)
        assert len(ours.holder.displaced) == 2
    assert os.listdir(tmp_path) == []


WINS = 4


def race(place, wins, barrier):
    """Take the lease some times, and meet nobody under it; some die while they have it for the last time but one."""
    barrier.wait()
    won = 0
    while won < WINS:
        found = acquire(place, "run", Watch())
        if isinstance(found, Lease):
            with found:
                os.close(os.open(place / "alone", os.O_CREAT | os.O_EXCL))
                os.unlink(place / "alone")
                won += 1
                with wins.get_lock():
                    wins.value += 1
                if won == WINS - 1 and found.holder.number % 2:
                    os.kill(os.getpid(), signal.SIGKILL)


def test_of_processes_that_race_for_it_one_has_it_though_some_are_killed(tmp_path):
    wins, barrier = forking.Value("i", 0), forking.Barrier(6)
    processes = [forking.Process(target=race, args=(tmp_path, wins, barrier)) for _ in range(6)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    killed = sum(process.exitcode == -signal.SIGKILL for process in processes)
    assert {process.exitcode for process in processes} <= {0, -signal.SIGKILL}
    assert wins.value == 6 * WINS - killed
    assert not [each for each in os.listdir(tmp_path) if not each.endswith(".lease")]


def test_of_two_that_take_a_dead_one_over_at_the_same_time_one_wins(tmp_path, watch, monkeypatch):
    a_lease(tmp_path, "run", DEAD)
    real, others = module._linked, []

    def overtaken(draft, path):
        if not others:
            others.append(None)
            others[0] = acquire(tmp_path, "run", Watch())
            others[0].__enter__()
        return real(draft, path)

    monkeypatch.setattr(module, "_linked", overtaken)
    found = acquire(tmp_path, "run", watch)
    assert isinstance(found, Holder)
    assert found.nonce == others[0].holder.nonce
    others[0].__exit__(None, None, None)
    assert os.listdir(tmp_path) == []


def test_one_that_was_given_back_and_had_again_meanwhile_is_left_to_its_process(tmp_path, watch, monkeypatch):
    """Between the look at a dead lease and the next number, others may have come and gone: the first number is then
    another process's."""
    a_lease(tmp_path, "run", DEAD)
    real, others = module._linked, []

    def meanwhile(draft, path):
        if not others:
            others.append(None)
            with acquire(tmp_path, "run", Watch()):
                pass
            assert os.listdir(tmp_path) == [draft.name]
            others[0] = acquire(tmp_path, "run", Watch())
            others[0].__enter__()
        return real(draft, path)

    monkeypatch.setattr(module, "_linked", meanwhile)
    found = acquire(tmp_path, "run", watch)
    assert isinstance(found, Holder)
    assert found.nonce == others[0].holder.nonce
    assert [*leases(tmp_path, "run")] == [1]
    assert not others[0].lost
    others[0].__exit__(None, None, None)


def test_that_of_another_machine_is_taken_when_it_has_not_changed_for_long(tmp_path, watch, clock):
    theirs = a_lease(tmp_path, "run", ELSEWHERE)
    for _ in range(3):
        assert isinstance(acquire(tmp_path, "run", watch), Holder)
        clock.now += SILENT - 1
        assert isinstance(acquire(tmp_path, "run", watch), Holder)
        beat(theirs)
    assert isinstance(acquire(tmp_path, "run", watch), Holder), "the silence begins with the change"
    clock.now += SILENT
    with acquire(tmp_path, "run", watch) as ours:
        assert ours.holder.before == ["lost: process 12 on elsewhere"]
        assert ours.holder.displaced == [str(ELSEWHERE)]


@pytest.mark.parametrize("apart", [-3600, 3600])
def test_clocks_that_are_an_hour_apart_change_nothing(tmp_path, watch, clock, apart, monkeypatch):
    theirs = a_lease(tmp_path, "run", ELSEWHERE)
    written = theirs.stat().st_mtime + apart
    os.utime(theirs, (written, written))
    assert isinstance(acquire(tmp_path, "run", watch), Holder)
    clock.now += SILENT - 1
    monkeypatch.setattr(module.time, "time", lambda: written + 7200)
    assert isinstance(acquire(tmp_path, "run", watch), Holder)
    clock.now += 1
    with acquire(tmp_path, "run", watch) as ours:
        assert ours.holder.number == 2


def test_a_machine_of_the_same_name_is_another_machine(tmp_path, watch):
    """As of containers and of machines made from one image: it may be alive, whatever runs here."""
    a_lease(tmp_path, "run", HERE._replace(boot="another", machine="", pid=DEAD.pid))
    assert isinstance(acquire(tmp_path, "run", watch), Holder)
    a_lease(tmp_path, "other", HERE._replace(boot="another", machine="another", pid=DEAD.pid))
    assert isinstance(acquire(tmp_path, "other", watch), Holder)


def test_a_process_id_that_was_given_again_is_another_process(tmp_path, watch, monkeypatch):
    monkeypatch.setattr(owner, "fcntl", None)
    parent = os.getppid()
    alive = HERE._replace(pid=parent, started=owner.started_at(parent))
    a_lease(tmp_path, "run", alive)
    assert isinstance(acquire(tmp_path, "run", watch), Holder)
    a_lease(tmp_path, "run", alive._replace(started=alive.started - 1))
    with acquire(tmp_path, "run", watch) as ours:
        assert ours.holder.number == 2


def test_who_lost_it_is_told_and_leaves_what_is_another_s(tmp_path, watch, monkeypatch):
    monkeypatch.setattr(module, "BEAT", 0.01)
    told = []
    with acquire(tmp_path, "run", watch) as ours:
        assert not ours.lost
        ours.on_loss = lambda: told.append(1)
        path = a_lease(tmp_path, "run", ELSEWHERE, number=2)
        path.write_bytes(path.read_bytes().replace(b'"follows": null', f'"follows": "{ours.holder.nonce}"'.encode()))
        while not told:
            ours._thread.join(0.01)
        assert ours.lost
    assert [*leases(tmp_path, "run")] == [1, 2], "both are the other's to clear away"
    assert told == [1]


def test_it_changes_while_its_process_lives(tmp_path, watch, monkeypatch):
    monkeypatch.setattr(module, "BEAT", 0.01)
    with acquire(tmp_path, "run", watch) as ours:
        before = ours.path.read_bytes()
        for _ in range(1000):
            if ours.path.read_bytes() != before:
                break
            ours._thread.join(0.01)
        assert ours.path.read_bytes() != before
        assert module.read(ours.path) == ours.holder


def test_what_its_thread_opens_is_no_file_that_a_run_reads(tmp_path, watch, monkeypatch):
    """A sweep's lease is looked after while its members are built, and what these read decides which run it is."""
    monkeypatch.setattr(module, "BEAT", 0.001)
    data = tmp_path / "data"
    data.write_text("1")
    with acquire(tmp_path, "sweep", watch) as ours, FilesRead() as seen:
        while ours._beats < 9:
            ours._thread.join(0.01)
        data.read_text()
        assert seen.paths() == [data]


def test_a_folder_that_is_away_for_a_while_loses_nothing(tmp_path, watch):
    runs, away = tmp_path / "runs", tmp_path / "away"
    with acquire(runs, "run", watch) as ours:
        runs.rename(away)
        assert not ours.lost
        away.rename(runs)
        assert not ours.lost
    assert os.listdir(runs) == []


def test_a_file_system_without_links_has_leases_too(tmp_path, watch, monkeypatch, clock):
    def no_links(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    with acquire(tmp_path, "run", watch) as ours:
        assert module.read(ours.path) == ours.holder
        assert isinstance(acquire(tmp_path, "run", Watch()), Holder)
    assert os.listdir(tmp_path) == []
    (tmp_path / ".run.1.lease").write_bytes(b"")  # its process was killed before it could write
    assert acquire(tmp_path, "run", watch) is None
    clock.now += SILENT
    with acquire(tmp_path, "run", watch) as ours:
        assert (ours.holder.number, ours.holder.before) == (2, [])


def test_a_link_whose_answer_was_lost_on_the_way_counts(tmp_path, watch, monkeypatch):
    link = os.link

    def repeated(source, target):
        link(source, target)
        raise FileExistsError

    monkeypatch.setattr(os, "link", repeated)
    with acquire(tmp_path, "run", watch) as ours:
        assert isinstance(ours, Lease)


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, watch, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left on device; choose another folder"):
        acquire(tmp_path, "run", watch)
    assert os.listdir(tmp_path) == []
