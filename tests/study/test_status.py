"""How a sweep stands, told from its folder while others run it."""

import os
import socket
import subprocess
import time

import pytest
from cli_tools import COPY, bench, records, the_line

from bench.command.verbs import status as verb
from bench.config.options import Member, Options
from bench.config.schema import Config
from bench.results.owner import Owner
from bench.study import fate
from bench.study.beat import Beat
from bench.study.status import Begun, note, status_of
from bench.train.progress import Progress

NOW = 1_000_000.0
ELSEWHERE = Owner("elsewhere", 1, "another", 1)


@pytest.fixture
def sweep(tmp_path):
    """The folder of a sweep of five members."""
    folder = tmp_path / "sweeps" / "2026-01-01"
    note(folder, Begun(sweep="this", words=["-m", "seed=range(5)"], members=5))
    return folder


@pytest.fixture
def alive():
    """The id of a process that runs."""
    with subprocess.Popen(["sleep", "100"]) as process:
        yield process.pid
        process.kill()


def member(sweep, number, sweep_id="this", **changed):
    place = Member(number + 1, 5, sweep / str(number))
    place.folder.mkdir(parents=True)
    options = Options(Config(results_dir=str(sweep), seed=number), {}, {}, place)
    begun = fate.begun(options, sweep_id)
    if changed.get("process") is not None:
        changed = {"owner": str(Owner.this_process()._replace(pid=changed["process"], started=None)), **changed}
    fate.write(place, {**begun, "began": NOW - 100, "beat": NOW, **changed})
    os.utime(place.folder / "run.json", (NOW, NOW))
    return place


def test_members_run_wait_have_ended_and_were_killed(sweep, alive):
    member(sweep, 0, process=None, status="done")
    member(sweep, 1, process=alive, spent=0.25, step=250)
    with subprocess.Popen(["true"]) as gone:
        pass
    member(sweep, 2, process=gone.pid)
    found = status_of(sweep, NOW)
    assert [len(found.of(state)) for state in ("ended", "running", "killed", "silent")] == [1, 1, 1, 0]
    assert (found.members, found.waiting, found.is_over) == (5, 2, False)
    (running,) = found.of("running")
    assert running.left == pytest.approx(300)
    assert found.left == pytest.approx(300 + 2 * 100), "one at a time, as now"


def test_a_member_on_another_machine_is_silent_when_nothing_was_heard_for_long(sweep):
    member(sweep, 0, owner=str(ELSEWHERE), process=1)
    assert [status_of(sweep, NOW + after).begun[0].state for after in (10, 1000)] == ["running", "silent"]


def test_fates_of_an_earlier_sweep_in_the_folder_are_none_of_it(sweep):
    member(sweep, 0, sweep_id="earlier", process=None, status="failed")
    found = status_of(sweep, NOW)
    assert (found.begun, found.waiting, found.left) == ([], 5, None)


def test_a_folder_of_an_older_version_says_what_it_can(tmp_path):
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "run.json").write_text(
        '{"id": "a", "status": "done", "reason": null, "sweep": "x", "process": null}'
    )
    found = status_of(tmp_path)
    assert (len(found.of("ended")), found.members, found.waiting) == (1, None, None)


def test_the_beat_tells_the_step_and_the_share_now_and_then(sweep, monkeypatch):
    place = member(sweep, 0, process=os.getpid())
    said = fate.read(place.folder, "this")
    beat, progress = Beat(place, said, seconds=5), Progress()
    for second, step in [(1, 10), (6, 60), (7, 70)]:
        monkeypatch.setattr(time, "time", lambda second=second: NOW + second)
        progress.steps = step
        beat.step(progress, step / 100, 0.0)
    assert {key: fate.read(place.folder, "this")[key] for key in ("step", "spent", "beat")} == {
        "step": 60, "spent": 0.6, "beat": NOW + 6,
    }  # fmt: skip


def test_a_full_disk_stops_no_run_for_it(sweep, monkeypatch):
    place = member(sweep, 0)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bench.study.fate.write_atomic", full)
    Beat(place, fate.begun(Options(Config(), {}, {}, place), ""), seconds=0).step(Progress(), 0.5, 0.0)


def test_a_real_sweep_notes_what_began_and_is_told_to_the_end(capsys, tmp_path):
    here = f"results_dir={tmp_path}"
    assert bench(capsys, "-m", *COPY, "seed=0,1", here).code == 0
    said = bench(capsys, "status", here)
    assert (said.code, len(records(tmp_path))) == (0, 2)
    head, counts = said.out.splitlines()
    assert head.startswith(str(tmp_path / "sweeps")) and head.endswith(f"seed=0,1 {here}")
    assert counts == "2 members: 2 done"


def test_what_is_not_done_is_named_with_its_reason(capsys, sweep, alive):
    member(sweep, 0, process=None, status="failed", reason="it broke", id="copy_0")
    member(sweep, 1, process=alive, spent=0.5, step=500, host=socket.gethostname(), said="seed=1")
    said = bench(capsys, "status", "2026", f"results_dir={sweep.parent.parent}")
    assert said.code == 1
    assert said.out.splitlines()[1:] == [
        "5 members: 1 failed, 1 running, 3 waiting",
        "  failed: copy_0: it broke",
        "  running: seed=1: step 500, 50%, 100 s left",
    ]


def test_following_shows_each_change_until_no_member_runs(capsys, monkeypatch, sweep, alive):
    place = member(sweep, 0, process=alive)

    def later(_):
        said = fate.read(place.folder, "this")
        if said["step"]:
            fate.write(place, {**said, "process": None, "status": "done"})
        else:
            fate.write(place, {**said, "step": 7, "spent": 0.1})

    monkeypatch.setattr(verb.time, "sleep", later)
    said = bench(capsys, "status", "--follow", f"results_dir={sweep.parent.parent}")
    assert said.code == 0
    assert [line for line in said.out.splitlines() if "member" in line] == [
        "5 members: 1 running, 4 waiting", "5 members: 1 running, 4 waiting", "5 members: 1 done, 4 waiting",
    ]  # fmt: skip
    assert "step 7, 10%, 15 min left" in said.out


def test_no_sweep_is_one_line(capsys, tmp_path):
    assert "there is no sweep in" in the_line(bench(capsys, "status", f"results_dir={tmp_path}"))
