"""A record may hold anything: it gives a row or a warning that names its file, and breaks no table of the others."""

import copy
import json
import os
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from cli_tools import bench
from factories import a_record, a_row, publish
from hypothesis import example, given, settings
from hypothesis import strategies as st

import bench as library
from bench.results.record import Record
from bench.results.store import Store
from bench.tables.closing import scores_in_a_line, summary
from bench.tables.files import write
from bench.tables.runs import find_runs
from bench.tables.tabulate import tabulate
from bench.tables.text import to_markdown, to_text

TREE = json.loads(a_record().to_json())


def all_places(tree, at=()):
    """The path of each value in a tree, from the whole to the leaves."""
    yield at
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in inner:
        yield from all_places(value, (*at, key))


PLACES = [place for place in all_places(TREE) if place]


def with_value(place, value):
    """The tree of a good record, but for the value at `place`."""
    tree = copy.deepcopy(TREE)
    inner = tree
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return tree


def deep(levels):
    """So many lists in each other, in JSON."""
    return "[" * levels + "]" * levels


def check(folder, text):
    """Put `text` beside a good record as another's: all that reads records gives a row or a warning, and shows it."""
    store = Store(folder)
    publish(store, "good")
    (store.runs / "other").mkdir()
    (store.runs / "other" / "record.json").write_text(text, encoding="utf-8")
    for _ in range(2):  # without the index, then from it
        rows, warnings = store.rows()
        assert [row.id for row in rows][:1] == ["good"] and len(rows) + len(warnings) == 2
        assert all("other/record.json" in line and line.isprintable() for line in warnings)
    frame = write(folder, lambda _: None)
    for shown in (to_text(frame), to_markdown(frame)):
        assert all(line.isprintable() and len(line) < 1000 for line in shown.split("\n"))
    assert len(find_runs(folder, warn=lambda _: None)) == len(rows)
    counts = ["done", "failed", "diverged", "timed_out", "out_of_memory"]
    assert sum(pd.read_csv(Path(folder) / "leaderboard.csv")[counts].sum()) in (1, 2)
    if len(rows) == 2:
        record = Record.read(store.runs / "other")
        assert all(line.isprintable() for line in summary(record).split("\n"))
        assert record.metric is None or scores_in_a_line(record).isprintable()


leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.sampled_from([10**400, -(10**400), 2**63, 1e308, -1e308, 1e-320])
    | st.text(st.characters(), max_size=5)
    | st.sampled_from(["\ud800", "\x1b[2J", "=1+1", "a|b`<i>", "\u202e", "a\nb", "2026", "NaN", ""])
)
values = (
    leaves | st.lists(leaves, max_size=2) | st.dictionaries(st.text(st.characters(), max_size=3), leaves, max_size=2)
)


@settings(max_examples=60)
@given(st.sampled_from(PLACES), values)
@example(("params",), 10**30)
@example(("seed",), 2**63)
@example(("seed",), -(2**63))
@example(("metric", "test"), 10**400)
@example(("metric", "test"), 1e308)
@example(("metric", "valid"), -(10**300))
@example(("speed", "step_us", "median"), 1e308)
@example(("seconds",), None)
@example(("seconds",), 1e300)
@example(("labels", "task"), "\udcff")
@example(("labels", "cell"), "line\nbreak | `code` <b>")
@example(("finished",), "yesterday")
@example(("finished",), 7)
@example(("scores", "test"), {})
@example(("metric", "name"), "renamed")
@example(("metric", "name"), "")
def test_any_value_at_any_place_gives_a_row_or_a_warning(place, value):
    with tempfile.TemporaryDirectory() as folder:
        check(folder, json.dumps(with_value(place, value)))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Expecting value"),
        (deep(10_000), "it is nested too deep"),
        (json.dumps({**TREE, "config": 0}).replace('"config": 0', f'"config": {{"a": {deep(10_000)}}}'), "nested"),
        (json.dumps(TREE).replace('"params": 51210', '"params": 1' + "0" * 400), "params is not as schema 1 has it"),
        (json.dumps(TREE).replace('"params": 51210', '"params": 1' + "0" * 5000), "digits"),
        (json.dumps(TREE).replace('"test": 0.97', '"test": NaN'), "NaN is no number in JSON"),
        (json.dumps(TREE).replace('"test": 0.97', '"test": -Infinity'), "-Infinity is no number in JSON"),
        (json.dumps(TREE).replace('"seed": 0', '"seed": 0, "seed": 1'), "seed is there twice"),
        (json.dumps({**TREE, "finished": "no date"}), "Invalid isoformat string"),
    ],
    ids=range(9),
)
def test_a_record_that_no_table_can_hold_is_named_with_the_reason(text, why, tmp_path):
    check(tmp_path, text)
    (line,) = Store(tmp_path).rows()[1]
    assert why in line and len(line) < 300


def test_a_number_beyond_all_floats_counts_as_unknown(tmp_path):
    check(tmp_path, json.dumps(TREE).replace('"test": 0.97', '"test": 1e999'))
    assert [row.test for row in Store(tmp_path).rows()[0]] == [0.97, None]


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_in_a_records_place_is_named_at_once(make, tmp_path):
    publish(Store(tmp_path), "good")
    (tmp_path / "runs" / "other").mkdir()
    make(tmp_path / "runs" / "other" / "record.json")
    rows, (line,) = Store(tmp_path).rows()
    assert len(rows) == 1 and "other/record.json" in line


def test_a_folder_whose_name_is_no_text_is_a_row_with_its_name_escaped(tmp_path):
    store = Store(tmp_path)
    publish(store, "good")
    for name in (b"caf\xe9", b"line\nbreak"):
        os.rename(publish(store, "other"), os.fsencode(store.runs) + b"/" + name)
    (store.runs / "circle").symlink_to("circle")
    for _ in range(2):
        assert [row.id for row in store.rows()[0]] == [r"caf\udce9", "good", r"line\nbreak"]
    assert list(library.runs(tmp_path)["id"]) == [r"caf\udce9", "good", r"line\nbreak"]


def test_the_command_shows_a_hostile_record_beside_the_others_and_does_nothing_that_it_says(tmp_path, capsys):
    labels = {**TREE["labels"], "cell": "\x1b[2J\n=HYPERLINK(1)"}
    publish(Store(tmp_path), "run", labels=labels, metric={**TREE["metric"], "name": "\u202eycarucca"})
    said = bench(capsys, "leaderboard", f"results_dir={tmp_path}")
    assert (said.code, said.err) == (0, "")
    assert r"\x1b[2J\n=HYPERLINK(1)" in said.out and r"\u202eycarucca" in said.out
    assert all(line.isprintable() for line in said.out.split("\n"))


def test_the_index_holds_whatever_a_row_can_hold_and_another_versions_index_is_made_anew(tmp_path, monkeypatch):
    from bench.results import store as module

    store = Store(tmp_path)
    publish(store, "run", reason="\udcff\u2028\n", seed=2**63 - 1)
    first = store.rows()
    read = []
    original = Record.read
    monkeypatch.setattr(Record, "read", lambda folder: read.append(folder) or original(folder))
    assert store.rows() == first and not read
    for line in ('["run"]', "[]", "7", '["run", {}]', deep(100_000)):
        body = f"{line}\n"
        (store.runs / ".index.jsonl").write_text(f"{module._seal(body)}\n{body}")
        assert Store(tmp_path).rows() == first
    os.remove(store.runs / ".index.jsonl")
    os.mkfifo(store.runs / ".index.jsonl")
    assert store.rows() == first


def test_one_odd_date_costs_the_others_nothing(tmp_path):
    """Of several forms pandas would take the first for all."""
    for name, finished in (("a", "20260131"), ("b", "2026-01-31T12:00:00+00:00"), ("c", "2026-01-31T12:00:00.5")):
        publish(Store(tmp_path), name, finished=finished)
    assert find_runs(tmp_path)["finished"].notna().all()


@pytest.mark.parametrize("scores", [[1e308, 1e308], [1e308, -1e308], [1e200, 2e200], [1e307, 0.5]])
def test_the_largest_numbers_have_a_mean_and_a_width_that_fits(scores):
    rows = [a_row(test=score, seed=seed) for seed, score in enumerate(scores)]
    assert max(map(len, to_text(tabulate(rows), width=100).splitlines())) <= 100
    assert tabulate(rows)["score"].item() == pytest.approx(scores[0] / 2 + scores[1] / 2)
