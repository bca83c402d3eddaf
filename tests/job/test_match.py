"""Matched sizes: the hidden size comes as near to the wanted count as one unit allows."""

from __future__ import annotations

import json
from functools import partial

import pytest
from cli_tools import COPY, bench
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.cells.attention import Attention
from bench.cells.exprnn import ExpRNN
from bench.cells.gru import GRU
from bench.cells.lstm import LSTM
from bench.cells.vanilla import Vanilla
from bench.config.schema import Config, MatchConfig
from bench.errors import ConfigError, StoreError
from bench.job.build import build_model, build_task
from bench.job.match import hidden_for
from bench.job.reload import reload
from bench.measure.flops import flops_per_token, parameter_count

TASK = build_task({"_target_": "bench.tasks.copy.Copy"})


def of_size(cell):
    return lambda hidden: build_model(Config(), TASK, cell, hidden)


@settings(max_examples=10)
@given(st.integers(10_000, 200_000), st.sampled_from([Vanilla, GRU, LSTM]))
def test_no_other_size_is_nearer(wanted, cell):
    build = of_size(cell)
    hidden = hidden_for(MatchConfig(params=wanted), build)
    gaps = {h: abs(parameter_count(build(h)) - wanted) for h in (hidden - 1, hidden, hidden + 1)}
    assert min(gaps, key=gaps.__getitem__) == hidden


def test_from_a_hundred_units_on_the_count_is_within_one_percent():
    build = of_size(GRU)
    hidden = hidden_for(MatchConfig(params=100_000), build)
    assert hidden > 100
    assert parameter_count(build(hidden)) == pytest.approx(100_000, rel=0.01)


def test_a_size_is_chosen_by_all_operations_of_a_token_those_of_attention_included():
    """A context that is four times as long leaves less for the width: each unit costs 4 operations for a key of it."""
    sizes = []
    for context in (16, 64):
        build = of_size(partial(Attention, context=context))
        sizes.append(hidden_for(MatchConfig(flops=50_000), build))
        assert flops_per_token(build(sizes[-1])) == pytest.approx(50_000, rel=0.1)
    assert sizes[1] < 0.9 * sizes[0]


def test_a_size_that_the_cell_refuses_is_passed_over():
    assert hidden_for(MatchConfig(params=parameter_count(of_size(ExpRNN)(2))), of_size(ExpRNN)) == 2


def test_a_count_out_of_reach_names_the_nearest():
    with pytest.raises(ConfigError, match=r"match.params=1: no hidden size comes .*nearest give .* size 1,"):
        hidden_for(MatchConfig(params=1), of_size(GRU))


def test_the_chosen_size_is_recorded_and_the_row_says_what_was_matched(capsys, tmp_path):
    options = [word for word in COPY if not word.startswith("model.hidden")]
    said = bench(capsys, *options, "cell=gru", "match.params=5000", f"results_dir={tmp_path}")
    assert said.code == 0 and "gru(match.params=5000)" in said.out
    (record,) = (json.loads(path.read_text()) for path in tmp_path.glob("runs/*/record.json"))
    assert record["hidden"] not in (None, record["config"]["model"]["hidden"])
    assert record["params"] == pytest.approx(5000, rel=0.1)


def test_a_matched_run_is_built_anew_at_its_size_without_a_search(capsys, tmp_path, monkeypatch):
    """A record from before the size was a fact of it has the size among its options."""
    options = [word for word in COPY if not word.startswith("model.hidden")]
    assert bench(capsys, *options, "match.params=5000", f"results_dir={tmp_path}").code == 0
    (folder,) = tmp_path.glob("runs/[!.]*")
    monkeypatch.setattr("bench.job.build.hidden_for", lambda *_: pytest.fail("the size is searched again"))
    record = json.loads((folder / "record.json").read_text())
    assert reload(folder).model.cells[0].hidden_size == record["hidden"]
    record["config"]["model"]["hidden"] = record.pop("hidden")
    (folder / "record.json").write_text(json.dumps(record))
    assert reload(folder).model.cells[0].hidden_size == record["config"]["model"]["hidden"]


@pytest.mark.parametrize("trained", [True, False])
def test_a_run_whose_record_states_another_size_than_it_builds_is_refused(capsys, tmp_path, trained):
    """Without its weights nothing else would show it: the initial weights of any size can be drawn."""
    options = [word for word in COPY if not word.startswith("model.hidden")]
    assert bench(capsys, *options, "match.params=5000", f"results_dir={tmp_path}").code == 0
    (folder,) = tmp_path.glob("runs/[!.]*")
    record = json.loads((folder / "record.json").read_text())
    (folder / "record.json").write_text(json.dumps({**record, "hidden": record["hidden"] + 1}))
    with pytest.raises(StoreError, match=rf"states {record['params']:,} parameters, and its options build a model of"):
        reload(folder, trained)


def test_two_counts_cannot_both_be_matched(capsys, tmp_path):
    said = bench(capsys, *COPY, "match.params=5000", "match.flops=5000", f"results_dir={tmp_path}")
    assert said.code == 2 and "match.params=5000 and match.flops=5000 are both set" in said.err
