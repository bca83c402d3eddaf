"""A table in any dialect is read to the same values, or refused in a line with the options to set: never to others."""

import csv
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.api import DataError
from bench.tasks.common.tables.dialect import WrittenAs
from bench.tasks.common.tables.table import read_table

FOUND = WrittenAs()


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """A function that reads a text as a table."""
    path = tmp_path_factory.mktemp("tables") / "table.csv"

    def make(text, separator=None, decimal=None, header=None):
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_table(str(path), WrittenAs.of(separator, decimal, header))

    return make


MISSING = ("", "NA", "-", "?")
NUMBERS = st.one_of(
    st.integers(-3_000_000, 3_000_000).map(str),
    st.decimals(-2_000_000, 2_000_000, places=3, allow_nan=False).map(str),
    st.decimals(-2000, 2000, places=1, allow_nan=False).map(str),
    st.floats(-1e9, 1e9, allow_nan=False).map(repr),
)
VALUES = NUMBERS | st.sampled_from(MISSING)


@st.composite
def tables(draw):
    """Columns of numbers as text, with names, and perhaps an index or dates in front."""
    width, height = draw(st.integers(1, 4)), draw(st.integers(2, 12))
    rows = [[draw(VALUES if number else NUMBERS) for _ in range(width)] for number in range(height)]
    first = draw(st.sampled_from([None, "index", "date", "stamp"]))
    known = ["a", "b", "T (degC)", "x y"] + ["wind, max"] * (width > 1 or first is not None)  # else it is two names
    names = draw(st.lists(st.sampled_from(known), min_size=width, max_size=width, unique=True))
    if first is not None:
        marks = {"index": "{0}", "date": "2020-01-{0:02}", "stamp": "{0:02}.03.2021 10:00:00"}[first]
        rows = [[marks.format(number + 1), *row] for number, row in enumerate(rows)]
        names = ["" if first == "index" else first, *names]
    return names, rows, first is not None


DIALECTS = st.fixed_dictionaries({
    "separator": st.sampled_from([",", ";", "\t", "|"]),
    "decimal": st.sampled_from([".", ","]),
    "group": st.sampled_from(["", "", "other", "'", "\u202f"]),
    "header": st.sampled_from([True, True, False]),
    "quoting": st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    "end": st.sampled_from(["\n", "\r\n", "\r"]),
    "trailing": st.booleans(),
    "comment": st.sampled_from(["", "# made by hand\n"]),
    "units": st.booleans(),
    "encoding": st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
})  # fmt: skip


def numeral(text, decimal, group):
    """A plain number in another dialect."""
    if text in MISSING or "e" in text:
        return text.replace(".", decimal)
    whole, _, rest = text.partition(".")
    sign, digits = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    if group:
        digits = f"{int(digits):,}".replace(",", {"other": "." if decimal == "," else ","}.get(group, group))
    return sign + digits + (decimal + rest if rest else "")


def written(names, rows, has_marks, dialect):
    """The bytes of a table in a dialect."""

    def cells(row):
        numbers = [numeral(cell, dialect["decimal"], dialect["group"]) for cell in row[has_marks:]]
        return [*row[:has_marks], *numbers, *[""] * dialect["trailing"]]

    file = io.StringIO()
    writer = csv.writer(file, delimiter=dialect["separator"], quoting=dialect["quoting"], lineterminator="\n")
    if dialect["header"]:
        writer.writerow([*names, *[""] * dialect["trailing"]])
        if dialect["units"]:
            writer.writerow(["s"] * len(names) + [""] * dialect["trailing"])
    writer.writerows(map(cells, rows))
    text = dialect["comment"] + file.getvalue()
    return text.replace("\n", dialect["end"]).encode(dialect["encoding"])


def plain(text):
    return float("nan") if text in MISSING else float(text)


@settings(max_examples=60)
@given(tables(), DIALECTS)
def test_a_table_is_read_to_its_values_or_refused_in_any_dialect(read, table, dialect):
    names, rows, has_marks = table
    content = written(names, rows, has_marks, dialect)
    while dialect["quoting"] == csv.QUOTE_MINIMAL and len(rows[-1]) + dialect["trailing"] > 1 and not any(rows[-1]):
        rows = rows[:-1]  # rows of separators alone at the end are none
    refusal = ""
    try:
        found = read(content)
        columns = found.names[-len(names) + has_marks :]
        values = np.stack([found.numbers(name) for name in columns], axis=1)
    except DataError as error:
        refusal = str(error)
    if refusal:
        assert "\n" not in refusal and "task." in refusal
        return
    if dialect["group"] == "other" and any("read with a decimal point" in note for note in found.notes):
        return  # it says that 1.234 may be a thousand
    wanted = np.array([[plain(cell) for cell in row[has_marks:]] for row in rows])
    np.testing.assert_array_equal(values, wanted)
    assert len(found.names) == len(names) and (columns == names[has_marks:] or not dialect["header"])


@settings(max_examples=30)
@given(st.data(), st.integers(1, 3), st.integers(3, 10), st.sampled_from([None, "index", "day"]))
def test_decimal_commas_between_commas_are_refused_whatever_is_in_front(read, data, width, height, first):
    """Of 2020-01-01,1000,5 no one knows what it means; one number in each line can only be one."""
    numbers = st.decimals(0, 2000, places=data.draw(st.integers(1, 2)), allow_nan=False).map(str)
    rows = [[data.draw(numbers).replace(".", ",") for _ in range(width)] for _ in range(height)]
    names = ["a", "b", "c"][:width]
    if first is not None:
        rows = [[str(n + 1) if first == "index" else f"2020-01-{n + 1:02}", *row] for n, row in enumerate(rows)]
        names = [first, *names]
    text = "\n".join(map(",".join, [names, *rows]))
    if len(names) == 1:
        refusal = ""
        try:
            found = read(text).numbers("a").tolist()
        except DataError as error:
            refusal = str(error)
        assert (
            " columns; set task.separator" in refusal
            if refusal
            else found == [plain(row[0].replace(",", ".")) for row in rows]
        )
    else:
        with pytest.raises(
            DataError, match=r"line 2: has \d fields, not \d as line 1; .*task\.separator, task\.decimal"
        ):
            read(text)
