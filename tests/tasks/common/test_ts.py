"""A .ts file is read as it stands, and what does not fit is named with its line."""

import pytest
import torch

from bench.api import DataError
from bench.tasks.common.ts import read_ts

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


def test_a_file_that_is_no_text_is_named(tmp_path):
    (tmp_path / "MadeUp_TRAIN.ts").write_bytes(b"\xff\xfd\x00")
    with pytest.raises(
        DataError, match=r"MadeUp_TRAIN.ts: byte 0 \(0xff\) is not utf-8; name a text file in .ts format"
    ):
        read_ts(tmp_path / "MadeUp_TRAIN.ts")
