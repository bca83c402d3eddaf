"""A .ts file is read as it stands, and what does not fit is named with its line."""

import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.api import DataError
from bench.tasks.common.sequences.ts import read_ts

HEADER = "# a comment\n@problemName Made Up\n@timeStamps false\n@univariate false\n@dimensions 2\n@equalLength false\n"
CLASSES = "@classLabel true up down\n@data\n"


def read(tmp_path, body, header=HEADER + CLASSES, **options):
    path = tmp_path / "MadeUp_TRAIN.ts"
    path.write_text(header + body)
    return read_ts(path, **options)


def failure(tmp_path, body, header=HEADER + CLASSES, **options):
    with pytest.raises(DataError) as caught:
        read(tmp_path, body, header, **options)
    line = str(caught.value)
    assert "\n" not in line and "MadeUp_TRAIN.ts" in line
    return line


def test_colons_part_dimensions_and_commas_time_steps(tmp_path):
    series = read(tmp_path, "1,2,3:4,5,6:down\n\n# a comment\n-1e2 , 0.5:7,8: up \n")
    assert series.name == "Made Up" and series.classes == ["up", "down"]
    assert [each.tolist() for each in series.sequences] == [[[1, 4], [2, 5], [3, 6]], [[-100, 7], [0.5, 8]]]
    assert series.labels.tolist() == [1, 0]


def test_headers_are_read_in_any_case_and_most_can_be_left_out(tmp_path):
    series = read(tmp_path, "1,2:a\n3:b\n", "  @CLASSLABEL TRUE a b\n\t@DATA \n")
    assert [each.tolist() for each in series.sequences] == [[[1], [2]], [[3]]]
    assert series.name == "MadeUp_TRAIN"


def test_missing_values_are_refused(tmp_path):
    line = failure(tmp_path, "1,2:3,4:up\n1,?:3,4:up\n")
    assert "line 10: has missing values; set task.missing=fill" in line
    assert "has missing values" in failure(tmp_path, "1,NaN:3,4:up\n")


def test_missing_values_are_filled_with_the_last_known_one(tmp_path):
    series = read(tmp_path, "?,1,?,?,2:?,?,?,?,?:up\n", missing="fill")
    assert series.sequences[0].T.tolist() == [[1, 1, 1, 1, 2], [0, 0, 0, 0, 0]]
    assert torch.isfinite(series.sequences[0]).all()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("1:2:up\n1:2:3:up\n", "line 10: has 3 dimensions instead of 2"),
        ("1:up\n", "line 9: has 1 dimensions instead of 2"),
        ("1,2:3:up\n", "line 9: dimensions have 1 to 2 time steps"),
        ("1:2:left\n", "line 9: class 'left' is none of @classLabel: up, down"),
        ("1:x:up\n", "line 9, dimension 2: could not convert string to float: 'x'"),
        ("1:inf:up\n", "line 9, dimension 2: holds an infinite number"),
        (":2:up\n", "line 9, dimension 1: could not convert"),
        ("", "holds no case after @data"),
    ],
)
def test_a_case_that_does_not_fit_is_named_with_its_line(tmp_path, body, message):
    assert message in failure(tmp_path, body)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (HEADER + "@classLabel false\n@data\n", "has no `@classLabel true"),
        (HEADER + "@targetLabel true\n@data\n", "has no `@classLabel true"),
        (HEADER.replace("false", "true", 1) + CLASSES, "has time stamps"),
        (HEADER.replace("@dimensions 2", "@dimensions two") + CLASSES, "@dimensions two is no count"),
        (HEADER.replace("@univariate false", "@univariate true") + CLASSES, "line 9: has 2 dimensions instead of 1"),
        (HEADER.replace("@univariate false", "@Univariate True") + CLASSES, "line 9: has 2 dimensions instead of 1"),
        (
            HEADER.replace("@equalLength false", "@equalLength true") + CLASSES,
            "@equalLength is true, but lengths differ",
        ),
        ("a,b,c\n" + CLASSES, "line 1: 'a,b,c' comes before @data"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(tmp_path, header, message):
    assert message in failure(tmp_path, "1:2:up\n1,2:3,4:up\n", header)


def test_a_header_must_end(tmp_path):
    assert "has no line @data; is it a .ts file?" in failure(tmp_path, "", HEADER)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x89\x8d\x00\x81"])
def test_a_file_that_is_no_text_is_named(tmp_path, content):
    (tmp_path / "MadeUp_TRAIN.ts").write_bytes(content)
    with pytest.raises(DataError, match=r"MadeUp_TRAIN.ts: .*byte .* is not.*; name a text file in .ts format"):
        read_ts(tmp_path / "MadeUp_TRAIN.ts")


BODY = "1.5,2:3,-4e1:up\n0.1,0.2:0.3,0.4:down\n"


@given(
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16"]),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    blank=st.sampled_from([" ", "\t", " \t "]),
    upper=st.booleans(),
)
def test_encodings_line_ends_blanks_and_case_change_nothing(tmp_path_factory, encoding, newline, blank, upper):
    folder = tmp_path_factory.mktemp("ts")
    header = HEADER.replace(" ", blank) + CLASSES.replace(" ", blank)
    if upper:
        header = re.sub(r"@\w+|true|false", lambda found: found[0].upper(), header)
    text = f"# from 0\u2013100\u20ac, by M\u00fcller\n{header}{BODY}".replace("\n", newline)
    (folder / "MadeUp_TRAIN.ts").write_bytes(text.encode(encoding))
    found, wanted = read_ts(folder / "MadeUp_TRAIN.ts"), read(folder, BODY)
    assert found.classes == wanted.classes and found.labels.tolist() == wanted.labels.tolist()
    assert [each.tolist() for each in found.sequences] == [each.tolist() for each in wanted.sequences]


def test_missing_values_at_the_end_of_all_dimensions_end_a_series(tmp_path):
    series = read(tmp_path, "1,2,?:3,?,NaN:up\n1,2,3:4,5,6:up\n", missing="fill")
    assert [len(each) for each in series.sequences] == [3, 3] and not series.notes, "as was asked, they are filled"
    assert "has missing values" in failure(tmp_path, "1,2,?:3,?,?:up\n"), "up to the last that is known"
    series = read(tmp_path, "1,2,?:3,4,NaN:up\n1,2,3:4,5,6:up\n")
    assert [each.tolist() for each in series.sequences] == [[[1, 3], [2, 4]], [[1, 4], [2, 5], [3, 6]]]
    assert series.notes == ["MadeUp_TRAIN.ts: 1 of 2 series end in missing values, read as their end"]


def test_values_keep_the_digits_of_float64(tmp_path):
    assert read(tmp_path, "100000000.25:1e-300:up\n").sequences[0].tolist() == [[100000000.25, 1e-300]]
