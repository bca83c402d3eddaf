"""Text as it may be shown: one line, without characters that act on a terminal or that no encoding has."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""`text` with each control character, line break, invisible mark and stray byte of a file's name as its escape.

    A line break becomes `\n`, the start of a terminal's command `\x1b`, a mark that turns the direction of writing
    `\u202e`, and a byte of a name that is not UTF-8 `\udce9`.
    """
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in text)
