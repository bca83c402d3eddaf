"""CSV files as people have them: columns by name, values as meant, what is wrong is named with its line in the file."""

import bz2
import gzip

import numpy as np
import pytest

from bench.api import DataError
from bench.tasks.common.tables.dialect import WrittenAs
from bench.tasks.common.tables.table import read_table


@pytest.fixture
def read(tmp_path):
    """A function that reads a text as a CSV file."""

    def make(text, separator=None, decimal=None, header=None):
        path = tmp_path / "series.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_table(str(path), WrittenAs.of(separator, decimal, header))

    return make


def values_of(table):
    return [table.numbers(name).tolist() for name in table.names]


@pytest.mark.parametrize(
    ("text", "names", "row", "note"),
    [
        ("a,b\n1.5,2\n3,4\n", ["a", "b"], [1.5, 2], None),
        ("a;b\n1,5;2\n3,25;4\n", ["a", "b"], [1.5, 2], "separator semicolon, decimal comma"),
        ("v\n1000,0\n1002,5\n", ["v"], [1000], "decimal comma"),
        ("a\tb\n1.234,5\t1.234\n2,5\t2.345\n", ["a", "b"], [1234.5, 1234], "decimal comma, '.' between thousands"),
        ('a,b\n"1,234.5",1\n"2,345",2\n', ["a", "b"], [1234.5, 1], "',' between thousands"),
        ("a b\n1.5 2\n3   4\n", ["a", "b"], [1.5, 2], "separator space"),
        ("a|b\n1|2\n3|4\n", ["a", "b"], [1, 2], "separator pipe"),
        (",v\n0,1000.0\n1,1002.5\n", ["Unnamed: 0", "v"], [0, 1000], None),
        ("v,w\n1.5,2,\n3,4,\n", ["v", "w"], [1.5, 2], None),
        ("v,w,\n1.5,2,\n3,4,\n", ["v", "w"], [1.5, 2], None),
        ('"v"\n"1",0.5\n"2",0.75\n', ["Unnamed: 0", "v"], [1, 0.5], None),
        ("v;w\n1;0,5;3\n2;0,7;4\n", ["Unnamed: 0", "v", "w"], [1, 0.5, 3], "separator semicolon, decimal comma"),
        ("v\n1,0.5\n2,0.7\n", ["Unnamed: 0", "v"], [1, 0.5], None),
        ("1000.0,505.0\n1002.5,504.95\n", ["column1", "column2"], [1000, 505], "no header: columns are named"),
        ("# a b\n1.5 2\n3 4\n", ["a", "b"], [1.5, 2], "no header: names are those in the comment before, a, b"),
        ("a,b\ns,m/s\n1.5,2\n3,4\n", ["a", "b"], [1.5, 2], "a row below the header is left out, as units: s, m/s"),
        (",0,1\n0,1.5,7\n1,2.5,8\n", ["Unnamed: 0", "0", "1"], [0, 1.5, 7], "names, though 0, 1 are numbers"),
        ("a,2001\n1.5,2\n3,4\n", ["a", "2001"], [1.5, 2], "the first row is read as names, though 2001 are numbers"),
        ("a,2001,2002\nx,2.5,3\ny,3.5,4\n", ["a", "2001", "2002"], None, "names, though 2001, 2002 are numbers"),
        ("p,c\nq,A\nday,\n2020-01-01,1.5\n2020-01-02,2\n", ["p", "c"], None, "left out, as units: q, A"),
        ("sep=;\na;b\n1,5;2\n3,25;4\n", ["a", "b"], [1.5, 2], "separator semicolon, decimal comma"),
        ("# made\n\na,b\r\n1.5,2\r3,4", ["a", "b"], [1.5, 2], None),
        ("a,b\n1.5,\u22122\n3,4\n".encode("utf-16"), ["a", "b"], [1.5, -2], None),
        ("T\u00b0;b\n1.5;2\n3;4\n".encode("cp1252"), ["T\u00b0", "b"], [1.5, 2], "is not in UTF-8; names are read"),
        ("v\n1.234\n2.345\n", ["v"], [1.234], "1.234 is read with a decimal point; set task.decimal=comma if"),
        ("v\n1\n\n2\n", ["v"], [1], "1 blank lines between rows are left out"),
        ("a,b\n1.5,2\n,\n,\n", ["a", "b"], [1.5, 2], "2 rows of separators alone at the end are left out"),
    ],
)  # fmt: skip
def test_a_dialect_is_found_out_and_told(read, text, names, row, note):
    table = read(text)
    assert table.names == names and (row is None or [column[0] for column in values_of(table)] == row)
    assert bool(table.notes) == (note is not None) and (note is None or note in ", ".join(table.notes))


def test_a_name_above_dates_is_one_though_a_name_is_a_number(read):
    table = read("day,1\n2020-01-01,5\n2020-01-02,6\n")
    assert table.names == ["day", "1"] and table.is_text("day") and not table.is_text("1")


@pytest.mark.parametrize(
    ("text", "given", "wanted"),
    [
        ("1,5\n2,7\n", {"separator": "comma"}, [[1, 2], [5, 7]]),
        ("1,5\n2,7\n", {"decimal": "comma"}, [[1.5, 2.7]]),
        ("a;b\n1,234;5\n2,345;6\n", {"decimal": "comma"}, [[1.234, 2.345], [5, 6]]),
        ("a;b\n1,234;5\n2,345;6\n", {"decimal": "."}, [[1234, 2345], [5, 6]]),
        ("v\n1.234\n2.345\n", {"decimal": "comma"}, [[1234, 2345]]),
        ('"a","b"\n"1,234","5"\n"2,345","6"\n', {"decimal": "comma"}, [[1.234, 2.345], [5, 6]]),
        ("1,2\n3,4\n5,6\n", {"header": True, "separator": ","}, [[3, 5], [4, 6]]),
        ("1,2,3\n3,4,5\n5,6,7\n", {"header": False}, [[1, 3, 5], [2, 4, 6], [3, 5, 7]]),
    ],
)
def test_what_may_be_read_in_two_ways_is_read_as_the_user_says(read, text, given, wanted):
    assert values_of(read(text, **given)) == wanted


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1,5\n2,7\n", r"line 2: '2,7' may be 2 or 1 columns; set task\.separator, task\.decimal=point or comma, or"),
        ("v\n1,0\n2,5\n3,7\n", r"may be . or . columns"),
        ("1 100\n2 200\n", r"may be . or . columns"),
        ("day,v\n2020-01-01,1000,0\n2020-01-02,1002,5\n", r"line 2: has 3 fields, not 2"),
        ('"day","v"\n"2020-01-01",1000,0\n"2020-01-02",1002,5\n', r"line 2: has 3 fields, not 2"),
        ("no,v\n1,1000,0\n2,1002,5\n", r"line 2: has 3 fields, not 2"),
        ("a;b\n1,234;5\n2,345;6\n", r"'1,234' may have a decimal comma or stand for 1234; set task\.decimal=comma, or"),
        ("a;b;c\n1,2;2.5;1\n1,5;x;2\n", r"line 2: '2\.5' has a decimal point, and '1,2' in line 2 a comma"),
        (
            "# c\n\na,b\n1,2\n3,4,5\n6,7\n",
            r"line 5: has 3 fields, not 2 as line 3; correct the line, write # before lines",
        ),
        ("a,b\n1,2\n3\n6,7\n", r"line 3: has 1 field, not 2"),
        ("a,b\n1,2,3\n4,6,6\n", r"line 2: has 3 fields, not 2"),
        ("a,a\n1,2\n", r"has more than one column a; rename all but one"),
        ('a,b\n1,"2\n3,4\n', r'line 2: a quotation mark \("\) is not closed'),
        ("a;b\n1,5;2\n12.5;3\n", r"line 3: '12\.5' has a decimal point, and '1,5' in line 2 a comma"),
        ("", r"no CSV file: it has no rows; give the path"),
        ('{"t": 1, "v": 2.5}\n{"t": 2, "v": 1.5}\n', r"line 1: begins as JSON, HTML or XML does"),
        ("[\n {\n", r"line 1: begins as JSON"),
        ("\n<!DOCTYPE html>\n<table>\n", r"line 2: begins as JSON, HTML or XML does"),
        ("a,b\n", r"no rows below its header"),
        ("\u00f6\u00e4,b\n1,2\n".encode() + b"3,\xff\n", r"series\.csv: byte 13 \(0xff\) is not utf-8; convert it"),
        (b"a\x00\x00\xff" * 50, r"series\.csv: .*; convert it to UTF-8, or give the path"),
        (b"\x93NUMPY\x01\x00v\x00\x81", r"series\.csv: "),
    ],
)
def test_a_file_in_doubt_is_refused_in_one_line(read, text, says):
    with pytest.raises(DataError, match=says) as caught:
        read(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("# c\n\na\n1\n2\nx\n4\n", r"series\.csv, line 6: a is 'x', no finite number; .*task\.columns"),
        ("a\n1\ninf\n", r"line 3: a is 'inf', no finite number"),
        ('a,b\n"1\n",2\n3,4\n5,x\n7,1\n', r"line 5: b is 'x'"),
    ],
)
def test_a_cell_that_is_no_number_is_named_with_its_line(read, text, says):
    table = read(text)
    with pytest.raises(DataError, match=says):
        values_of(table)


@pytest.mark.parametrize("marker", ["", "NA", "NaN", "null", "-", "?", "#N/A", "n/a"])
def test_markers_of_missing_values(read, marker):
    assert np.isnan(read(f"a,b\n1,2\n{marker},3\n").numbers("a")).tolist() == [False, True]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"separator": ":"}, "task.separator=: must be one of comma, semicolon, tab, pipe, space, or null"),
        ({"decimal": ";"}, "task.decimal=; must be one of point, comma, or null"),
        ({"separator": "comma", "decimal": ","}, "are the same sign"),
    ],
)
def test_a_sign_that_none_uses_is_refused(given, says):
    with pytest.raises(ValueError, match=says):
        WrittenAs.of(**{"separator": None, "decimal": None, "header": None} | given)


def test_a_missing_file_is_named_with_the_alternatives(tmp_path):
    with pytest.raises(DataError, match=r"no\.csv: no such file .*give a or b"):
        read_table(str(tmp_path / "no.csv"), WrittenAs(), "give a or b")


@pytest.mark.parametrize("text", [",".join(map(str, range(300_000))) + "\n1\n", "a\n" + "1," * 300_000 + "\n"])
def test_a_table_of_more_columns_than_any_model_reads_is_refused_at_once(read, text):
    with pytest.raises(DataError, match=r"has 300,00[01] columns.*, and at most 10,000 are read"):
        read(text)


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress)])
def test_a_packed_table_is_read_as_a_plain_one(tmp_path, suffix, pack):
    (tmp_path / f"it.csv{suffix}").write_bytes(pack(b"a,b\n1,2\n3,4\n"))
    assert values_of(read_table(str(tmp_path / f"it.csv{suffix}"), WrittenAs())) == [[1, 3], [2, 4]]
