"""A sweep comes back to members that other processes had, or that the machine ended, and to no others."""

import os

import pytest
from elsewhere import DEAD, ELSEWHERE
from factories import a_failure, a_record

from bench.config.options import Member, Options
from bench.config.schema import Config
from bench.errors import Held
from bench.job.listener import Listener
from bench.study import fate, sweep
from bench.study.rounds import Rounds
from bench.study.status import status_of
from bench.study.sweep import is_to_come_again, run_member


def options(folder, number=1, retries=0):
    place = folder / str(number)
    place.mkdir(exist_ok=True)
    return Options(Config(results_dir=str(folder), retries=retries), {}, {}, Member(number, 2, place))


class Told(Listener):
    holder = ""

    def held(self, holder):
        self.holder = holder


@pytest.fixture
def called(monkeypatch):
    """The calls of `execute`: whether each was to wait. Runs are held by another process unless they wait."""
    calls = []

    def execute(options, listener, wait):
        calls.append(wait)
        if not wait:
            raise Held("another does it", "process 12 on a")
        return a_record(attempts=["killed: process 3 on b"])

    monkeypatch.setattr(sweep, "execute", execute)
    return calls


def test_a_member_that_another_process_runs_is_left_for_later_and_waited_for_then(tmp_path, called):
    member, told = options(tmp_path), Told()
    run_member(member, told, "s")
    assert (called, told.holder) == ([False], "process 12 on a")
    (left,) = fate.fates(tmp_path, "s")
    assert (left["status"], left["holder"], left["process"]) == ("interrupted", "process 12 on a", None)
    assert status_of(tmp_path).begun[0].state == "elsewhere"
    assert is_to_come_again(member.member, "s")
    assert run_member(member, told, "s") == 0.98
    assert called == [False, True]
    (done,) = fate.fates(tmp_path, "s")
    assert (done["status"], done["holder"], done["attempt"]) == ("done", "", 1)
    assert done["before"] == ["killed: process 3 on b"]
    run_member(member, told, "s")
    assert len(called) == 2, "and one that has ended is left alone"


def test_where_a_score_is_needed_at_once_it_is_waited_for(tmp_path, called):
    assert run_member(options(tmp_path), Told(), "s", wait=True) == 0.98
    assert called == [True]


@pytest.mark.parametrize("owner", [DEAD, ELSEWHERE], ids=["killed", "lost"])
@pytest.mark.parametrize(("retries", "runs"), [(0, 0), (1, 1), (2, 2)])
def test_a_member_whose_process_is_gone_gets_so_many_further_attempts(tmp_path, monkeypatch, owner, retries, runs):
    attempts = []

    def dies(options, listener, wait):
        (begun,) = fate.fates(tmp_path, "s")
        attempts.append((begun["attempt"], len(begun["before"])))
        fate.write(member.member, {**begun, "owner": str(owner)})
        raise SystemExit

    monkeypatch.setattr(sweep, "execute", dies)
    member = options(tmp_path, retries=retries)
    rounds, times = Rounds("s", lambda: False), 0
    while times == 0 or rounds.another(tmp_path):
        times += 1
        assert times < 9, "it would go on for ever"
        with pytest.raises(SystemExit):
            run_member(member, Told(), "s")
    assert attempts == [(number + 1, number) for number in range(1 + runs)]
    assert not is_to_come_again(member.member, "s")


def test_what_an_engine_began_anew_costs_no_further_attempt(tmp_path, monkeypatch):
    """As SLURM does, and the launcher for Ray, where a node was lost; each such attempt is told all the same."""

    def dies(*_):
        raise SystemExit

    monkeypatch.setattr(sweep, "execute", dies)
    monkeypatch.setattr(sweep, "is_restarted", lambda: True)
    member = options(tmp_path, retries=1)
    for number in range(3):
        with pytest.raises(SystemExit):
            run_member(member, Told(), "s")
        (left,) = fate.fates(tmp_path, "s")
        assert (left["attempt"], len(left["before"])) == (1, number)
    assert is_to_come_again(member.member, "s")


@pytest.mark.parametrize("status", ["failed", "diverged", "interrupted", "timed out"])
def test_what_a_program_did_is_not_tried_again(tmp_path, monkeypatch, status):
    monkeypatch.setattr(sweep, "execute", lambda *_: a_failure(status=status))
    run_member(options(tmp_path, retries=3), Told(), "s")
    assert not Rounds("s", lambda: False).another(tmp_path)


def test_there_is_no_other_round_where_the_last_one_changed_nothing_or_the_sweep_is_stopped(tmp_path, called):
    run_member(options(tmp_path), Told(), "s")
    assert not Rounds("s", lambda: True).another(tmp_path)
    rounds = Rounds("s", lambda: False)
    assert [rounds.another(tmp_path), rounds.another(tmp_path)] == [True, False]


def test_a_full_disk_ends_no_sweep(tmp_path, monkeypatch, caplog):
    """On one node: the member is refused by name, or has run though nothing says so."""

    def full(*_):
        raise OSError(28, "No space left on device")

    refused = []
    told = Told()
    told.refused = lambda error: refused.append(str(error))
    monkeypatch.setattr(sweep, "execute", lambda *_: a_record())
    with monkeypatch.context() as patched:
        patched.setattr(sweep, "write", full)
        run_member(options(tmp_path), told, "s")
    assert len(refused) == 1 and "No space left on device" in refused[0]
    writes = iter([lambda: None, full])
    monkeypatch.setattr(sweep, "write", lambda *_: next(writes)())
    run_member(options(tmp_path, 2), told, "s")
    assert "member 2/2: done, which" in caplog.text and os.listdir(tmp_path / "2") == []
