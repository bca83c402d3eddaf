"""What a file's columns are for is found from what they hold, and told; gaps and doubtful rows are told too."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.api import DataError
from bench.tasks.common.tables.series import read_series
from bench.tasks.common.tables.spacing import is_counter


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """A function that reads a text as the series to forecast."""
    path = tmp_path_factory.mktemp("series") / "series.csv"

    def make(text, columns=None, predict=None, date=None, gaps="interpolate"):
        path.write_text(text)
        return read_series(str(path), columns, predict, date, gaps, None)

    return make


def table(*columns, header):
    """The text of a CSV file."""
    return "\n".join([header, *(",".join(map(str, row)) for row in zip(*columns, strict=True))]) + "\n"


WAVES = [round(100 * np.sin(n) + n % 7, 3) for n in range(12)]
OTHER = [round(50 * np.cos(n) - n % 5, 3) for n in range(12)]
DAYS = [f"2020-01-{n + 1:02}" for n in range(12)]


@pytest.mark.parametrize(
    ("first", "name", "why"),
    [
        (range(1700, 1712), "YEAR", "a counter"),
        (range(12), "", "a counter"),
        ([n / 10 for n in range(12)], "seconds", "a counter"),
        (range(12, 0, -1), "left", "a counter"),
        (DAYS, "day", "the time"),
        (["x", "yes", "n", "north"] * 3, "kind", "text"),
        ([20200101 + n for n in range(12)], "when", "the time"),
        ([1.6e9 + 60 * n + n % 2 for n in range(12)], "timestamp", "the time"),
        ([f"{1 + n // 4}:{n % 4}0" for n in range(12)], "clock", "text"),
        ([f"a{n}" for n in range(12)], "id", "text"),
        (
            [f"2020-{n + 1:03}" for n in range(12)],
            "Date of it",
            "text in no form of dates that is known, so rows are taken as they stand",
        ),
    ],
)
def test_what_is_left_is_the_target_and_the_only_input(read, first, name, why):
    found = read(table(first, WAVES, header=f"{name},v"))
    assert found.names == ("v",) and found.target.tolist() == WAVES and found.inputs[:, 0].tolist() == WAVES
    assert found.notes[0] == f"forecasts v from v; {name or 'Unnamed: 0'} is left out: {why}"


def test_of_several_columns_the_user_names_the_target(read):
    text = table(range(12), DAYS, WAVES, OTHER, header="no,day,a,b")
    says = r"several columns to forecast, a, b, beside day \(the time\), no \(a counter\); .* as in task\.predict=b$"
    with pytest.raises(DataError, match=says):
        read(text)
    found = read(text, predict="b")
    assert found.names == ("a", "b") and found.place == 1 and found.target.tolist() == OTHER
    assert found.notes == ("forecasts b from a, b; day is left out: the time; no is left out: a counter",)
    assert read(text, columns=["b", "a"]).target.tolist() == OTHER, "the first of those named"
    assert read(text, columns=["no", "a"], predict="a").names == ("no", "a"), "a counter that is asked for is read"
    assert read(text, predict="no").target.tolist() == list(range(12))
    with pytest.raises(DataError, match=r"has no column to forecast, beside no \(a counter\); .* task\.predict=no$"):
        read(table(range(12), header="no"))


def test_what_may_have_been_meant_as_numbers_is_shown_and_an_odd_name_is_quoted(read):
    says = r"no column to forecast, beside p \(text, such as '\$6'\); write numbers bare, as 12\.5, or set task\.separ"
    with pytest.raises(DataError, match=says):
        read("p\n5\n$6\n$8\n")
    with pytest.raises(DataError, match=r"beside t \(a counter\), v \(text, such as '=6'\); write numbers bare"):
        read("t,v\n1,=6\n2,=7\n3,=9\n")
    with pytest.raises(DataError, match=r"""as in 'task\.predict="p \(mbar\)"'$"""):
        read(table(WAVES, OTHER, header="b,p (mbar)"))


def test_dates_come_before_numbers_that_are_named_like_a_time(read):
    ids = [7 * n + n % 3 for n in range(12)]
    (note,) = read(table(ids, DAYS, WAVES, header="id,day,v")).notes
    assert note == "forecasts v from v; day is left out: the time; id is left out: another time"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"columns": ["c"]}, r"has no column c \(task\.columns\), only a, b"),
        ({"date": "c"}, r"has no column c \(task\.date\), only a, b"),
        ({"predict": "c"}, r"has no column c \(task\.predict\), only a, b"),
        ({"columns": ["a"], "predict": "b"}, r"task\.predict=b is none of the columns read, a"),
    ],
)
def test_a_column_that_is_not_there_is_named_with_those_that_are(read, options, says):
    with pytest.raises(DataError, match=says):
        read(table(WAVES, OTHER, header="a,b"), **options)


@given(
    start=st.integers(-1000, 1000), step=st.sampled_from([1, -1, 5, 0.1, 1 / 3, 1e-6, 3600.0]), count=st.integers(3, 50)
)
def test_any_arithmetic_progression_is_a_counter_and_a_jump_ends_it(start, step, count):
    values = np.array([start + step * n for n in range(count)], float)
    assert is_counter(values)
    values[-1] += step / 2
    assert not is_counter(values) and not is_counter(np.full(count, float(start)))


def test_a_row_that_is_not_after_the_one_before_is_named_with_what_to_do(read):
    for last, says in (
        (DAYS[-2], r"line 13: day is '2020-01-11', the time of the row before; keep a row for each time"),
        (DAYS[0], r"line 13: day is '2020-01-01', earlier than the row before; sort the rows by time"),
        ("soon", r"line 13: day is 'soon', no date in the form of the others"),
        ("", r"line 13: day is '', no date"),
    ):
        text = table([*DAYS[:-1], last], WAVES, header="day,v")
        with pytest.raises(DataError, match=says):
            read(text, date="day")
        with pytest.raises(DataError, match=f"{says}.*; or read the rows as they stand by naming task.columns"):
            read(text)
        (_, note) = read(text, columns=["v"]).notes
        assert note.endswith("rows are read as they stand"), "who names the columns need not have dates"


def test_rows_that_descend_are_read_from_the_last_to_the_first(read):
    found = read(table(DAYS[::-1], WAVES, header="day,v"))
    assert found.target.tolist() == WAVES[::-1] and "day descends: rows are read from the last" in found.notes[1]


def test_a_date_and_a_time_of_day_in_two_columns_are_one_time(read):
    clocks = [f"{2 * (n % 12)}:00:00" for n in range(12)] * 2
    days = ["16/12/2006"] * 12 + ["17/12/2006"] * 12
    found = read(table(days, clocks, WAVES + OTHER, header="Date,Time,v"))
    assert found.notes == ("forecasts v from v; Date, Time are left out: the time",)


def test_steps_that_are_not_equal_are_counted_with_the_first_line(read):
    (_, note) = read(table([*DAYS[:5], *(f"2020-02-{n + 1:02}" for n in range(7))], WAVES, header="day,v")).notes
    assert note == (
        "day: 1 of 11 steps in time are not the usual 1 day, the first before line 7; rows are taken as equally spaced"
    )


def test_an_hour_that_clocks_repeat_is_told_and_one_with_offsets_is_read(read):
    local = [f"2020-10-25 0{n}:00" for n in (0, 1, 2, 2, 3, 4)]
    with pytest.raises(DataError, match=r"line 5: .*the time of the row before.*where clocks are set back"):
        read(table(local, WAVES[:6], header="t,v"))
    offsets = [f"{cell}+0{2 if n < 3 else 1}:00" for n, cell in enumerate(local)]
    assert len(read(table(offsets, WAVES[:6], header="t,v")).notes) == 1


GAPPY = "day,a,b\n1,1,10\n2,,20\n3,,\n4,4,40\n"


def test_gaps_are_counted_and_filled_in_by_a_straight_line(read):
    found = read(GAPPY, predict="a")
    assert np.array_equal(found.inputs, [[1, 10], [2, 20], [3, 30], [4, 40]])
    assert found.real.tolist() == [True, False, False, True] and found.origin.endswith("2 rows with gaps filled in")


def test_rows_with_gaps_are_left_out_or_refused_if_so_asked(read):
    found = read(GAPPY, predict="a", gaps="drop")
    assert np.array_equal(found.inputs, [[1, 10], [4, 40]]) and found.real.all()
    with pytest.raises(DataError, match=r"2 of 4 rows lack a value, the first in line 3; .*task\.gaps=interpolate"):
        read(GAPPY, predict="a", gaps="refuse")
    assert read("a,b\n1,\n2,\n5,\n").notes[0] == "forecasts a from a; b is left out: no value"
    with pytest.raises(DataError, match="column b holds no value"):
        read("a,b\n1,\n2,\n5,\n", columns=["a", "b"])


@pytest.mark.parametrize(
    ("mark", "count", "far"), [(-9999, 2, True), (-9999, 1, False), (-200, 3, False), (1e4, 3, True)]
)
def test_a_number_that_repeats_far_from_all_others_is_in_doubt(read, mark, count, far):
    notes = read(table([*WAVES[:-count], *[mark] * count], header="v")).notes[1:]
    assert len(notes) == far
    assert not far or notes[0].startswith(f"v: {mark:g} stands in {count} rows, far from all others;")


CELLS = st.one_of(
    st.text("0123456789.,;-+eE:/ '\"#ab\u00b5\t|?", max_size=8),
    st.sampled_from(
        [
            "2020-01-01",
            "1.2.2020",
            "2020Q1",
            "10:30",
            "NA",
            "1e400",
            "0x10",
            "1_000",
            "True",
            "sep=;",
            "19991231",
            "\ufeff",
        ]
    ),
    st.integers(-(10**20), 10**20).map(str),
)


@settings(max_examples=60)
@given(
    st.lists(st.lists(CELLS, min_size=1, max_size=4), min_size=0, max_size=8),
    st.sampled_from([",", ";", "\t", " ", "|"]),
)
def test_any_text_is_a_series_or_refused_in_one_line(read, rows, separator):
    refusal = ""
    try:
        found = read("\n".join(map(separator.join, rows)))
        assert np.isfinite(found.inputs).all() and found.notes
    except DataError as error:
        refusal = str(error)
    assert "\n" not in refusal
