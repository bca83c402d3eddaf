"""Losses that a run leaves untrained are told: at its start, in its row's name, in its record and after a sweep."""

from __future__ import annotations

import re

from cli_tools import TINY, bench, records

from bench.stats.scale import gap_closed

SLIDING = ("task=hello", "bptt=sliding", "measure.seconds=0.01")


def test_sliding_bptt_learns_hello_at_its_defaults(tmp_path, capsys):
    """Where the first 15 losses of each sequence were left out, it ended at 0.25; chance is 0.5."""
    assert bench(capsys, *SLIDING, "budget.steps=80", "evaluations=4", f"results_dir={tmp_path}").code == 0
    (record,) = records(tmp_path)
    metric = record["metric"]
    assert gap_closed(metric["test"], metric["chance"], metric["solved"]) == 1
    assert record["untrained"] == 0
    assert record["labels"]["bptt"] == "sliding(1, evaluations=4)"


def test_a_share_that_is_left_out_is_said_at_the_start_and_named_with_the_run(tmp_path, capsys):
    said = bench(capsys, *TINY, *SLIDING, "bptt.head=skip", f"results_dir={tmp_path}")
    assert "75% of the losses are not trained on: those before the first full bptt.horizon=16 of each batch" in said.err
    (record,) = records(tmp_path)
    assert record["untrained"] == 0.75
    assert record["labels"]["bptt"] == "sliding(1, head=skip, evaluations=1, 75% untrained)"


def test_a_sweep_ends_with_a_line_about_it(tmp_path, capsys):
    said = bench(capsys, "-m", *TINY, *SLIDING, "bptt.head=skip,grow", f"results_dir={tmp_path}")
    (line,) = [line for line in said.err.splitlines() if "75% untrained" in line and line.startswith("bench:")]
    assert re.fullmatch(
        r"bench: the first losses of each batch are not trained on in sliding\(1, head=skip, .*75% untrained\); "
        "bptt.head=grow does",
        line,
    )
