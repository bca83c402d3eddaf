"""A run that was had before, or that another process has: found, waited for, taken over, tried again, and said so."""

import errno
import logging
import os
import sys
import time
from contextlib import nullcontext

import pytest
import torch
from elsewhere import DEAD, ELSEWHERE, a_folder, a_lease, killed_child
from factories import publish
from tiny import Turning, a_config

from bench.config.options import Options
from bench.config.schema import BudgetConfig, CheckpointConfig, MeasureConfig
from bench.errors import Held, StoreError
from bench.job import execute as runner
from bench.job import had
from bench.job import prepared as preparation
from bench.job.execute import execute
from bench.job.listener import Listener
from bench.job.prepared import prepare
from bench.results import lease
from bench.results.record import Record
from bench.results.store import Store

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="locks and process ids are as Linux has them")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A task that is made in a moment; nothing is measured, and no look at a lease is waited for."""
    monkeypatch.setattr(preparation, "build_task", lambda *_: Turning())
    monkeypatch.setattr(runner, "measure_speed", lambda *_: None)
    monkeypatch.setattr(runner, "turn", nullcontext)
    monkeypatch.setattr(had, "_WATCH", lease.Watch())
    monkeypatch.setattr(had, "sleep", lambda _: pytest.fail("nobody is to wait"))


def options(folder, **changes):
    changes = {"measure": MeasureConfig(seconds=0.01), "budget": BudgetConfig(steps=3), "evaluations": 1, **changes}
    config = a_config(precision="float32", batch_size=8, results_dir=str(folder), **changes)
    return Options(config, {"task": "turning", "cell": "gru"}, {})


@pytest.fixture
def base(tmp_path):
    """The name of the run, which is `store`'s."""
    return prepare(options(tmp_path)).stem


def statuses(folder):
    store = Store(folder)
    return [Record.read(store.runs / name).status for name in store.names()]


def left(folder):
    return [name for name in os.listdir(folder / "runs") if name.startswith(".")]


def published(folder, base, **changes):
    return publish(Store(folder), base, identity=prepare(options(folder)).identity.hash, **changes)


class Answers:
    """What happens elsewhere at each look at a lease: the first of `acts`, then the next."""

    def __init__(self, *acts):
        self.acts = [*acts]

    def __call__(self, _):
        self.acts.pop(0)()


def test_a_run_of_another_process_is_not_begun_where_nobody_waits(tmp_path, base):
    a_lease(tmp_path / "runs", base, ELSEWHERE)
    with pytest.raises(Held, match=f"process 12 on elsewhere does this run: {base}") as caught:
        execute(options(tmp_path), wait=False)
    assert caught.value.holder == "process 12 on elsewhere"
    assert (statuses(tmp_path), left(tmp_path)) == ([], [f".{base}.1.lease"])


def test_who_waits_is_told_for_whom_and_finds_the_run_done(tmp_path, base, monkeypatch, caplog):
    theirs = a_lease(tmp_path / "runs", base, ELSEWHERE)

    def done():
        published(tmp_path, base)
        theirs.unlink()

    monkeypatch.setattr(had, "sleep", Answers(lambda: None, done))
    with caplog.at_level(logging.INFO, "bench"):
        record = execute(options(tmp_path))
    assert (record.status, statuses(tmp_path), left(tmp_path)) == ("done", ["done"], [".asked"])
    lines = [each.getMessage() for each in caplog.records]
    assert [line for line in lines if "waiting" in line] == [
        "process 12 on elsewhere does this run: waiting for its end; where nothing is heard of it for 120 s, this one "
        "takes over"
    ]
    assert lines[-1] == f"{base} is done already; run it again with rerun=all"


@pytest.mark.parametrize(("status", "counts"), [("failed", 1), ("diverged", 1), ("interrupted", 2)])
def test_what_the_other_process_came_to_stands_unless_it_was_cut_off(tmp_path, base, monkeypatch, status, counts):
    theirs = a_lease(tmp_path / "runs", base, ELSEWHERE)

    def ended():
        published(tmp_path, base, status=status, reason="it broke")
        theirs.unlink()

    monkeypatch.setattr(had, "sleep", Answers(ended))
    record = execute(options(tmp_path))
    assert len(statuses(tmp_path)) == counts
    assert record.status == (status if counts == 1 else "done")


def test_a_run_that_both_were_to_repeat_is_repeated_once(tmp_path, base, monkeypatch):
    published(tmp_path, base)
    theirs = a_lease(tmp_path / "runs", base, ELSEWHERE)

    def done():
        published(tmp_path, base)
        theirs.unlink()

    monkeypatch.setattr(had, "sleep", Answers(done))
    assert execute(options(tmp_path, rerun="all")).id == f"{base}-2"
    assert len(statuses(tmp_path)) == 2


def test_a_lost_node_s_run_goes_on_from_its_snapshot_here(tmp_path, base, monkeypatch, caplog):
    """What is heard of it changes nothing any more: its folder is taken over, and the record says that it was lost."""
    assert execute(options(tmp_path / "other", checkpoint=CheckpointConfig(steps=1), budget=BudgetConfig(steps=3)))
    checkpoint = cut_off(tmp_path / "cut")
    folder = a_folder(tmp_path / "runs", base, ELSEWHERE, checkpoint)
    a_lease(tmp_path / "runs", base, ELSEWHERE)
    monkeypatch.setattr(had._WATCH, "_clock", iter(range(0, 10_000, 100)).__next__)
    monkeypatch.setattr(had, "sleep", lambda _: None)
    with caplog.at_level(logging.INFO, "bench"):
        record = execute(options(tmp_path))
    assert record.status == "done"
    assert record.attempts == ["lost: process 12 on elsewhere"]
    assert "going on from the checkpoint after step 2" in caplog.text
    assert not folder.exists() and left(tmp_path) == []


def cut_off(folder):
    """The checkpoint after two steps of the run."""

    class CutOff(Listener):
        def step(self, progress, spent, loss):
            if progress.steps == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(options(folder, checkpoint=CheckpointConfig(steps=1)), CutOff())
    (found,) = (folder / "runs").glob("*/checkpoint-2.pt")
    return found.read_bytes()


def test_how_each_earlier_attempt_ended_is_in_the_record_until_the_run_is_done(tmp_path, base):
    a_lease(tmp_path / "runs", base, killed := killed_child())
    published(tmp_path, base, status="interrupted", reason="stopped at step 5")
    first = execute(options(tmp_path))
    assert first.attempts == ["interrupted: stopped at step 5", f"killed: {killed.said}"]
    assert execute(options(tmp_path, rerun="all")).attempts is None
    published(tmp_path, base, status="failed", reason="it broke", attempts=["killed: process 3 on a"])
    again = execute(options(tmp_path, rerun="all"))
    assert again.attempts == ["killed: process 3 on a", "failed: it broke"]


@pytest.mark.parametrize("status", ["failed", "diverged", "out of memory", "interrupted", "timed out"])
@pytest.mark.parametrize("rerun", ["failed", "all", "none"])
def test_what_the_same_command_does_again(tmp_path, base, status, rerun):
    published(tmp_path, base, status=status, reason="it ended")
    record = execute(options(tmp_path, rerun=rerun))
    stays = rerun == "none" and status not in ("interrupted", "timed out")
    assert (record.status, statuses(tmp_path)) == ((status, [status]) if stays else ("done", [status, "done"]))


@pytest.mark.parametrize(("rerun", "runs"), [("failed", 1), ("none", 1), ("all", 2)])
def test_a_run_that_is_done_is_repeated_where_all_are(tmp_path, base, rerun, runs):
    published(tmp_path, base)
    execute(options(tmp_path, rerun=rerun))
    assert len(statuses(tmp_path)) == runs


@pytest.fixture
def failing(monkeypatch):
    """Measuring fails with the error that is set, so often."""
    left = []

    def measure(*_):
        if left:
            raise left.pop()

    monkeypatch.setattr(runner, "measure_speed", measure)
    return left


@pytest.mark.parametrize("rerun", ["failed", "none"])
@pytest.mark.parametrize(("retries", "ends"), [(0, 1), (1, 2), (3, 3)])
def test_what_the_memory_was_too_small_for_is_tried_again(tmp_path, failing, rerun, retries, ends):
    failing.extend([MemoryError(), torch.OutOfMemoryError()])
    record = execute(options(tmp_path, retries=retries, rerun=rerun))
    assert statuses(tmp_path) == ["out of memory", "out of memory", "done"][:ends]
    assert len(record.attempts or []) == ends - 1
    assert all(each.startswith("out of memory: no room for more") for each in record.attempts or [])


def test_what_a_program_did_is_not_tried_again(tmp_path, failing):
    failing.extend([ValueError("a bug"), ValueError("a bug")])
    assert execute(options(tmp_path, retries=5)).status == "failed"
    assert statuses(tmp_path) == ["failed"]


def test_a_process_that_lost_its_run_stops_and_finds_what_the_other_made(tmp_path, monkeypatch, caplog):
    """It was suspended, say, and another machine heard nothing of it for long."""
    monkeypatch.setattr(lease, "BEAT", 0.01)
    long = {"budget": BudgetConfig(steps=10_000)}
    prepared = prepare(options(tmp_path, **long))
    base = prepared.stem

    class Taken(Listener):
        """After the second step the other machine has the run; it is done soon."""

        steps = 0

        def step(self, progress, spent, loss):
            self.steps = progress.steps
            if progress.steps == 2:
                (ours,) = (tmp_path / "runs").glob(".*.1.lease")
                theirs = a_lease(tmp_path / "runs", base, ELSEWHERE, number=2)
                text = theirs.read_bytes().replace(b"null", f'"{lease.read(ours).nonce}"'.encode(), 1)
                theirs.write_bytes(text)
            elif progress.steps > 2:
                time.sleep(0.005)

    def done():
        publish(Store(tmp_path), base, identity=prepared.identity.hash)
        for path in (tmp_path / "runs").glob(".*.lease"):
            path.unlink()

    monkeypatch.setattr(had, "sleep", Answers(done))
    told = Taken()
    record = execute(options(tmp_path, **long), told)
    assert 2 < told.steps < 10_000
    assert record.seed == 0 and statuses(tmp_path) == ["done"]
    assert "another process took this run over" in caplog.text
    assert left(tmp_path) == [".asked"]


def test_a_results_folder_that_is_away_at_the_end_is_waited_for(tmp_path, monkeypatch, caplog):
    results, away = tmp_path / "results", tmp_path / "away"

    class Gone(Listener):
        def measuring(self):
            results.rename(away)

    monkeypatch.setattr("bench.config.away.sleep", lambda _: away.rename(results))
    assert execute(options(results), Gone()).status == "done"
    assert f"{results / 'runs'} is away: waiting for it, 120 s at most" in caplog.text
    assert (statuses(results), left(results)) == (["done"], [])


def test_one_that_does_not_return_is_one_line(tmp_path, monkeypatch):
    results = tmp_path / "results"

    class Gone(Listener):
        def measuring(self):
            results.rename(tmp_path / "away")

    monkeypatch.setattr("bench.config.away.monotonic", iter(range(0, 10_000, 50)).__next__)
    monkeypatch.setattr("bench.config.away.sleep", lambda _: None)
    with pytest.raises(StoreError, match="No such file or directory; choose another folder with results_dir="):
        execute(options(results), Gone())


def test_a_dead_process_s_lease_is_no_reason_to_wait(tmp_path, base):
    a_lease(tmp_path / "runs", base, DEAD)
    a_lease(tmp_path / "runs", base, DEAD, number=2, nonce="other")
    assert execute(options(tmp_path), wait=False).status == "done"
    assert left(tmp_path) == []


def test_the_lease_of_a_process_that_was_killed_after_publishing_goes_with_the_next_look(tmp_path, base):
    published(tmp_path, base)
    a_lease(tmp_path / "runs", base, killed_child())
    execute(options(tmp_path))
    assert left(tmp_path) == [".asked"]
    theirs = a_lease(tmp_path / "runs", base, ELSEWHERE)
    execute(options(tmp_path))
    assert theirs.exists(), "it may be at work"


def test_a_full_disk_keeps_a_run_from_beginning(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("bench.results.lease.os.write", full)
    with pytest.raises(StoreError, match="No space left on device"):
        execute(options(tmp_path))
    assert left(tmp_path) == []
