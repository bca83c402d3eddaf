"""`bench list` prints what there is to choose from, or one group of it."""

import pytest
from cli_tools import bench, the_line

from bench.config.catalogue import GROUPS, to_text


def test_all_groups_or_one_are_printed_as_the_catalogue_has_them(capsys):
    assert bench(capsys, "list") == (0, f"{to_text()}\n", "")
    for group in GROUPS:
        assert bench(capsys, "list", group) == (0, f"{to_text(group)}\n", "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tsak"], "list tsak: there is no such group (did you mean task?); there are task, cell,"),
        (["task", "cell"], "cell"),
    ],
)
def test_another_word_is_refused(capsys, arguments, words):
    said = bench(capsys, "list", *arguments)
    assert said.code == 2 and words in the_line(said) and said.out == ""
