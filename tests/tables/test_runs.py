"""Runs as a frame: a row an attempt, with the figures of its record, found by label, name or any column."""

import itertools
import logging

import pandas as pd
import pytest
from factories import a_failure, a_record, a_row, a_score, publish

from bench.errors import ConfigError, StoreError
from bench.results.record import Record
from bench.results.store import Store
from bench.tables import runs as module
from bench.tables.listed import listed
from bench.tables.runs import COLUMNS, find_runs, frame

LABELS = a_record().labels


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Runs of several tasks, cells and regimes, one of which failed and one was interrupted."""
    folder = tmp_path_factory.mktemp("results")
    store = Store(folder)
    for number, (task, cell, bptt) in enumerate(
        [
            ("copy-v1", "gru", "full"),
            ("copy-v1(delay=20)", "gru(model.hidden=64)", "full(evaluations=2)"),
            ("copy-v2", "lstm", "truncated(16)"),
            ("copy-bai-v1", "gru_before", "full +preset(clip.norm=2)"),
            ("selective-copy-v1", "custom:MyCell(init=orthogonal)", "full"),
        ]
    ):
        publish(store, f"run{number}", seed=number, labels={**LABELS, "task": task, "cell": cell, "bptt": bptt})
    with store.open("run5", "run5") as opened:
        opened.publish(a_failure(labels=LABELS, seed=5))
    publish(store, "run0", status="interrupted", reason="by a signal", metric=a_score(None), labels=LABELS)
    return folder


def found(results, **where):
    return find_runs(results, where)["id"].to_list()


def test_a_frame_has_a_row_an_attempt_and_a_column_a_figure(results):
    table = find_runs(results)
    assert (table.columns.to_list(), len(table)) == (list(COLUMNS), 7)
    assert "written" not in COLUMNS and table["id"].to_list() == sorted(table["id"])
    first = table.set_index("id").loc["run0"]
    assert (first["task"], first["hardware"], first["seed"]) == ("copy-v1", LABELS["hardware"], 0)
    assert (first["metric"], first["test"], first["valid"], first["solved"]) == ("recall_accuracy", 0.97, 0.98, 1.0)
    assert (first["params"], first["step_us"], first["peak_mib"], first["seconds"]) == (51_210, 45.2, 12.5, 31.25)
    assert first["finished"] == pd.Timestamp("2026-01-31T12:00:00Z")
    failed = table.set_index("id").loc["run5"]
    assert (failed["status"], failed["reason"]) == ("failed", "model.hidden=0: must be 1 or more")
    assert failed[["metric", "test", "params", "step_us", "seconds"]].isna().all()


@pytest.mark.parametrize("rows", [[], [a_row()], [a_row(), a_row(params=None, test=None, finished="long ago")]])
def test_types_do_not_depend_on_what_is_missing(rows):
    dtypes = frame(rows).dtypes
    assert (dtypes["test"], dtypes["seconds"], dtypes["params"]) == ("float64", "float64", "Int64")
    assert isinstance(dtypes["finished"], pd.DatetimeTZDtype)
    assert len(frame(rows)) == len(rows)


@pytest.mark.parametrize(
    ("where", "numbers"),
    [
        ({"task": "copy"}, "0 0-2 1 2 5"),
        ({"task": "copy-v1"}, "0 0-2 1 5"),
        ({"task": "copy-v1(delay=20)"}, "1"),
        ({"task": "copy_bai"}, "3"),
        ({"task": "copy-bai"}, "3"),
        ({"task": ["copy_bai", "selective_copy"]}, "3 4"),
        ({"task": "cop"}, ""),
        ({"cell": "gru"}, "0 0-2 1 5"),
        ({"cell": "gru(model.hidden=64)"}, "1"),
        ({"cell": ("lstm", "custom:MyCell")}, "2 4"),
        ({"bptt": "full"}, "0 0-2 1 3 4 5"),
        ({"bptt": "truncated"}, "2"),
        ({"status": "done"}, "0 1 2 3 4"),
        ({"status": ["failed", "interrupted"]}, "0-2 5"),
        ({"seed": range(1, 3)}, "1 2"),
        ({"reason": None}, "0 1 2 3 4"),
        ({"test": None}, "0-2 5"),
        ({"budget": "1500"}, ""),
        ({"task": "copy", "cell": "gru", "status": "done"}, "0 1"),
        ({"id": "run3"}, "3"),
        ({"hardware": LABELS["hardware"], "seed": 4}, "4"),
    ],
)
def test_runs_are_found_by_any_column_and_labels_by_name_too(results, where, numbers):
    assert found(results, **where) == [f"run{number}" for number in numbers.split()]
    assert find_runs(results, where).index.to_list() == list(range(len(numbers.split())))


@pytest.mark.parametrize(
    ("where", "line"),
    [
        ({"statsu": "done"}, r"^statsu: runs have no such column \(did you mean status\?\); there are id, task, .*$"),
        ({"written": 1}, r"^written: runs have no such column"),
        (
            {"status": "dome"},
            r"^status=dome: there is no such status \(did you mean done\?\); "
            r"there are done, failed, diverged, interrupted, timed out, out of memory$",
        ),
        ({"status": ["done", None]}, r"^status=None: there is no such status"),
    ],
)
def test_an_unknown_column_or_status_is_one_clear_line_before_anything_is_read(line, where, tmp_path):
    with pytest.raises(ConfigError, match=line):
        find_runs(tmp_path / "not there", where)


def test_a_folder_without_runs_is_named_and_not_made(tmp_path):
    with pytest.raises(StoreError, match=r"^there are no runs in .*reslts/runs: .* results_dir="):
        find_runs(tmp_path / "reslts")
    assert not (tmp_path / "reslts").exists()


def test_records_that_cannot_be_read_are_told_to_the_logger_or_as_asked(tmp_path, caplog, capsys, monkeypatch):
    monkeypatch.setattr(logging.getLogger("bench"), "propagate", True)
    publish(Store(tmp_path), "good")
    publish(Store(tmp_path), "bad").joinpath("record.json").write_text("{")
    lines = []
    assert found(tmp_path) == find_runs(tmp_path, warn=lines.append)["id"].to_list() == ["good"]
    assert lines == [record.message for record in caplog.records if record.name == "bench"]
    assert len(lines) == 1 and "bad/record.json" in lines[0] and capsys.readouterr() == ("", "")


def test_runs_come_from_the_index_without_reading_a_record(results, monkeypatch):
    expected = find_runs(results)
    monkeypatch.setattr(Record, "read", lambda folder: pytest.fail(f"{folder} was read again"))
    pd.testing.assert_frame_equal(find_runs(results), expected)


def test_of_twenty_thousand_runs_each_different_label_is_read_once(monkeypatch):
    labels = itertools.cycle(["gru", "gru(model.hidden=64)", "lstm"])
    many = [a_row(seed=seed, cell=cell) for seed, cell in zip(range(20_000), labels, strict=False)]
    monkeypatch.setattr(module, "read", lambda *_: many)
    names, read = module._names, []
    monkeypatch.setattr(module, "_names", lambda column, label: read.append((column, label)) or names(column, label))
    assert len(find_runs(where={"cell": "gru", "task": "copy", "status": "done"})) == 13_334
    assert sorted(read) == [("cell", "gru"), ("cell", "gru(model.hidden=64)"), ("cell", "lstm"), ("task", "copy-v1")]


def test_seeds_set_apart_are_found_and_listed_and_others_follow_the_seed():
    rows = [a_row(seed=3, id="a"), a_row(seed=3, seed_data=7, id="b"), a_row(seed=3, seed_data=3, seed_split=0, id="c")]
    table = frame(rows)
    assert [*table["seed_data"]] == [3, 7, 3]
    lines = listed(table, 200).splitlines()
    assert [line.partition("  gru")[0].split(maxsplit=1)[1].strip() for line in lines[-3:]] == [
        "seed 3", "seed 3, data 7", "seed 3, split 0",
    ]  # fmt: skip
    assert "seeds" not in listed(frame(rows[:1]), 200)
