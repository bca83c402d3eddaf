"""A pair of files of the UEA or UCR archive, in every layout the archive has had, and what must not pass as one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.api import DataError
from bench.tasks.common.sequences.archive import read_problem

TRAIN = [("1", [0.5, -1.25, 3.0]), ("-1", [2.0, 0.25, 1e-3]), ("1", [4.0, 5.0])]
TEST = [("-1", [9.0, 8.0, 7.0]), ("1", [0.0, 1.0])]


def table(rows, between="\t", label="{}", number="{:g}"):
    """Lines of the UCR archive: shorter series are padded to the longest."""
    width = max(len(values) for _, values in rows)
    padded = [
        [label.format(name), *map(number.format, values), *["NaN"] * (width - len(values))] for name, values in rows
    ]
    return "".join(between.join(fields) + "\n" for fields in padded)


def ts(rows, classes=("-1", "1")):
    cases = "".join(f"{','.join(map(str, values))}:{name}\n" for name, values in rows)
    return f"@univariate true\n@classLabel true {' '.join(classes)}\n@data\n{cases}"


def put(folder, train, test, kind=".tsv", names=("Made_TRAIN", "Made_TEST")):
    for name, text in zip(names, (train, test), strict=True):
        (folder / f"{name}{kind}").write_text(text)
    return str(folder)


def content(problem):
    return [
        [
            (series.classes[label], each.flatten().tolist())
            for label, each in zip(series.labels, series.sequences, strict=True)
        ]
        for series in (problem.train, problem.test)
    ]


@given(
    layout=st.sampled_from([(".tsv", "\t"), (".txt", "  "), (".csv", ","), ("", ",")]),
    label=st.sampled_from(["{}", "{}.0", "{}.0000000e+00"]),
    number=st.sampled_from(["{:g}", "{:.7e}"]),
    names=st.sampled_from([("Made_TRAIN", "Made_TEST"), ("made_train", "made_test"), ("MADE_Train", "MADE_Test")]),
)
def test_every_layout_of_the_ucr_archive_is_what_ts_files_say(tmp_path_factory, layout, label, number, names):
    kind, between = layout
    folder, other = tmp_path_factory.mktemp("ucr"), tmp_path_factory.mktemp("ts")
    texts = [table(rows, between, label, number) for rows in (TRAIN, TEST)]
    problem = read_problem(put(folder, *texts, kind, names), "refuse")
    assert content(problem) == content(read_problem(put(other, ts(TRAIN), ts(TEST), ".ts"), "refuse")) == [TRAIN, TEST]
    assert problem.train.classes == problem.test.classes == ["-1", "1"]
    assert f"{names[0]}{kind}: 1 of 3 series end in missing values, read as their end" in problem.notes


def test_a_test_that_lists_its_own_classes_alone_has_trains_numbers(tmp_path):
    train = ts([("a", [1.0]), ("b", [2.0]), ("c", [3.0])], "abc")
    problem = read_problem(put(tmp_path, train, ts([("c", [4.0]), ("b", [5.0])], "cb"), ".ts"), "refuse")
    assert problem.test.classes == ["a", "b", "c"] and problem.test.labels.tolist() == [2, 1]
    assert "train has series of class a, test none" in problem.notes


def test_a_class_that_train_lists_and_lacks_counts_as_an_error_and_is_told(tmp_path):
    rows = [("c", [4.0]), ("b", [5.0])]
    problem = read_problem(put(tmp_path, ts([("a", [1.0]), ("b", [2.0])], "abc"), ts(rows, "cb"), ".ts"), "refuse")
    assert "test has series of class c, train none: each counts as an error" in problem.notes
    source = put(tmp_path, ts([("a", [1.0]), ("b", [2.0])], "ab"), ts(rows, "cb"), ".ts")
    with pytest.raises(DataError, match="Made_TEST.ts: has 1 series of class c, Made_TRAIN.ts a, b; name files of one"):
        read_problem(source, "refuse")


def test_what_lies_beside_the_pair_is_left_out_and_said(tmp_path):
    (tmp_path / "._Made_TRAIN.ts").write_bytes(b"\x00\x05\x16\x07")
    (tmp_path / "README.md").write_text("words")
    put(tmp_path, table(TRAIN), table(TEST))
    problem = read_problem(put(tmp_path, ts(TRAIN), ts(TEST), ".ts"), "refuse")
    assert problem.notes[0] == (
        f"{tmp_path}: read 2 files; left out 1 hidden: ._Made_TRAIN.ts; "
        "left out 3 of another kind: README.md, Made_TEST.tsv, Made_TRAIN.tsv"
    )


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ("1\t2\t3\n1\t2\n", "line 2: has 1 values after the class, the first line 2; correct it"),
        ("1\n2\n", "line 1: has 0 values after the class"),
        ("1\t2\n\n0.5\t3\n", "line 3: class 0.5 is no whole number; put the class first in each line"),
        ("1\t2\n1\tx\n", "line 2: could not convert string to float: 'x'"),
        ("0\t2\n1\t3\n2\t1\n", "each of its 3 lines has a class of its own"),
        ("1\tNaN\n1\t2\n", "line 1: holds no value; remove it"),
        ("1\t2\n\t2\n", "line 2: its first field, the class, is empty"),
        ("1\t2\t?\t3\n", "line 1: has missing values; set task.missing=fill"),
        ("1\t2\tinf\n", "line 1: holds an infinite number"),
        ("# nothing\n", "holds no series"),
    ],
)
def test_a_table_that_does_not_fit_is_named_with_its_line(tmp_path, train, message):
    with pytest.raises(DataError, match="Made_TRAIN.tsv.*") as caught:
        read_problem(put(tmp_path, train, table(TEST)), "refuse")
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_missing_values_within_a_series_are_filled_and_its_padding_is_its_end(tmp_path):
    problem = read_problem(put(tmp_path, "a\tNaN\t2\t\t4\tNaN\nb\t1\t1\t1\t1\t1\n", "b\t1\n"), "fill")
    assert problem.train.sequences[0].flatten().tolist() == [2, 2, 2, 4] and problem.train.classes == ["a", "b"]


@pytest.mark.parametrize("header", ["class\tt0\tt1\tt2\n", "0\t1\t2\t3\n", "label\t0\t1\t2\n"])
def test_a_header_is_no_series_and_is_said(tmp_path, header):
    problem = read_problem(put(tmp_path, header + table(TRAIN), header + table(TEST)), "refuse")
    assert content(problem) == [TRAIN, TEST]
    assert "Made_TRAIN.tsv: its first line is a header" in problem.notes
    assert "Made_TRAIN.tsv: classes are the first field of each line: -1, 1" in problem.notes


def test_arff_files_are_met_with_those_to_take(tmp_path):
    with pytest.raises(DataError, match="files in .arff are not read; take NAME_TRAIN.ts and NAME_TEST.ts"):
        read_problem(put(tmp_path, "@relation x", "@relation x", ".arff"), "refuse")
