"""CSV files: what is missing is counted and filled in, left out or refused; what is wrong is named with its line."""

import gzip

import numpy as np
import pytest

from bench.api import DataError
from bench.tasks.common.table import read_table


@pytest.fixture
def read(tmp_path):
    """A function that reads a text as a CSV file."""

    def make(text, columns=None, date=None, gaps="interpolate"):
        path = tmp_path / "series.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_table(str(path), columns, date, gaps)

    return make


GAPPY = "day,a,b\n1,1,10\n2,,20\n3,,\n4,4,40\n"


def test_gaps_are_counted_and_filled_in_by_a_straight_line(read):
    table = read(GAPPY, date="day")
    assert table.columns == ["a", "b"] and table.missing == 2
    assert np.array_equal(table.values, [[1, 10], [2, 20], [3, 30], [4, 40]])
    assert np.array_equal(table.real, [[1, 1], [0, 1], [0, 0], [1, 1]])


def test_rows_with_gaps_are_left_out_or_refused_if_so_asked(read):
    table = read(GAPPY, date="day", gaps="drop")
    assert np.array_equal(table.values, [[1, 10], [4, 40]]) and table.missing == 2 and table.real.all()
    with pytest.raises(DataError, match=r"2 of 4 rows lack a value, the first in line 3; .*task\.gaps=interpolate"):
        read(GAPPY, date="day", gaps="refuse")
    assert read(GAPPY, columns=["day"], gaps="refuse").missing == 0


def test_a_file_may_begin_with_the_mark_of_utf_8(read):
    assert read(("\ufeff" + GAPPY).encode(), date="day").columns == ["a", "b"]


def test_columns_are_read_in_the_order_asked_for(read):
    assert np.array_equal(read("a,b,c\n1,2,3\n4,5,6\n", columns=["c", "a"]).values, [[3, 1], [6, 4]])


@pytest.mark.parametrize("dates", [("1999", "2000"), ("19991231", "20000101"), ("1999-12-31", "2000-01-01")])
def test_dates_ascend(read, dates):
    first, second = dates
    assert read(f"t,a\n{first},1\n{second},2\n", date="t").columns == ["a"]
    for wrong in (first, "", "soon"):
        with pytest.raises(DataError, match=r"line 3: t is .*no date after the one before; sort"):
            read(f"t,a\n{first},1\n{wrong},2\n", date="t")


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        ("a\n1\nx\n", {}, r"series\.csv, line 3: a is 'x', no finite number; .*task\.columns"),
        ("a\n1\ninf\n", {}, r"line 3: a is 'inf', no finite number"),
        ("a,b\n1,2\n", {"columns": ["c"]}, r"has no column c \(task\.columns\), only a, b"),
        ("a,b\n1,2\n", {"date": "c"}, r"has no column c \(task\.date\), only a, b"),
        ("a\n1\n", {"date": "a"}, r"no column beside task\.date=a"),
        ("a,b\n1,\n2,\n", {}, "column b holds no value"),
        ("", {}, r"no CSV file in UTF-8 \(No columns"),
        (b"a\n\xff\xfe\n", {}, r"no CSV file in UTF-8"),
    ],
)
def test_a_bad_file_is_named_in_one_line(read, text, options, says):
    with pytest.raises(DataError, match=says) as caught:
        read(text, **options)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named_with_the_alternatives(tmp_path):
    with pytest.raises(DataError, match=r"no\.csv: no such file .*mackey_glass, narma10, or the path"):
        read_table(str(tmp_path / "no.csv"), None, None, "interpolate")


@pytest.mark.parametrize("text", [",".join(map(str, range(300_000))) + "\n1\n", "a\n" + "1," * 300_000 + "\n"])
def test_a_table_of_more_columns_than_any_model_reads_is_refused_at_once(read, text):
    with pytest.raises(DataError, match=r"has 300,00[01] columns.*, and at most 10,000 are read"):
        read(text)


def test_a_packed_table_is_read_as_a_plain_one(tmp_path):
    (tmp_path / "it.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n3,4\n"))
    assert read_table(str(tmp_path / "it.csv.gz"), None, None, "refuse").values.tolist() == [[1, 2], [3, 4]]
