"""Dates in any of the usual forms are the same times; steps are compared as a calendar does."""

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.tasks.common.tables.dates import is_stamp, numeric_stamps, read_stamps
from bench.tasks.common.tables.spacing import odd_steps

FORMS = [
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%f", "%Y/%m/%d %H:%M:%S", "%Y.%m.%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S,%f", "%Y-%m-%d %H:%M:%S UTC", "%Y-%m-%d %H:%M:%S+00:00", "%d.%m.%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%Y-%m-%d %I:%M:%S %p", "%d-%m-%Y %H.%M.%S", "%Y%m%d%H%M%S",
    "%Y%m%dT%H%M%S", "%Y%m%d-%H%M%SZ", "%Y-%m-%d_%H:%M:%S", "%a, %d %b %Y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y",
    "%A, %d. %B %Y %H:%M:%S", "%d %b %Y %H:%M:%S", "%b %d, %Y %H:%M:%S", "%d/%b/%Y:%H:%M:%S +0000",
]  # fmt: skip


def times_of(cells, **options):
    found = read_stamps(pd.Series(cells), **options)
    return None if found is None else found[0]


@settings(max_examples=40)
@given(
    form=st.sampled_from(FORMS),
    start=st.datetimes(pd.Timestamp("1970-01-01"), pd.Timestamp("2060-01-01")),
    step=st.sampled_from(["1s", "10min", "1h", "1D", "7D"]),
    count=st.integers(40, 60),
)
def test_a_time_is_the_same_in_any_form(form, start, step, count):
    """Forms that leave day or month open are read right, or refused."""
    wanted = pd.date_range(start.replace(microsecond=0), periods=count, freq=step)
    cells = wanted.strftime(form)
    assert all(map(is_stamp, cells))
    try:
        found = times_of(cells)
    except ValueError:
        found = None
    if found is None:
        assert wanted.day.max() <= 12
        return
    if form[:2] in ("%d", "%m") and wanted.day.max() <= 12:  # either reading ascends in the same steps
        assert odd_steps(found) is None
    else:
        np.testing.assert_array_equal(found, wanted.to_numpy())


@pytest.mark.parametrize(
    ("cells", "months"),
    [
        (["2001Q1", "2001Q2", "2001Q3"], [0, 3, 6]),
        (["2001-q1", "2001-q2", "2001-q4"], [0, 3, 9]),
        (["Q4 2000", "Q1 2001"], [-3, 0]),
        (["2001-01", "2001-02", "2001-12"], [0, 1, 11]),
        (["2001M1", "2001M02", "2001M10"], [0, 1, 9]),
        (["01/2001", "02/2001", "1/2002"], [0, 1, 12]),
        (["Jan-01", "Feb-01"], [0, 1]),
        (["January 2001", "May 2001"], [0, 4]),
        (["Jan 2001", "Mar 2001"], [0, 2]),
    ],
)
def test_quarters_and_months_are_their_first_day(cells, months):
    found = times_of(cells)
    assert (found.astype("datetime64[M]") - np.datetime64("2001-01")).astype(int).tolist() == months
    assert (found == found.astype("datetime64[M]")).all() and all(map(is_stamp, cells))


@pytest.mark.parametrize("cells", [["2020-W53", "2021-W01"], ["2020W53", "2021W01"], ["2020-W53-1", "2021-W01-1"]])
def test_weeks_are_those_of_iso_8601(cells):
    assert times_of(cells).astype("datetime64[D]").astype(str).tolist() == ["2020-12-28", "2021-01-04"]


def test_offsets_that_change_with_daylight_saving_are_compared_in_utc():
    times = times_of(["2020-10-25 02:00:00+02:00", "2020-10-25 02:00:00+01:00", "2020-10-25T03:00:00+0100"])
    assert np.diff(times).astype("timedelta64[h]").astype(int).tolist() == [1, 1]


def test_what_is_below_a_second_counts():
    assert odd_steps(times_of([f"2020-01-01 00:00:00.{n:03}" for n in range(0, 900, 100)])) is None
    assert len(set(times_of(["2020-01-01 00:00:00.0000001", "2020-01-01 00:00:00.0000002"]))) == 2


@pytest.mark.parametrize(
    ("cells", "first"),
    [
        (["01.02.2020", "02.02.2020", "13.02.2020"], "2020-02-01"),
        (["12/31/2020", "12/31/2020 6:00", "12/31/2020 12:00:00", "12/31/2020 12:00:00.5"], "2020-12-31"),
        (["31.12.20 22:00 +0100", "31.12.20 22:00 +0000"], "2020-12-31"),
        (["01/02/2020", "01/03/2020", "01/13/2020"], "2020-01-02"),
        (["11.01.2009 23:50", "12.01.2009 00:00", "12.01.2009 00:10"], "2009-01-11"),
    ],
)
def test_a_day_above_twelve_or_equal_steps_tell_the_day_from_the_month(cells, first):
    times = times_of(cells)
    assert times[0].astype("datetime64[D]") == np.datetime64(first) and (np.diff(times) > np.timedelta64(0)).all()


def test_day_and_month_that_nothing_tells_apart_are_asked_for():
    with pytest.raises(ValueError, match=r"'01/02/2020' and all others may have the day or the month first"):
        times_of(["01/02/2020", "03/04/2020", "04/05/2020"])


@pytest.mark.parametrize("cells", [["a", "b"], ["N", "SW"], ["May be", "not"], ["1.5", "2.5"], ["A1", "B2"], ["", ""]])
def test_a_text_is_no_date(cells):
    assert times_of(cells) is None


def test_a_cell_of_another_form_is_missing_and_each_is_read_by_itself_if_so_asked():
    assert np.isnat(times_of(["2020-01-01"] * 20 + ["soon"])).tolist() == [False] * 20 + [True]
    assert not np.isnat(times_of(["1 January 2020 5pm", "2020-01-02"], guess=True)).any()


def test_numbers_are_dates_where_all_of_them_are():
    assert numeric_stamps(np.array([19991231.0, 20000101])).astype("datetime64[D]").tolist()[1].day == 1
    assert numeric_stamps(np.array([19991232.0, 20000101])) is None and numeric_stamps(np.array([1999.0, 2000])) is None


@pytest.mark.parametrize(
    ("times", "wanted"),
    [
        (["2020-01-31", "2020-02-29", "2020-03-31", "2020-04-30"], None),
        (["2020-01-15", "2020-02-15", "2020-03-15"], None),
        (["2019-01-01", "2020-01-01", "2021-01-01", "2023-01-01"], (1, 3, "12 months")),
        (["2020-01-01", "2020-01-02", "2020-01-04", "2020-01-05"], (1, 2, "1 day")),
        (["2020-01-01T00:00", "2020-01-01T00:10", "2020-01-01T00:20", "2020-01-01T01:00"], (1, 3, "00:10:00")),
    ],
)
def test_steps_that_are_not_the_usual_one_are_counted(times, wanted):
    assert odd_steps(np.array(times, "datetime64[s]")) == wanted


def test_one_format_reads_a_long_column():
    """Where each of 420,000 stamps was read by itself they took half a minute."""
    cells = pd.Series(pd.date_range("2009-01-01", periods=60_000, freq="10min").strftime("%d.%m.%Y %H:%M:%S"))
    start = time.process_time()
    assert not np.isnat(times_of(cells)).any() and time.process_time() - start < 2
