"""Text that is shown: one line, and nothing in it acts on a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import ConfigError
from bench.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("gru(model.hidden=64)", "gru(model.hidden=64)"),
        ("Straße 東京 µ±", "Straße 東京 µ±"),
        ("two\nlines\tand\rmore", r"two\nlines\tand\rmore"),
        ("\x1b[2Jgone", r"\x1b[2Jgone"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202eright to left", r"\u202eright to left"),
        ("a byte: \udce9", r"a byte: \udce9"),
        ("\u2028", r"\u2028"),
    ],
)
def test_what_acts_on_a_terminal_is_shown_as_its_escape(text, shown):
    assert printable(text) == shown


@given(st.text(st.characters()))
def test_every_text_becomes_a_line_that_any_file_takes(text):
    shown = printable(text)
    assert shown.isprintable() and len(shown.splitlines()) <= 1 and printable(shown) == shown
    assert shown.encode("utf-8").decode("utf-8") == shown


def test_an_error_is_one_line_whatever_a_name_brings_into_it():
    assert str(ConfigError("cell=a\n\x1b[31mb: no such cell")) == r"cell=a\n\x1b[31mb: no such cell"
