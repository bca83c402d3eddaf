"""Dates and times as people write them: one format is found from a sample of a column and reads all of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pandas as pd

from .spacing import ascends, odd_steps

__all__ = ["is_clock", "is_stamp", "numeric_stamps", "read_stamps"]

_SAMPLE = 1000
_WRONG = 0.1  # the share of cells that may be wrong in a column of dates, so that their lines can be named
_CLOCK = (
    r"(?P<hour>[0-9]{1,2})(?P<colon>[:.])[0-9]{2}(?P<second>(?P=colon)[0-9]{2}(?P<fraction>[.,][0-9]+)?)?"
    r"(?P<half> ?[AaPp][Mm])?"
)
_ZONE = r"(?P<zone> ?(?:Z|UTC|GMT|[-+][0-9]{2}(?::?[0-9]{2})?))?"
_YEAR_FIRST = re.compile(
    rf"[0-9]{{4}}(?P<sign>[-/.])[0-9]{{1,2}}((?P=sign)[0-9]{{1,2}}((?P<gap>[T _]){_CLOCK}{_ZONE})?)?"
)
_YEAR_LAST = re.compile(rf"(?P<a>[0-9]{{1,2}})(?P<sign>[-/.])(?P<b>[0-9]{{1,2}})(?P=sign)"
                        rf"(?P<year>[0-9]{{4}}|[0-9]{{2}})((?P<gap>[T ]|, ){_CLOCK}{_ZONE})?")  # fmt: skip
_OF_DIGITS = {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_DIGITS = re.compile(r"(19|20)[0-9]{6}([T _-]?[0-9]{4}([0-9]{2})?Z?)?")
_PERIOD = re.compile(r"(?P<year>[0-9]{4})[- ]?(?P<kind>[QMW])(?P<number>[0-9]{1,2})|Q(?P<q>[1-4])[-/ ]?(?P<y>[0-9]{4})"
                     r"|(?P<month>0?[1-9]|1[0-2])[-/.](?P<year_of_it>[0-9]{4})", re.IGNORECASE)  # fmt: skip
_WEEK_DAY = re.compile(r"[0-9]{4}-?W[0-9]{2}-?[1-7]")
_NAMED = re.compile(r"[\w,./: +-]*(?<![A-Za-z])(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[\w,./: +-]*", re.I)
_DATES = (
    "%b-%y", "%b-%Y", "%b %Y", "%B %Y", "%B-%Y", "%Y-%b", "%Y %b", "%Y-%B", "%Y %B", "%d-%b-%y", "%d-%b-%Y", "%d-%B-%Y",
    "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y", "%d/%b/%Y", "%d %b %y", "%Y-%b-%d",
    "%d. %b %Y", "%d. %B %Y",
)  # fmt: skip
_CLOCKS = ("", " %H:%M", " %H:%M:%S", ", %H:%M", " %I:%M %p", " %I:%M:%S %p", " %H:%M:%S %z", ":%H:%M:%S %z",
           " %H:%M:%S GMT", " %H:%M:%S UTC")  # fmt: skip
_DAYS = ("", "%a, ", "%a ", "%A, ")
_FORMS = (*(f"{day}{date}{clock}" for day in _DAYS for date in _DATES for clock in _CLOCKS),
          *(f"{day}%b %d %H:%M:%S %Y" for day in _DAYS))  # fmt: skip


def is_clock(cell: str) -> bool:
    """Whether a cell is a time of day."""
    return re.fullmatch(_CLOCK, cell) is not None


def is_stamp(cell: str) -> bool:
    """Whether a cell looks like a date, a time of day, or both."""
    if any(shape.fullmatch(cell) for shape in (_YEAR_FIRST, _YEAR_LAST, _DIGITS, _PERIOD, _WEEK_DAY)):
        return True
    return is_clock(cell) or bool(len(cell) < 40 and re.search("[0-9]", cell) and _NAMED.fullmatch(cell))


def read_stamps(cells: pd.Series, guess: bool = False) -> tuple[np.ndarray, str | None] | None:
    """The times `[N]` in UTC, NaT where a cell is no date, and a note where their form is a choice; None for no dates.

    Only order and distance of the times matter: a month is its first day. With `guess` each cell is read by itself
    where no format is found. Raises ValueError where day and month cannot be told apart.
    """
    texts = cells.astype(object).where(cells.notna(), "").map(str).str.strip()
    there = texts[texts != ""]
    sample = list(there.iloc[:: max(1, len(there) // _SAMPLE)])
    for read in (_year_first, _digits, _periods, _year_last, _named):
        if sample and (found := read(texts, sample)) is not None:
            return found
    return (_parsed(texts, "mixed"), None) if guess else None


def _parsed(texts: pd.Series, form: str) -> np.ndarray:
    """Times by a format of `strftime`, NaT where a cell has another one."""
    times = pd.to_datetime(texts, format=form, errors="coerce", utc=True)
    return times.dt.tz_localize(None).to_numpy()


def _matches(shape: re.Pattern[str], sample: list[str]) -> list[re.Match[str]] | None:
    matches = [match for cell in sample if (match := shape.fullmatch(cell))]
    return matches if len(matches) >= (1 - _WRONG) * len(sample) else None


def _parsed_by(texts: pd.Series, date: str, clocks: Sequence[str]) -> np.ndarray:
    """Times by the form of a date and the first of the forms of a time of day that a cell has."""
    times = _parsed(texts, f"{date}{clocks[0]}")
    for clock in clocks[1:]:
        if len(rest := np.flatnonzero(np.isnat(times))):
            found = _parsed(texts.iloc[rest], f"{date}{clock}")
            times = times.astype(np.result_type(times, found))
            times[rest] = found
    return times


def _clocks(matches: list[re.Match[str]]) -> list[str]:
    """The forms of the time of day in cells, with what is before them, the most frequent first."""
    return [form for form, _ in Counter(map(_clock, matches)).most_common()]


def _clock(match: re.Match[str]) -> str:
    if match["hour"] is None:
        return ""
    colon = match["colon"]
    form = f"{match['gap']}{'%I' if match['half'] else '%H'}{colon}%M" + (f"{colon}%S" if match["second"] else "")
    form += f"{match['fraction'][0]}%f" if match["fraction"] else ""
    for part, sign in (("half", "%p"), ("zone", "%z")):
        if match[part]:
            form += " " * match[part].startswith(" ") + sign
    return form


def _year_first(texts: pd.Series, sample: list[str]) -> tuple[np.ndarray, None] | None:
    """ISO 8601, and what is close to it."""
    if (matches := _matches(_YEAR_FIRST, sample)) is None:
        return None
    if any(match["half"] or match["colon"] == "." or match["gap"] == "_" for match in matches):
        sign = matches[0]["sign"]
        return _parsed_by(texts, f"%Y{sign}%m{sign}%d", _clocks(matches)), None
    if any(match["sign"] == "." for match in matches):
        texts = texts.str.replace(r"^([0-9]{4})\.([0-9]{1,2})\.", r"\1-\2-", regex=True)
        texts = texts.str.replace(r"^([0-9]{4})\.", r"\1-", regex=True)
    if any("," in match[0] for match in matches):
        texts = texts.str.replace(",", ".")
    if any((match["zone"] or "").strip() in ("UTC", "GMT") for match in matches):
        texts = texts.str.replace(r" ?(UTC|GMT)$", "Z", regex=True)
    return _parsed(texts, "ISO8601"), None


def _digits(texts: pd.Series, sample: list[str]) -> tuple[np.ndarray, None] | None:
    """19991231, 19991231235959 and 19991231T235959Z."""
    if _matches(_DIGITS, sample) is None:
        return None
    texts = texts.str.replace(r"\D", "", regex=True)
    return _parsed(texts, _OF_DIGITS[len(re.sub(r"\D", "", sample[0]))]), None


def _periods(texts: pd.Series, sample: list[str]) -> tuple[np.ndarray, None] | None:
    """Quarters, months and weeks: 2001Q1, 2001-M05, 05/2001, 2001-W05, 2001-W05-7."""
    if _matches(_WEEK_DAY, sample):
        return _parsed(texts.str.replace("-", ""), "%GW%V%u"), None
    if (matches := _matches(_PERIOD, sample)) is None:
        return None
    if matches[0]["kind"] in ("W", "w"):
        return _parsed(texts.str.replace(r"[- ]", "", regex=True).str.upper() + "1", "%GW%V%u"), None
    parts = texts.str.extract(_PERIOD)
    year = parts["year"].fillna(parts["y"]).fillna(parts["year_of_it"])
    quarter = parts["q"].fillna(parts["number"].where(parts["kind"].str.upper() == "Q")).astype(float)
    month = parts["month"].fillna(parts["number"].where(parts["kind"].str.upper() == "M")).astype(float)
    number = month.fillna(3 * quarter - 2).map(lambda month: f"{month:02.0f}")
    return _parsed(year + number, "%Y%m"), None


def _year_last(texts: pd.Series, sample: list[str]) -> tuple[np.ndarray, str | None] | None:
    """31.12.1999 or 12/31/1999: which, a day above 12 tells, or that the times ascend in equal steps."""
    if (matches := _matches(_YEAR_LAST, sample)) is None:
        return None
    sign, year, clocks = matches[0]["sign"], "%Y" if len(matches[0]["year"]) == 4 else "%y", _clocks(matches)
    forms = {"day first": f"%d{sign}%m{sign}{year}", "month first": f"%m{sign}%d{sign}{year}"}
    days = {"day first": [int(match["a"]) for match in matches], "month first": [int(match["b"]) for match in matches]}
    sure = [name for name, day in days.items() if max(day) > 12]
    if len(sure) == 1:
        return _parsed_by(texts, forms[sure[0]], clocks), None
    read = {name: _parsed_by(texts, form, clocks) for name, form in forms.items()}
    whole = {name: times for name, times in read.items() if not np.isnat(times[texts.to_numpy() != ""]).any()} or read
    if len(whole) == 1:
        return next(iter(whole.values())), None
    ascending = {name: times for name, times in whole.items() if ascends(times)}
    equal = {name: times for name, times in ascending.items() if odd_steps(times) is None} or ascending
    if len(equal) == 1 or all(np.array_equal(times, equal["day first"]) for times in equal.values()):
        name, times = next(iter((equal or whole).items()))
        steps = " in equal steps" if len(ascending) > 1 else ""
        return times, f"are read {name}: only so they ascend{steps}" if len(equal) == 1 else None
    raise ValueError(f"{sample[0]!r} and all others may have the day or the month first")


def _named(texts: pd.Series, sample: list[str]) -> tuple[np.ndarray, None] | None:
    """Months by their English names."""
    if _matches(_NAMED, sample) is None:
        return None
    few = pd.Series(sample[:50])
    for form in _FORMS:
        if _has_form(sample[0], form) and np.isnat(_parsed(few, form)).mean() <= _WRONG:
            return _parsed(texts, form), None
    return None


def _has_form(cell: str, form: str) -> bool:
    try:
        datetime.strptime(cell, form)
    except ValueError:
        return False
    return True


def numeric_stamps(values: np.ndarray) -> np.ndarray | None:
    """The times of numbers such as 19991231 or 199912312359; None where they are no such dates."""
    if not len(values) or not np.isfinite(values).all() or (values != np.floor(values)).any():
        return None
    digits = len(f"{values[0]:.0f}")
    years = values / 10.0 ** (digits - 4)
    if digits not in _OF_DIGITS or ((years < 1600) | (years >= 2200)).any():
        return None
    times = _parsed(pd.Series(values).map("{:.0f}".format), _OF_DIGITS[digits])
    return None if np.isnat(times).any() else times
