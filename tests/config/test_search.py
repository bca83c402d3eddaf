"""A search space is read from a file and a command, and drawn numbers are ones that a label can hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.config.catalogue import choices
from bench.config.compose import compose
from bench.config.rules import validate
from bench.config.search import Choice, Interval, short_hash, space
from bench.errors import ConfigError


def test_the_default_search_is_of_learning_rate_clipping_and_dropout():
    found = space("default")
    assert [*found] == ["optimizer.lr", "clip.norm", "model.dropout"]
    assert found["optimizer.lr"] == Interval(3e-4, 3e-2, log=True)
    assert found["model.dropout"] == Choice((0.0, 0.1, 0.3))


@pytest.mark.parametrize("name", choices("search"))
def test_every_search_has_values_that_a_run_can_take(name):
    found = space(name)
    for number in range(max(len(values.probes) for values in found.values())):
        words = [f"{key}={values.probes[number % len(values.probes)]}" for key, values in found.items()]
        validate(compose(["task=copy", *words]).config)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("log(1e-4, 1e-2)", Interval(1e-4, 1e-2, True)),
        ("uniform(0,0.5)", Interval(0, 0.5, False)),
        ("log(16, 256)", Interval(16, 256, True)),
        ("[1e-4, 3]", Choice((1e-4, 3))),
        ("[lstm, true]", Choice(("lstm", True))),
    ],
)
def test_a_word_of_the_command_changes_the_search_or_adds_to_it(text, values):
    found = space("rate", [("model.x", text)])
    assert [*found] == ["optimizer.lr", "model.x"] and found["model.x"] == values
    assert space("rate", [("optimizer.lr", text)]) == {"optimizer.lr": values}


def test_null_takes_an_option_out():
    assert "clip.norm" not in space("default", [("clip.norm", "null")])


def test_a_search_of_one_s_own_is_found_in_one_s_folder(tmp_path):
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / "mine.yaml").write_text("# Mine\nmodel:\n  hidden: [8, 16]\n")
    assert space("mine", own=tmp_path) == {"model.hidden": Choice((8, 16))}
    (tmp_path / "search" / "empty.yaml").write_text("# Nothing\n")
    with pytest.raises(ConfigError, match=r"search=empty: .*empty.yaml has no options; write log\("):
        space("empty", own=tmp_path)


@pytest.mark.parametrize(
    ("name", "changes", "line"),
    [
        ("defualt", [], r"search=defualt: there is no such search \(did you mean default\?\); choose one of default, "),
        ("rate", [("optimizer.lr", "null")], "search=rate: every option is taken out"),
        ("rate", [("clip.norm", "0.1..1")], r"search.clip.norm=0.1..1: write log\(LOW, HIGH\), uniform"),
        ("rate", [("clip.norm", "3")], r"search.clip.norm=3: write log"),
        ("rate", [("clip.norm", "{a: 1}")], r"search.clip.norm=\{'a': 1\}: write log"),
        ("rate", [("clip.norm", "log(0.1")], r"search.clip.norm=log\(0.1: write log"),
        ("rate", [("clip.norm", "log(1, 0.1)")], r"search.clip.norm=log\(1, 0.1\): the lower end comes first"),
        ("rate", [("clip.norm", "log(0, 1)")], r"search.clip.norm=log\(0, 1\): numbers by their logarithm are above 0"),
        ("rate", [("model.hidden", "[8, 8]")], r"search.model.hidden=\[8, 8\]: a list has values, each once"),
        ("rate", [("model.hidden", "[]")], r"search.model.hidden=\[\]: a list has values"),
        ("rate", [("model.hidden", "[[8]]")], r"search.model.hidden=\[\[8\]\]: a list has values"),
    ],
)
def test_what_nothing_can_be_drawn_from_is_refused(name, changes, line):
    with pytest.raises(ConfigError, match=line):
        space(name, changes)


@given(st.floats(1e-6, 1e4), st.floats(1.001, 1e3), st.floats(0, 1))
def test_a_drawn_number_has_three_digits_and_stays_between_the_ends(low, factor, share):
    values = Interval(low, low * factor, log=True)
    drawn = min(max(low * factor**share, low), low * factor)
    settled = values.settled(drawn)
    assert low <= settled <= low * factor
    assert settled in (low, low * factor) or (float(f"{settled:.3g}") == settled and abs(settled / drawn - 1) < 0.006)


def test_whole_numbers_stay_whole_and_a_zero_is_none():
    assert repr(Interval(1, 300, log=False).settled(257.0)) == "257"
    assert repr(Interval(0, 0.5, log=False).settled(0.0)) == "0.0"


def test_a_hash_tells_spaces_apart_by_their_options_and_values_in_any_order():
    a, b = Interval(1e-4, 1e-2, log=True), Choice((0.0, 0.1))
    assert short_hash({"x": a, "y": b}) == short_hash({"y": b, "x": a})
    others = [{"x": a}, {"x": b, "y": a}, {"x": Interval(1e-4, 1e-2, log=False), "y": b}, {"x": a, "y": Choice((0.0,))}]
    assert len({short_hash(each) for each in ({"x": a, "y": b}, *others)}) == 5
