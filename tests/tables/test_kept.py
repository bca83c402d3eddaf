"""The table that is kept beside many runs: it saves time, and changes no byte of what is written or shown."""

import shutil

import pandas as pd
import pytest
from factories import publish
from many_runs import fill

from bench.results.store import Store
from bench.tables import files, kept
from bench.tables.columns import BEHIND, COLUMNS
from bench.tables.tabulate import tabulate


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Twelve runs, where twelve are many."""
    monkeypatch.setattr(files, "_MANY", 12)
    assert fill(tmp_path, tasks=2, cells=2, seeds=3) == 12
    return tmp_path


@pytest.fixture
def made(monkeypatch):
    """How many tables have been made."""
    calls = []
    monkeypatch.setattr(files, "tabulate", lambda *words: calls.append(words) or tabulate(*words))
    return calls


def csvs(results):
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in results.glob("*.csv")}


def test_a_table_is_made_once_and_again_only_where_a_run_came_went_or_was_written_again(results, made):
    first = files.table(results)
    assert [*first] == [column.name for column in (*COLUMNS, *BEHIND)]
    before = csvs(results)
    pd.testing.assert_frame_equal(files.table(results), first, check_exact=True)
    assert len(made) == 1 and csvs(results) == before, "nor are the files written again"
    publish(Store(results), "another", seed=7)
    assert len(files.table(results)) == len(first) + 1 and len(made) == 2
    shutil.rmtree(results / "runs" / "another")
    pd.testing.assert_frame_equal(files.table(results), first, check_exact=True)
    assert len(made) == 3
    (record,) = (results / "runs").glob("task0_0_0_s0/record.json")
    record.write_text(record.read_text().replace('"test": 0.', '"test": 0.0'))
    assert not files.table(results)["score"].equals(first["score"]) and len(made) == 4


def test_a_file_that_is_gone_or_was_changed_is_written_again(results, made):
    files.table(results)
    before = {name: content for name, (content, _) in csvs(results).items()}
    (results / "leaderboard.csv").write_text("mine")
    (results / "task0-v1.csv").unlink()
    files.table(results)
    assert {name: content for name, (content, _) in csvs(results).items()} == before and len(made) == 1


def test_files_that_could_not_be_written_are_told_each_time_and_never_taken_for_new(results, monkeypatch):
    files.table(results)
    publish(Store(results), "another", seed=7)
    said = []
    with monkeypatch.context() as patch:
        patch.setattr(files, "write_atomic", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        for _ in range(2):
            files.table(results, said.append)
    assert len(said) == 2 and all("shown, but not written" in line for line in said)
    files.table(results)
    assert "copy-v1" in (results / "leaderboard.csv").read_text()


def test_lines_of_doubt_are_said_each_time(results):
    (record,) = (results / "runs").glob("task0_0_0_s0/record.json")
    record.write_text(record.read_text().replace(f'"harness": "{"3" * 64}"', '"harness": null'))
    said = [[], []]
    for lines in said:
        files.table(results, lines.append)
    assert said[0] == said[1] and len(said[0]) == 2 and (results / "runs" / kept.NAME).is_file()


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[: len(data) // 2], lambda data: data[::-1]])
def test_a_damaged_one_and_one_of_other_code_are_made_anew(results, made, damage, monkeypatch):
    first = files.table(results)
    path = results / "runs" / kept.NAME
    path.write_bytes(damage(path.read_bytes()))
    pd.testing.assert_frame_equal(files.table(results), first, check_exact=True)
    assert len(made) == 2
    monkeypatch.setattr(kept, "_code", lambda: "another")
    files.table(results)
    assert len(made) == 3


def test_none_is_kept_of_few_runs_nor_where_a_record_cannot_be_read(results, monkeypatch):
    (results / "runs" / "task0_0_0_s0" / "record.json").write_text("{")
    said = []
    files.table(results, said.append)
    assert len(said) == 1 and not (results / "runs" / kept.NAME).exists()
    monkeypatch.setattr(files, "_MANY", 10)
    shutil.rmtree(results / "runs" / "task0_0_0_s0")
    files.table(results)
    assert (results / "runs" / kept.NAME).exists()
