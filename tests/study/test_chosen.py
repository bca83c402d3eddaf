"""Stored runs by name, by sweep and by column."""

from __future__ import annotations

import json

import pytest
from factories import a_record, publish

from bench.errors import ConfigError, StoreError
from bench.results.store import Store
from bench.study.chosen import choose


@pytest.fixture
def results(tmp_path):
    """Runs gru_0 to gru_2 and lstm_0; an earlier sweep of two, and the latest, of which no run is stored."""
    for hour, (cell, seed) in enumerate([("gru", 0), ("gru", 1), ("gru", 2), ("lstm", 0)]):
        labels = {**a_record().labels, "cell": cell}
        publish(Store(tmp_path), f"{cell}_{seed}", seed=seed, labels=labels, finished=f"2026-01-01T0{hour}:00:00+00:00")
    for sweep, names in {
        "2026-01-01_a": ["gru_2"],
        "2026-01-02": ["lstm_0", "gru_1"],
        "2026-01-03": ["member [1/1]"],
    }.items():
        for number, name in enumerate(names):
            folder = tmp_path / "sweeps" / sweep / str(number)
            folder.mkdir(parents=True)
            (folder / "run.json").write_text(json.dumps({"id": name, "results": str(tmp_path), "sweep": "x"}))
    return tmp_path


@pytest.mark.parametrize(
    ("names", "where", "chosen", "lines"),
    [
        ([], {}, ["lstm_0", "gru_1"], ["no run of the sweep 2026-01-03 is stored; taking an earlier sweep"]),
        (["gru"], {}, ["gru_2"], ["gru: the latest of 3 runs is gru_2"]),
        (["gru_0", "lstm_0", "gru_0"], {}, ["gru_0", "lstm_0"], []),
        (["2026-01-02"], {}, ["lstm_0", "gru_1"], []),
        (["2026-01-02", "gru_0"], {"cell": ["gru"]}, ["gru_1", "gru_0"], []),
        (["2026-01-01"], {}, ["gru_2"], []),
        ([], {"cell": ["gru"], "seed": [0, 1]}, ["gru_0", "gru_1"], []),
    ],
)
def test_words_choose_runs(results, names, where, chosen, lines):
    said = []
    found = choose(str(results), names, where, said.append)
    assert [folder.name for folder in found] == chosen and said == lines


def test_a_sweep_may_be_named_by_its_folder(results):
    sweep = str(results / "sweeps" / "2026-01-02")
    assert [folder.name for folder in choose(str(results), [sweep], {}, print)] == ["lstm_0", "gru_1"]


@pytest.mark.parametrize(
    ("names", "where", "error", "line"),
    [
        (["nothing"], {}, StoreError, "there is no run nothing in"),
        ([""], {}, StoreError, "there is no run"),
        (["lstm_0"], {"cell": ["gru"]}, ConfigError, "fits lstm_0 cell=gru"),
        ([], {"cell": ["gru", "lstm"], "seed": [9]}, ConfigError, "fits cell=gru,lstm seed=9"),
        (["2026-01-03"], {}, ConfigError, "no run of the sweep"),
    ],
)
def test_where_no_run_is_chosen_a_line_says_so(results, names, where, error, line):
    with pytest.raises(error, match=line):
        choose(str(results), names, where, print)


def test_without_a_sweep_runs_must_be_named(tmp_path):
    with pytest.raises(ConfigError, match="there is no sweep in"):
        choose(str(tmp_path), [], {}, print)
