"""`bench list` prints the names of what there is to choose from, a group of it, or one thing whole."""

import pytest
from cli_tools import bench, the_line

from bench.config.catalogue import GROUPS, of_choice, of_group, of_options, overview


def test_without_a_word_all_names_are_printed(capsys):
    assert bench(capsys, "list") == (0, f"{overview()}\n", "")


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_is_printed_in_any_case_with_a_plus_and_in_the_plural(capsys, group):
    expected = (0, f"{of_group(group)}\n", "")
    assert bench(capsys, "list", group) == bench(capsys, "list", f"+{group.upper()}s") == expected


@pytest.mark.parametrize("word", ["lem", "LEM", "cell=lem", "Cell=Lem"])
def test_one_choice_is_printed_whole(capsys, word):
    assert bench(capsys, "list", word) == (0, f"{of_choice('cell', 'lem')}\n", "")


def test_all_choices_of_a_name_are_printed(capsys):
    both = [of_choice("cell", "mamba"), of_choice("block", "mamba"), of_choice("tuned", "mamba")]
    assert bench(capsys, "list", "mamba").out == "\n\n".join(both) + "\n"


@pytest.mark.parametrize(("word", "option"), [("model.hidden",) * 2, ("hidden", "model.hidden"), ("budget",) * 2])
def test_options_of_every_run_are_printed(capsys, word, option):
    assert bench(capsys, "list", word) == (0, f"{of_options(option)}\n", "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["tsak"],
            "list tsak: there is no such group, choice or option (did you mean task?); see python -m",
        ),
        (["lsmt"], "did you mean lstm?"),
        (["cell=rnn"], "did you mean vanilla, the plain recurrent network?"),
        (["lr"], "did you mean optimizer.lr?"),
        (["task", "cell"], "unrecognized arguments: cell"),
    ],
)
def test_another_word_is_refused(capsys, arguments, words):
    said = bench(capsys, "list", *arguments)
    assert said.code == 2 and words in the_line(said) and said.out == ""
