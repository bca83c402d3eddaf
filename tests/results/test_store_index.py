"""The index of the store: it saves reading records, and changes nothing else."""

import os
import re
import shutil
import tempfile

import pytest
from factories import a_score, publish
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.results.record import Record
from bench.results.store import Store


@pytest.fixture
def reads(monkeypatch):
    """The folders whose records have been read."""
    folders, read = [], Record.read
    monkeypatch.setattr(Record, "read", lambda folder: folders.append(folder.name) or read(folder))
    return folders


def test_a_record_is_read_once_and_again_only_when_it_is_another(tmp_path, reads):
    store = Store(tmp_path)
    for base in ("a", "b", "c"):
        publish(store, base)
    first = store.rows()
    assert (reads, [row.id for row in first[0]]) == (["a", "b", "c"], ["a", "b", "c"])
    assert store.rows() == first and len(reads) == 3
    shutil.rmtree(store.runs / "a")
    shutil.rmtree(store.runs / "b")
    publish(store, "b", seed=5)  # deleted and run again, under the same name
    publish(store, "d")
    assert [(row.id, row.seed) for row in store.rows()[0]] == [("b", 5), ("c", 0), ("d", 0)]
    assert reads[3:] == ["b", "d"]


numbers = st.none() | st.floats(allow_nan=True)
whole = st.integers(-(2**63), 2**63 - 1)
changes = st.fixed_dictionaries(
    {
        "seed": whole,
        "seconds": numbers,
        "params": st.none() | whole,
        "fingerprint": st.none() | st.text(),
        "metric": st.none() | st.builds(a_score, numbers),
        "status": st.sampled_from(["done", "failed", "diverged", "interrupted", "timed out", "out of memory"]),
    }
)


@settings(max_examples=25)
@given(st.lists(changes, max_size=4))
def test_rows_are_the_same_with_and_without_the_index(runs):
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        for run in runs:
            publish(store, "run", **run)
        read = store.rows()
        assert store.rows() == read and len(read[0]) == len(runs)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("0.97", "0.99"),
        lambda text: "\udcff" + text,
    ],
)
def test_a_damaged_index_is_made_anew(damage, tmp_path, reads):
    store = Store(tmp_path)
    publish(store, "run")
    rows = store.rows()
    index = store.runs / ".index.jsonl"
    whole = index.read_text()
    index.write_text(damage(whole), errors="surrogateescape")
    assert store.rows() == rows and reads == ["run", "run"] and index.read_text() == whole


def test_an_index_that_cannot_be_written_is_done_without(tmp_path, monkeypatch, reads):
    store = Store(tmp_path)
    publish(store, "run")
    (store.runs / ".index.jsonl").mkdir()
    assert [row.id for row in store.rows()[0]] == ["run"] and store.rows()[1] == []
    assert sorted(os.listdir(store.runs)) == [".index.jsonl", "run"]


def test_unreadable_records_are_reported_a_line_each_and_stop_nothing(tmp_path):
    store = Store(tmp_path)
    for base in ("a", "b", "c"):
        publish(store, base)
    (store.runs / "a" / "record.json").write_text("{")
    (store.runs / "b" / "record.json").unlink()
    (store.runs / "notes.txt").write_text("no run")
    rows, warnings = store.rows()
    assert [row.id for row in rows] == ["c"]
    assert [re.search("runs/(.)/record.json", line)[1] for line in warnings] == ["a", "b"]
    assert not any("\n" in line for line in warnings)
