"""A run is stopped when its time is over, in whatever it is at, and goes on with the same command."""

import time

from cli_tools import COPY, bench, records, the_line

from bench.job import execute as runner
from bench.train.interrupts import Interrupts

LONG = (*COPY, "budget.steps=1000000", "evaluations=100000", "unroll=eager", "hardware.device=cpu")


def test_a_run_whose_time_is_over_in_training_stands_in_a_checkpoint(capsys, tmp_path):
    here = f"results_dir={tmp_path}"
    said = bench(capsys, *LONG, "hard_seconds=0.3", here)
    (record,) = records(tmp_path)
    step = record["reason"].split("; ")[0].removeprefix("hard_seconds=0.3 were over at step ")
    assert (said.code, record["status"]) == (1, "timed out")
    assert f"{record['id']} timed out: {record['reason']} (see" in said.err.splitlines()[-1]
    assert record["reason"].endswith("; the same command goes on from there")
    said = bench(capsys, *LONG, "hard_seconds=0.3", here)
    assert f"going on from the checkpoint after step {step}" in said.err


def test_without_checkpoints_nothing_is_promised(capsys, tmp_path):
    bench(capsys, *LONG, "hard_seconds=0.2", "checkpoint.seconds=null", f"results_dir={tmp_path}")
    (record,) = records(tmp_path)
    assert record["reason"].startswith("hard_seconds=0.2 were over at step ")
    assert ";" not in record["reason"]


def test_what_comes_after_training_is_cut_off_at_once(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(runner, "evaluate", lambda *_: time.sleep(30))
    began = time.monotonic()
    said = bench(capsys, *COPY, "hard_seconds=2", f"results_dir={tmp_path}")
    assert said.code == 1 and time.monotonic() - began < 20
    assert [record["status"] for record in records(tmp_path)] == ["timed out"]


def test_a_sweep_goes_on_after_a_member_whose_time_is_over(capsys, monkeypatch, tmp_path):
    limits = iter([0, 1000])
    monkeypatch.setattr(runner, "Interrupts", lambda limit: Interrupts(limit=next(limits)))
    said = bench(capsys, "-m", *COPY, "seed=0,1", "hard_seconds=1000", f"results_dir={tmp_path}")
    assert said.code == 1
    assert sorted(record["status"] for record in records(tmp_path)) == ["done", "timed out"]
    assert "timed out" in said.out


def test_time_that_no_run_can_be_done_in_is_refused(capsys, tmp_path):
    assert "hard_seconds=0" in the_line(bench(capsys, *COPY, "hard_seconds=0", f"results_dir={tmp_path}"))
