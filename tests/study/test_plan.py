"""The plan of a sweep: what is done, what is to do, what cannot run, and what it will take."""

import json

import pytest
from cli_tools import COPY, bench, records, the_line

from bench.config.compose import compose
from bench.config.sweeps.members import compose_sweep
from bench.study.plan import plan

SWEEP = (*COPY, "cell=vanilla,gru", "seed=0,1")


def shown(capsys, *arguments):
    said = bench(capsys, "plan", *arguments, "--json")
    return said, json.loads(said.out)


def test_a_plan_before_in_the_middle_of_and_after_a_sweep(capsys, tmp_path):
    here = f"results_dir={tmp_path}"
    said, plans = shown(capsys, *SWEEP, here)
    assert said.code == 0 and not records(tmp_path), "nothing has run"
    assert [each["labels"]["cell"] for each in plans] == ["vanilla(model.hidden=8)", "gru(model.hidden=8)"]
    assert [(each["statuses"], each["to_do"], each["like"]) for each in plans] == [({"0": None, "1": None}, 2, 0)] * 2
    assert all(each["cost"][0] > 0 and each["seconds"] == 2 * each["cost"][0] for each in plans)
    assert said.err.count("a few steps of copy-v1") == 2

    bench(capsys, *COPY, "cell=gru", "seed=1", here)
    said, (vanilla, gru) = shown(capsys, *SWEEP, here)
    assert (gru["statuses"], gru["to_do"], gru["like"]) == ({"0": None, "1": "done"}, 1, 1)
    (record,) = records(tmp_path)
    assert gru["cost"] == [record["seconds"], record["memory"]["peak_mib"]]
    assert vanilla["to_do"] == 2 and said.err.count("a few steps") == 1

    assert bench(capsys, "-m", *SWEEP, here).code == 0
    said, plans = shown(capsys, *SWEEP, here)
    assert {each["to_do"] for each in plans} == {0} and said.err == ""
    said, plans = shown(capsys, *SWEEP, here, "rerun=true")
    assert {each["to_do"] for each in plans} == {2}, "all of them again"


def test_runs_that_differ_in_the_seed_of_the_data_are_planned_together_and_none_is_lost(tmp_path):
    words = [*COPY, "cell=gru", "seed=0,1", "seed.data=0,1", f"results_dir={tmp_path}"]
    (found,) = plan(compose_sweep(words))
    assert [str(drawn) for drawn in found.statuses] == ["seed 0", "seed 0, data 1", "seed 1, data 0", "seed 1"]
    assert found.to_do == 4


def test_what_was_tried_before_and_what_cannot_run_are_said(capsys, monkeypatch, tmp_path):
    here = f"results_dir={tmp_path}"
    with monkeypatch.context() as patched:
        patched.setattr("bench.job.execute.evaluate", lambda *_: {}["score"])
        assert bench(capsys, *COPY, here).code == 1
    said = bench(capsys, "plan", "-m", *COPY, "model.bidirectional=false,true", "optimizer.lr=0.01", here)
    assert said.code == 1
    assert "cannot run: copy-v1" in said.out and "set model.bidirectional=false" in said.out
    said = bench(capsys, "plan", *COPY, here)
    assert (said.code, "1 (1 failed before)" in said.out) == (0, True)


def test_a_probe_that_fails_leaves_the_cost_unknown(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("bench.job.probe.evaluate", lambda *_: {}["score"])
    said, (only,) = shown(capsys, *COPY, f"results_dir={tmp_path}")
    assert (said.code, only["cost"], only["seconds"], only["to_do"]) == (0, None, None, 1)
    assert "they failed: KeyError: 'score' is not there" in said.err


def test_options_of_a_sweep_that_are_wrong_are_one_line(capsys):
    assert "cell=gruu" in the_line(bench(capsys, "plan", *COPY, "cell=gru,gruu"))


def test_members_that_differ_in_the_seed_alone_are_as_if_each_were_composed():
    members = compose_sweep([*COPY, "cell=gru,lstm", "seed=range(3)"])
    assert [member.config.seed for member in members] == [0, 1, 2, 0, 1, 2]
    for member, cell in zip(members, ["gru"] * 3 + ["lstm"] * 3, strict=True):
        alone = compose([*COPY, f"cell={cell}", f"seed={member.config.seed}"])
        assert (member.config, member.choices, member.changed) == (alone.config, alone.choices, alone.changed)


def test_an_option_that_is_made_of_the_seed_is():
    members = compose_sweep(["task=copy", "model.hidden=${seed}", "seed=8,9"])
    assert [member.config.model.hidden for member in members] == [8, 9]


def test_a_configuration_is_prepared_once_for_all_its_seeds(monkeypatch, tmp_path):
    from bench.study import plan as module

    calls = []
    monkeypatch.setattr(module, "prepare", lambda options: calls.append(options) or prepare(options))
    from bench.job.prepared import prepare

    (found,) = plan(compose_sweep([*COPY, "seed=range(500)", f"results_dir={tmp_path}"]))
    assert (len(calls), len(found.statuses), found.to_do) == (1, 500, 500)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.42, "0.4 s"), (31, "31 s"), (150, "2.5 min"), (9e3, "2.5 h"), (3e5, "3.5 d")]
)
def test_durations_have_a_unit_of_their_size(seconds, text):
    from bench.tables.formats import duration

    assert (duration(seconds), duration(None)) == (text, "-")


def test_a_done_attempt_counts_whatever_came_after_it(capsys, monkeypatch, tmp_path):
    here = f"results_dir={tmp_path}"
    assert bench(capsys, *COPY, here).code == 0
    with monkeypatch.context() as patched:
        patched.setattr("bench.job.execute.evaluate", lambda *_: {}["score"])
        assert bench(capsys, *COPY, here, "rerun=true").code == 1
    (record,) = (r for r in records(tmp_path) if r["status"] == "failed")
    path = tmp_path / "runs" / record["id"] / "record.json"
    path.write_text(json.dumps({**record, "finished": "2999-01-01T00:00:00+00:00"}))
    assert "1 run: 1 done, 0 to do" in bench(capsys, "plan", *COPY, here).out
