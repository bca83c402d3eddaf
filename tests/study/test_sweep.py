"""A sweep runs every member, whatever becomes of the others, and ends with its tables."""

import csv
import json
import math

import pytest
from cli_tools import COPY, TINY, bench, records, run

from bench.command.terminal import Terminal, show_sweep
from bench.config.launch import SweepFolder
from bench.config.options import Member, Options
from bench.config.schema import Config
from bench.errors import StoreError
from bench.job.listener import Listener
from bench.study.sweep import finish, run_member


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """The results of a sweep over tasks, cells and seeds in a process of its own, and what it said."""
    folder = tmp_path_factory.mktemp("sweep")
    return folder / "results", run("-m", *TINY, "task=copy,parity", "cell=vanilla,gru", "seed=0,1", folder=folder)


def table(results):
    with (results / "leaderboard.csv").open() as file:
        return list(csv.DictReader(file))


def test_every_combination_has_a_record_and_seeds_share_a_row(sweep):
    results, said = sweep
    assert said.code == 0
    assert len(records(results)) == 8
    rows = table(results)
    assert len(rows) == 4
    assert {(row["task"], row["cell"]) for row in rows} == {
        (task, f"{cell}(model.hidden=8)") for task in ("copy-v1", "parity-v1") for cell in ("vanilla", "gru")
    }
    assert {(row["seeds"], row["done"], row["failed"]) for row in rows} == {("2", "2", "0")}


def test_a_member_is_one_line_and_the_tables_come_last(sweep):
    results, said = sweep
    lines = said.out.splitlines()
    assert [line.split()[0] for line in lines[:8]] == [f"[{number}/8]" for number in range(1, 9)]
    assert all(": done, test " in line for line in lines[:8])
    assert [line.split(":")[0] for line in lines if "higher is better" in line] == ["copy-v1", "parity-v1"]
    assert lines[-1] == f"8 of 8 runs done; tables of all runs in {results.relative_to(results.parent)}/leaderboard.csv"
    assert said.err == ""


def test_every_member_keeps_a_log_of_its_own(sweep):
    results, _ = sweep
    assert len(records(results)) == 8
    for record in records(results):
        log = (results / "runs" / record["id"] / "run.log").read_text("utf-8")
        assert log.count("step ") == 1
        assert f"seed {record['seed']}: done" in log


@pytest.fixture
def bad(capsys, tmp_path):
    """A sweep with a bad member, and what it said."""
    return tmp_path, bench(capsys, "-m", *COPY, "model.hidden=8,0,9", f"results_dir={tmp_path}")


def test_a_bad_member_leaves_a_failed_record_and_the_others_finish(bad):
    results, said = bad
    assert said.code == 1
    assert [record["status"] for record in records(results)].count("done") == 2
    (failed,) = [record for record in records(results) if record["status"] == "failed"]
    assert failed["reason"].startswith("model.hidden=0: ")
    assert failed["reason"] in (results / "runs" / failed["id"] / "run.log").read_text("utf-8")
    assert said.err == f"bench: {failed['id']} failed: {failed['reason']}\n"
    assert "2 of 3 runs done" in said.out


def test_a_bad_member_is_counted_in_the_table_of_its_task(bad):
    results, _ = bad
    rows = {row["cell"]: row for row in table(results)}
    row = rows["gru(model.hidden=0)"]
    assert (row["task"], row["done"], row["failed"], row["score"]) == ("copy-v1(held_out=20)", "0", "1", "")
    assert len({(row["task"], row["hardware"]) for row in rows.values()}) == 1


@pytest.mark.parametrize("bad", ["budget.steps=3,null", "cell=gru,custom", "hardware.device=cpu,tpu", "task.delay=2,0"])
def test_whatever_is_wrong_with_a_member_its_failure_has_a_row(capsys, tmp_path, bad):
    said = bench(capsys, "-m", *COPY, bad, f"results_dir={tmp_path}")
    assert said.code == 1
    assert sorted(record["status"] for record in records(tmp_path)) == ["done", "failed"]
    assert [row["failed"] for row in table(tmp_path)].count("1") == 1


def test_a_sweep_that_is_repeated_runs_what_is_not_done(capsys, tmp_path):
    first = (*COPY, "seed=0", f"results_dir={tmp_path}")
    assert bench(capsys, *first).code == 0
    said = bench(capsys, "-m", *first, "seed=0,1")
    assert said.code == 0
    assert [": done already, test " in line for line in said.out.splitlines()[:2]] == [True, False]
    assert len(records(tmp_path)) == 2


def test_the_end_of_a_sweep_shows_its_own_runs_and_the_file_has_all(capsys, tmp_path):
    assert bench(capsys, *COPY, "cell=lstm", f"results_dir={tmp_path}").code == 0
    said = bench(capsys, "-m", *COPY, "seed=0,1", f"results_dir={tmp_path}")
    assert said.code == 0, said
    assert "lstm" not in said.out
    assert {row["cell"] for row in table(tmp_path)} == {"gru(model.hidden=8)", "lstm(model.hidden=8)"}
    printed = bench(capsys, "leaderboard", f"results_dir={tmp_path}").out
    assert "every cell with model.hidden=8" in printed and "\nlstm " in printed
    markdown = bench(capsys, "leaderboard", "--results-dir", str(tmp_path), "--markdown").out
    assert "every cell with model.hidden=8" in markdown and "| gru |" in markdown


def test_a_member_whose_process_was_killed_counts_as_not_done(capsys, tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "sweeps" / "now" / "0").mkdir(parents=True)
    ended = finish(tmp_path / "sweeps" / "now")
    assert (ended.done, ended.members, ended.results) == (0, 1, [tmp_path])
    show_sweep(ended)
    assert "0 of 1 runs done" in capsys.readouterr().out


def test_a_sweeper_gets_the_score_on_valid_of_each_member(capsys, tmp_path, monkeypatch):
    returned = []

    def keep(callback, config, job_return, **others):
        returned.append(job_return.return_value)

    monkeypatch.setattr(SweepFolder, "on_job_end", keep)
    assert bench(capsys, "-m", *COPY, "model.hidden=8,0", f"results_dir={tmp_path}").code == 1
    (done,) = [record for record in records(tmp_path) if record["status"] == "done"]
    assert returned[0] == done["metric"]["valid"]
    assert math.isnan(returned[1])


def test_a_member_that_cannot_be_stored_spoils_no_other(capsys, tmp_path, monkeypatch):
    def refuse(*_):
        raise StoreError("the disk is full")

    monkeypatch.setattr("bench.study.sweep.execute", refuse)
    folder = tmp_path / "1"
    folder.mkdir()
    member = Options(Config(results_dir=str(tmp_path)), {}, {}, Member(2, 3, folder))
    run_member(member, Terminal(str(member.member), bar=False))
    assert capsys.readouterr().out == "[2/3] failed, the disk is full\n"
    assert json.loads((folder / "run.json").read_text())["reason"] == "the disk is full"
    run_member(member, Listener())
    assert capsys.readouterr() == ("", "")


def test_a_sweep_whose_folder_lies_elsewhere_ends_with_its_tables_too(capsys, tmp_path):
    results, place = tmp_path / "results", tmp_path / "elsewhere"
    said = bench(capsys, "-m", *COPY, "seed=0,1", f"results_dir={results}", f"hydra.sweep.dir={place}")
    assert said.code == 0
    assert f"2 of 2 runs done; tables of all runs in {results / 'leaderboard.csv'}" in said.out
    assert len(table(results)) == 1
    assert not (tmp_path / "leaderboard.csv").exists()


@pytest.mark.slow
def test_processes_of_a_launcher_are_members_like_any_other(tmp_path):
    launcher = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    said = run("-m", *COPY, "seed=0,1,2", "model.hidden=8,0", *launcher, folder=tmp_path)
    assert said.code == 1, said
    assert "3 of 6 runs done" in said.out, said
    assert len(records(tmp_path / "results")) == 6
    assert all("seed" in line for line in said.out.splitlines()[:6]), said
    assert "Traceback" not in said.err


@pytest.mark.slow
def test_two_tasks_three_cells_and_two_seeds_are_12_records_and_6_rows(tmp_path):
    said = run("-m", *TINY, "task=copy,charlm", "cell=vanilla,lstm,gru", "seed=0,1", folder=tmp_path)
    assert said.code == 0
    assert len(records(tmp_path / "results")) == 12
    assert len(table(tmp_path / "results")) == 6
