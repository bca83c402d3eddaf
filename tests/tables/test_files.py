"""The leaderboard's files: a table of all and one a task, the same bytes from the same runs, and clear refusals."""

import logging
import math
import re

import pandas as pd
import pytest
from cli_tools import bench
from factories import a_failure, publish

import bench as library
from bench.errors import StoreError
from bench.printable import printable
from bench.results.record import Record
from bench.results.store import Store
from bench.tables.columns import COLUMNS
from bench.tables.files import write

NAMES = [column.name for column in COLUMNS]


@pytest.fixture
def results(tmp_path):
    """A results folder with two tasks, a failed run and an unreadable record."""
    store = Store(tmp_path)
    labels = Record.read(publish(store, "first")).labels
    publish(store, "second", seed=1, labels={**labels, "task": "charlm-v1(source=a/b)"})
    with store.open("third", "third") as folder:
        folder.publish(a_failure(labels=labels, identity="third", seed=1))
    publish(store, "fourth").joinpath("record.json").write_text("{")
    return tmp_path


def test_whole_numbers_are_written_whole_beside_rows_that_have_none(results):
    with Store(results).open("fifth", "fifth") as folder:
        labels = {**Record.read(results / "runs" / "first").labels, "task": "parity-v1"}
        folder.publish(a_failure(identity="fifth", labels=labels))
    write(results, lambda line: None)
    table = pd.read_csv(results / "leaderboard.csv", dtype=str)
    assert table["params"].isna().any() and (table["params"].dropna() == "51210").all()
    assert all(table[name].str.fullmatch(r"\d+").all() for name in ("seeds", "done", "failed", "diverged"))


def test_writing_makes_a_table_and_one_for_each_task_and_warns(results):
    warnings = []
    frame = write(results, warnings.append)
    names = sorted(path.name for path in results.iterdir() if path.is_file())
    assert names[1:] == ["copy-v1.csv", "leaderboard.csv"]
    assert re.fullmatch(r"charlm-v1\(source=a_b\)-[0-9a-f]{8}\.csv", names[0])
    assert len(warnings) == 1 and "fourth" in warnings[0]
    table = pd.read_csv(results / "leaderboard.csv")
    assert list(table.columns) == NAMES and list(table["failed"]) == [0, 1]
    pd.testing.assert_frame_equal(table, frame.fillna(math.nan), check_dtype=False)
    assert (results / "copy-v1.csv").read_text().splitlines()[1:] == (
        results / "leaderboard.csv"
    ).read_text().splitlines()[2:]


def test_writing_again_gives_the_same_bytes_and_warns_again(results, caplog, capsys, monkeypatch):
    monkeypatch.setattr(logging.getLogger("bench"), "propagate", True)
    write(results)
    before = {path: path.read_bytes() for path in results.glob("*.csv")}
    write(results)
    assert {path: path.read_bytes() for path in results.glob("*.csv")} == before
    assert [record.name for record in caplog.records if "fourth" in record.message] == ["bench"] * 2
    assert capsys.readouterr() == ("", "")


def test_tasks_that_differ_only_in_unsafe_characters_have_a_file_each(tmp_path):
    labels = Record.read(publish(Store(tmp_path), "run")).labels
    for task in ("a/b", "a:b", "a_b", "leaderboard", "../up"):
        publish(Store(tmp_path), f"run-{task.replace('/', '-')}", labels={**labels, "task": task})
    write(tmp_path)
    assert len(list(tmp_path.glob("*.csv"))) == 7 and not list(tmp_path.parent.glob("*.csv"))


def test_a_folder_without_runs_is_named_and_not_made(tmp_path):
    with pytest.raises(StoreError, match=r"^there are no runs in .*reslts/runs: .* results_dir="):
        write(tmp_path / "reslts")
    assert not (tmp_path / "reslts").exists()


def test_tables_that_cannot_be_written_are_one_line(results):
    (results / "leaderboard.csv").mkdir()
    with pytest.raises(StoreError, match=r"^cannot write to .*: Is a directory; .* results_dir="):
        write(results)


def test_five_thousand_runs_are_read_once(tmp_path, monkeypatch):
    store, read, text = Store(tmp_path), Record.read, Record.read(publish(Store(tmp_path), "first")).to_json()
    for number in range(4999):
        folder = store.runs / f"run{number}"
        folder.mkdir()
        (folder / "record.json").write_text(text.replace('"seed": 0', f'"seed": {number + 1}'))
    count = []
    monkeypatch.setattr(Record, "read", lambda folder: count.append(folder) or read(folder))
    first = write(tmp_path)
    assert len(count) == 5000 and list(first["seeds"]) == [5000]
    pd.testing.assert_frame_equal(write(tmp_path), first)
    assert len(count) == 5000


def test_the_verb_prints_the_table_and_says_on_stderr_which_record_it_cannot_read(results, capsys):
    code, out, err = bench(capsys, "leaderboard", f"results_dir={results}")
    assert code == 0 and out.startswith("charlm-v1(source=a/b): recall_accuracy")
    (line,) = err.splitlines()
    assert "fourth/record.json" in line


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\N{FULLWIDTH EQUALS SIGN}1", "\t=1", "\r=1"])
def test_a_text_that_a_spreadsheet_would_run_is_written_as_text(text, tmp_path):
    labels = Record.read(publish(Store(tmp_path), "first")).labels
    publish(Store(tmp_path), "second", labels={**labels, "cell": text, "bptt": f"full({text})"})
    write(tmp_path)
    table = pd.read_csv(tmp_path / "leaderboard.csv").set_index("bptt")
    shown = table.loc[[name for name in table.index if name != "full"], "cell"].item()
    assert shown[0] in "'\\" and shown.lstrip("'").strip() == printable(text).strip()
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in table["cell"])


def test_the_tables_of_a_folder_that_cannot_be_written_are_shown_and_that_is_said(results, capsys):
    (results / "leaderboard.csv").mkdir()
    code, out, err = bench(capsys, "leaderboard", f"results_dir={results}")
    assert code == 0 and out.startswith("charlm-v1(source=a/b): recall_accuracy")
    assert re.search(r"^the tables are shown, but not written: cannot write to .*: Is a directory", err, re.MULTILINE)
    assert len(library.leaderboard(results)) == 2
