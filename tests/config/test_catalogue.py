"""Lists and help come from the comments in the configuration files, all of them, and fit a screen."""

import pytest
import yaml

from bench.config.catalogue import GROUPS, choices, entry, group_options, of_choice, of_group, options, overview
from bench.config.packages import built_in
from bench.config.tree import flatten

FILES = [(group, name) for group in GROUPS for name in choices(group)]


def write(folder, text):
    path = folder / "some.yaml"
    path.write_text(text)
    return path


def test_options_are_the_commented_lines_by_dotted_name(tmp_path):
    path = write(
        tmp_path,
        "# A description\n"
        "top: 1  # first\n"
        "group:\n"
        "  inner: [1, 2]  # second: with a colon\n"
        "  deep:\n"
        "    leaf: a.b  # third\n"
        "  back: null # fourth\n"
        "silent: 3\n"
        "inline: {a: 1}\n",
    )
    assert options(path) == [
        ("top", "1", "first"),
        ("group.inner", "[1, 2]", "second: with a colon"),
        ("group.deep.leaf", "a.b", "third"),
        ("group.back", "null", "fourth"),
    ]


def uncommented(path, group):
    """The options of the group in a file that no list would show."""
    text = path.read_text("utf-8")
    tree = yaml.safe_load(text) or {}
    own = tree.get(group, {}) if "@package _global_" in text else tree
    own = {key: value for key, value in own.items() if key not in ("_target_", "kind", "defaults")}
    return flatten(own).keys() - {key.removeprefix(f"{group}.") for key, _, _ in options(path)} - {""}


@pytest.mark.parametrize(("group", "name"), FILES)
def test_every_choice_has_a_description_and_every_option_of_it_a_comment(group, name):
    choice = choices(group)[name]
    assert len(choice.description) > 10
    assert not uncommented(choice.path, group)


def test_an_option_without_a_comment_is_noticed(tmp_path):
    assert uncommented(write(tmp_path, "# x\na: 1  # said\nb: 2\n"), "cell") == {"b"}


def test_every_option_of_a_run_is_commented():
    tree = yaml.safe_load((built_in().conf / "config.yaml").read_text("utf-8"))
    own = {key: value for key, value in tree.items() if key not in ("defaults", "hydra")}
    assert flatten(own).keys() == {key for key, _, _ in options(built_in().conf / "config.yaml")}


def test_options_are_named_as_on_the_command_line():
    for group, name, option in (("task", "copy", "task.delay"), ("cell", "lstm", "cell.peepholes")):
        assert option in [key for key, _, _ in group_options(group, choices(group)[name].path)]


def test_the_names_of_all_choices_fit_a_screen():
    text = overview()
    assert len(text.splitlines()) <= 40
    assert all(name in text for group, name in FILES)


@pytest.mark.parametrize("group", GROUPS)
def test_a_list_of_a_group_has_a_line_for_each_choice_and_no_option(group):
    lines = of_group(group).splitlines()
    assert {line.split()[0] for line in lines if line.startswith("  ") and line[2] != " "} >= {*choices(group)}
    assert len(lines) <= 75 and not [line for line in lines if "=false" in line]


def test_one_choice_is_shown_with_its_options_and_what_its_class_computes(tmp_path):
    lstm = of_choice("cell", "lstm")
    assert lstm.startswith("cell=lstm            LSTM: long short-term memory")
    assert "  cell.peepholes=false              the gates read" in lstm and "h' = sigmoid(a_o) * tanh(c')" in lstm
    assert "task.delay=10" in of_choice("task", "copy") and "Data card." in of_choice("task", "copy")
    assert "torch.optim" not in of_choice("optimizer", "adam")
    (tmp_path / "cell").mkdir()
    (tmp_path / "cell" / "star.yaml").write_text("# A star\ntarget: star.py:Star\n")
    (tmp_path / "star.py").write_text('class Star:\n    """It shines."""\n\nraise AssertionError\n')
    assert of_choice("cell", "star", tmp_path).splitlines()[-1] == "It shines."


def test_a_long_comment_goes_on_below_itself():
    first, *others = entry("  key=value", 20, "word " * 50).splitlines()
    assert first.startswith("  key=value         word word")
    assert others
    assert all(line.startswith(" " * 20 + "word") for line in others)


def test_a_name_wider_than_its_column_keeps_a_space():
    assert entry("  " + "n" * 30, 20, "text") == "  " + "n" * 30 + " text"
