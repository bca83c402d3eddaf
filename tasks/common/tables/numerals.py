"""Numbers as people write them: a decimal point or comma, thousands in groups of three, markers of a missing value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

__all__ = ["MISSING", "Evidence", "Sign", "evidence", "is_numeral", "numbers", "thousands"]

Sign = Literal[".", ","]

MISSING = frozenset((
    "", "-", "--", "---", "?", ".", "*", "NA", "N/A", "n/a", "na", "N.A.", "n.a.", "#N/A", "#N/A N/A", "#NA", "<NA>",
    "NaN", "nan", "NAN", "Nan", "-NaN", "-nan", "NULL", "null", "Null", "None", "none", "-1.#IND", "-1.#QNAN", "1.#IND",
    "1.#QNAN", "#DIV/0!", "#VALUE!", "#REF!", "#NUM!", "#NAME?", "#NULL!",
))  # fmt: skip
"""What stands in a cell without a value; pandas knows most of these."""

_SPACES = " \u00a0\u2009\u202f"
_POWER = "(?:[eE][-+]?[0-9]+)?"


def _numeral(decimal: str, group: str) -> re.Pattern[str]:
    """A number with one of the decimal signs, its thousands apart by one and the same of the signs `group` or not."""
    whole = rf"(?:[0-9]+|[1-9][0-9]{{0,2}}(?P<group>[{group}])[0-9]{{3}}(?:(?P=group)[0-9]{{3}})*)"
    return re.compile(rf"[-+\u2212]?(?:{whole}(?:[{decimal}][0-9]+|[.](?![0-9]))?|[{decimal}][0-9]+){_POWER}")


_NUMERAL: dict[Sign, re.Pattern[str]] = {
    ".": _numeral(".", rf",'\u2019{_SPACES}"),
    ",": _numeral(",", rf".'\u2019{_SPACES}"),
}


@dataclass(frozen=True)
class Evidence:
    """The first cells that are numbers with a decimal `point`, with a `comma`, or with `either` of them.

    1,234 (`either_comma`) may be a little more than one, or more than a thousand, and so may 1.234 (`either_point`).
    """

    point: str | None = None
    comma: str | None = None
    either_comma: str | None = None
    either_point: str | None = None

    @property
    def sign(self) -> Sign | None:
        """The decimal sign that the cells show; None where none tells, or cells contradict each other."""
        if (self.point is None) == (self.comma is None):
            return None
        return "." if self.comma is None else ","


def evidence(cells: Iterable[str]) -> Evidence:
    """What cells say of the decimal sign of a table: one in which it shows settles it for all others."""
    first: dict[str, str] = {}
    for cell in cells:
        if "," not in cell and "." not in cell:
            continue
        as_point, as_comma = (_NUMERAL[sign].fullmatch(cell) for sign in (".", ","))
        if as_point and as_comma:
            first.setdefault("either_comma" if "," in cell else "either_point", cell)
        elif as_point or as_comma:
            first.setdefault("point" if as_point else "comma", cell)
    return Evidence(**first)


def is_numeral(cell: str, decimal: Sign | None) -> bool:
    """Whether a cell is a number, with either decimal sign where None is given."""
    return any(_NUMERAL[sign].fullmatch(cell) for sign in ((decimal,) if decimal else (".", ",")))


def thousands(cells: Iterable[str], decimal: Sign) -> str | None:
    """The sign between the thousands in the first cell that has one."""
    found = (_NUMERAL[decimal].fullmatch(cell) for cell in cells)
    return next((match["group"] for match in found if match and match["group"]), None)


def numbers(cells: Sequence[object], decimal: Sign) -> np.ndarray:
    """Cells as float64; NaN where one is missing, infinity where it is no finite number.

    Thousands must be in groups of three: 12.5 beside decimal commas is no number.
    """
    plain = [_plain(cell, decimal) for cell in cells]
    found = pd.to_numeric(pd.Series([text or None for text in plain], dtype=object)).to_numpy(np.float64, copy=True)
    found[[text is None for text in plain]] = np.inf
    return found


def _plain(cell: object, decimal: Sign) -> str | None:
    """A cell as Python writes numbers, empty where it is missing, None where it is no number."""
    if not isinstance(cell, str):
        return ""
    text = cell.strip()
    if text in MISSING:
        return ""
    match = _NUMERAL[decimal].fullmatch(text)
    if match is None:
        return None
    if match["group"]:
        text = text.replace(match["group"], "")
    return text.replace(decimal, ".").replace("\u2212", "-")
