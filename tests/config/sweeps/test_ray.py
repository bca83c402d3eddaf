"""A sweep on a real Ray cluster of two nodes on this machine comes to what it comes to anywhere, whatever is lost.

The tests with a cluster take some minutes: `python -m pytest tests/config/sweeps/test_ray.py`, with the extra `ray`.
"""

import os
import signal
import sys
from functools import partial
from types import SimpleNamespace

import pytest
from cli_tools import TINY, bench, records, the_line
from long_sweeps import (
    LONG,
    TWELVE,
    kill_worker,
    scores,
    sweep,
    undisturbed,
    until_it_trains,
    without_the_cell_of_seed_0,
)
from ray_cluster import cluster, is_installed

from bench.config.options import AGAIN
from bench.config.sweeps.jobs import Jobs
from bench.study import sweep as sweeps

RAY = "hydra/launcher=ray"


@pytest.fixture(scope="module")
def ray():
    with cluster() as one:
        yield one


@pytest.fixture(scope="module")
def the_scores(tmp_path_factory):
    return undisturbed(tmp_path_factory.mktemp("undisturbed"))


class TestOnACluster:
    pytestmark = [pytest.mark.thorough, pytest.mark.skipif(not is_installed(), reason="needs the extra ray")]

    def test_a_sweep_of_twelve_has_the_leaderboard_that_it_has_in_one_process(self, ray, capsys, tmp_path):
        assert bench(capsys, "-m", *TWELVE, f"results_dir={tmp_path / 'here'}").code == 0
        process = sweep(tmp_path / "there", *TWELVE, RAY, f"hydra.launcher.address='{ray.address}'")
        out, err = process.communicate(timeout=500)
        assert process.returncode == 0, err
        assert "12 of 12 runs done" in out
        assert scores(tmp_path / "there") == scores(tmp_path / "here")

    def test_a_lost_node_loses_no_run(self, ray, tmp_path, the_scores):
        process = sweep(tmp_path, *LONG, "seed=0,1", RAY, f"hydra.launcher.address='{ray.address}'")
        until_it_trains(tmp_path, count=2)
        ray.kill_node("n1")
        try:
            out, err = process.communicate(timeout=580)
        finally:
            ray.start_node("n1")
        assert (process.returncode, "2 of 2 runs done" in out) == (0, True), err
        assert "lost its node and runs again" in err
        assert [record["status"] for record in records(tmp_path)] == ["done", "done"]
        assert next(record for record in records(tmp_path) if record["seed"] == 0)["scores"] == the_scores

    def test_a_killed_worker_s_member_is_done_in_another_round(self, ray, tmp_path, the_scores):
        process = sweep(tmp_path, *LONG, "seed=0,1", "retries=1", RAY, f"hydra.launcher.address='{ray.address}'")
        until_it_trains(tmp_path, count=2)
        killed = kill_worker(tmp_path, seed=0)
        out, err = process.communicate(timeout=580)
        assert (process.returncode, "2 of 2 runs done" in out) == (0, True), err
        assert "bench: member 1 lost its worker" in err
        ends = {record["seed"]: record for record in records(tmp_path)}
        assert [ends[0]["attempts"], ends[1]["attempts"]] == [[f"killed: {killed.said}"], None]
        assert ends[0]["scores"] == the_scores

    def test_a_sweep_that_is_stopped_saves_what_runs_and_cancels_what_waits(self, ray, tmp_path):
        process = sweep(tmp_path, *LONG, "seed=range(6)", RAY, f"hydra.launcher.address='{ray.address}'")
        until_it_trains(tmp_path, count=2)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=200)
        assert (process.returncode, err.splitlines()[-1]) == (130, "bench: interrupted"), err
        assert [record["status"] for record in records(tmp_path)] == ["interrupted"] * 2
        assert len({path.parent for path in tmp_path.glob("runs/[!.]*/checkpoint-*.pt")}) == 2


class Lost(Exception):
    """Any error of Ray's."""


class NodeDied(Lost):
    """What Ray raises where a node is gone."""


class Killed(BaseException):
    """What ends a member in the middle, as where its worker is killed."""


class FakeRay:
    """Ray, whose tasks run in this process as they are waited for; `ends` has the error of each in turn, or None."""

    def __init__(self, ends=(), resources=None):
        others = {name: type(name, (Lost,), {}) for name in ("TaskCancelledError", "RayTaskError")}
        others |= {name: type(name, (Lost,), {}) for name in ("RuntimeEnvSetupError", "TaskUnschedulableError")}
        self.exceptions = SimpleNamespace(RayError=Lost, NodeDiedError=NodeDied, **others)
        self.ends, self.resources, self.begun, self.cancelled = [*ends], resources or {"CPU": 2.0}, [], []

    def init(self, address, **_):
        if address == "nowhere:1":
            raise ConnectionError("Could not find any running Ray instance")

    def shutdown(self):
        pass

    def nodes(self):
        return [{"Alive": True, "Resources": self.resources}, {"Alive": False, "Resources": {"GPU": 8.0}}]

    def put(self, value):
        return value

    def remote(self, **options):
        assert options["max_retries"] == 0, "Ray's own would begin a member again that does not know of it"

        def of(function):
            task = SimpleNamespace(remote=lambda *arguments: partial(function, *arguments))
            return SimpleNamespace(options=lambda **_: task)

        return of

    def wait(self, tasks, **_):
        return tasks[:1], tasks[1:]

    def get(self, task):
        self.begun.append((task.args[1], task.args[3]))
        error = self.ends.pop(0) if self.ends else None
        if error is not None:
            raise error
        try:
            return task()
        except Killed:
            raise Lost("The worker died unexpectedly") from None
        except Exception as error:
            raise self.exceptions.RayTaskError(f"Traceback\n{type(error).__name__}: {error}") from None

    def cancel(self, task, force):
        assert not force, "a worker that is killed saves nothing"
        self.cancelled.append(task)


@pytest.fixture
def given(monkeypatch, capsys, tmp_path):
    """Sweeps over two seeds by a Ray that is none, whose workers are this process."""

    def given(ray, *words):
        monkeypatch.setitem(sys.modules, "ray", ray)
        return bench(capsys, "-m", *TINY, "task=copy", "seed=0,1", RAY, *words, f"results_dir={tmp_path}")

    monkeypatch.setattr("bench.job.execute.measure_speed", lambda *_: None)
    monkeypatch.setattr(Jobs, "arrive", lambda _: None)
    return given


def test_a_member_that_lost_its_node_runs_again_at_once_and_knows_of_it(given, monkeypatch, tmp_path):
    knew = []
    monkeypatch.setattr("bench.study.sweep.is_restarted", lambda: knew.append(AGAIN in os.environ))
    ray = FakeRay([NodeDied()])
    said = given(ray)
    assert (said.code, ray.begun) == (0, [(0, False), (1, False), (0, True)])
    assert "bench: member 1 lost its node and runs again" in said.err
    assert [record["status"] for record in records(tmp_path)] == ["done", "done"]


def test_one_that_loses_one_node_after_the_other_is_given_up(given):
    ray = FakeRay([NodeDied()] * 99)
    said = given(ray)
    assert (said.code, len(ray.begun)) == (1, 2 * (1 + 3))
    assert "0 of 2 runs done" in said.out


@pytest.mark.parametrize(("retries", "begun"), [(0, [0, 1]), (1, [0, 1, 0])])
def test_one_whose_worker_was_killed_has_another_round_where_retries_leave_one(given, monkeypatch, retries, begun):
    """And those that have ended are not begun again for it."""
    execute = sweeps.execute
    monkeypatch.setattr("bench.study.sweep.execute", lambda *given: left.pop()() if left else execute(*given))

    def killed():
        raise Killed

    left = [killed]
    ray = FakeRay()
    said = given(ray, f"retries={retries}")
    assert "bench: member 1 lost its worker: Lost" in said.err
    assert (said.code, ray.begun) == (1 - retries, [(number, False) for number in begun])
    assert f"{1 + retries} of 2 runs done" in said.out


def test_a_node_that_cannot_compose_a_member_is_named_and_the_others_run(given, monkeypatch):
    """As where a plugin is installed on some nodes alone."""
    without_the_cell_of_seed_0(monkeypatch)
    said = given(FakeRay())
    assert (said.code, "1 of 2 runs done" in said.out) == (1, True)
    assert "bench: member 1 could not begin: LookupError: Could not find 'cell/star'" in said.err


def test_one_whose_own_start_fails_is_said_and_not_tried_again(given):
    ray = FakeRay()
    ray.ends = [ray.exceptions.RayTaskError("Traceback\nImportError: no module named star")]
    said = given(ray)
    assert (said.code, len(ray.begun)) == (1, 2)
    assert "bench: member 1 could not begin: ImportError: no module named star" in said.err


@pytest.mark.parametrize(
    ("ray", "words", "told"),
    [
        (None, (), "needs Ray: pip install 'bench-sequences[ray]'"),
        (FakeRay(), ("hydra.launcher.address='nowhere:1'",), "hydra.launcher.address=nowhere:1: Ray cannot be reached"),
        (FakeRay(), ("hydra.launcher.cpus=3",), "no node has what a member takes: 3 of CPU; ask for less"),
        (FakeRay(), ("hydra.launcher.gpus=1",), "1 of CPU, 1 of GPU"),
        (FakeRay(), ("hydra.launcher.cpus=-1",), "a member cannot take -1 of CPU"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(given, ray, words, told):
    assert told in the_line(given(ray, *words))


def test_a_cluster_may_still_get_what_no_node_has(given):
    said = given(FakeRay(), "hydra.launcher.address=auto", "hydra.launcher.gpus=1")
    assert said.code == 0
    assert "1 of CPU, 1 of GPU: the members wait until one has joined the cluster" in said.err
