"""A table that fits a screen: long texts are folded into lines, and columns that can be spared are left out."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

_GAP = "  "
_NARROWEST = 18  # columns of a text that is folded
_LONGEST_WORD = 32  # that is not broken for it


@dataclass(frozen=True, eq=False)  # two columns may have the same heading and cells
class Field:
    """A column of a table on a screen: its heading and the cells below it.

    Columns with the smallest `spare` have room first, and those with 0 in any case. A text is folded into several lines
    unless it is not to be, such as a name that people copy.
    """

    title: str
    cells: Sequence[str]
    left: bool = False
    spare: int = 0
    folds: bool = True

    @property
    def wide(self) -> int:
        """The width that shows every cell in one line."""
        return max(map(len, (self.title, *self.cells)))

    @property
    def narrow(self) -> int:
        """The least width: texts may be folded, figures and names to be copied may not."""
        if not (self.left and self.folds):
            return self.wide
        words = (word for text in (self.title, *self.cells) for word in text.split())
        return min(self.wide, max(_NARROWEST, min(_LONGEST_WORD, max(map(len, words), default=0))))


def lines(fields: Sequence[Field], width: int | None = None) -> tuple[list[str], list[str]]:
    """The lines of a table, its headings first, and the titles of the columns that are left out at this `width`."""
    spared = sorted((field for field in fields if field.spare), key=lambda field: field.spare)
    kept = [field for field in fields if not field.spare]
    for field in spared:
        if width is None or _total([each.narrow for each in (*kept, field)]) <= width:
            kept.append(field)
    kept.sort(key=[*fields].index)
    widths = _widths(kept, width)
    rows = zip(*((field.title, *field.cells) for field in kept), strict=True)
    return [line for row in rows for line in _lines_of(row, kept, widths)], [f.title for f in fields if f not in kept]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _widths(fields: Sequence[Field], width: int | None) -> list[int]:
    """The width of each column: as wide as it is where that fits, else the room that is left for those that fold."""
    widths = [field.wide for field in fields]
    while width is not None and _total(widths) > width:
        foldable = [place for place, field in enumerate(fields) if widths[place] > field.narrow]
        if not foldable:
            break
        widest = max(foldable, key=widths.__getitem__)
        widths[widest] = max(fields[widest].narrow, widths[widest] - (_total(widths) - width))
    return widths


def _lines_of(row: Sequence[str], fields: Sequence[Field], widths: Sequence[int]) -> list[str]:
    """A row of a table in one line, or in several where a text is folded."""
    folded = [
        textwrap.wrap(cell, size, break_on_hyphens=False) or [""] if field.left else [cell]
        for cell, field, size in zip(row, fields, widths, strict=True)
    ]
    found = []
    for number in range(max(map(len, folded))):
        cells = [parts[number] if number < len(parts) else "" for parts in folded]
        pads = [str.ljust if field.left else str.rjust for field in fields]
        found.append(_GAP.join(p(c, w) for p, c, w in zip(pads, cells, widths, strict=True)).rstrip())
    return found
