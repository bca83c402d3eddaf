"""Text as it may be shown: one line, without characters that act on a terminal or that no encoding has; and the width
of the screen that shows it."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap

UNLIMITED = 1_000_000
"""The width of what no screen shows, such as a file."""

_LEAST = 40  # columns
_BELOW = " " * 13  # before what continues a line, such as the facts of a run


def printable(text: str) -> str:
    r"""`text` with each control character, line break, invisible mark and stray byte of a file's name as its escape.

    A line break becomes `\n`, the start of a terminal's command `\x1b`, a mark that turns the direction of writing
    `\u202e`, and a byte of a name that is not UTF-8 `\udce9`.
    """
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in text)


def screen_width(default: int = 120) -> int:
    """The columns of the terminal, or of the variable COLUMNS; `default` where the output goes elsewhere."""
    if os.environ.get("COLUMNS", "").isdigit() or sys.stdout.isatty():
        return max(_LEAST, shutil.get_terminal_size().columns)
    return default


def fitted(text: str) -> str:
    """The lines of `text`, those that are wider than the screen continued below themselves."""
    width = screen_width(UNLIMITED)
    lines = (textwrap.wrap(line, width, subsequent_indent=_BELOW, break_on_hyphens=False) for line in text.splitlines())
    return "\n".join(line for parts in lines for line in parts or [""])
