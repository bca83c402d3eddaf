"""Finding a class by its target, and holding options to its constructor."""

import sys
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.cells.gru import GRU
from bench.config.targets import check_options, load
from bench.errors import ConfigError
from bench.train.schedule import Cosine

MINE = """
from bench.api import GatedCell
class MyCell(GatedCell):
    blocks = 1
    def gates(self, x_proj, h_proj, h):
        return x_proj
class Other: pass
not_a_class = 3
"""


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    return path


def test_a_class_is_found_in_a_file_of_ones_own(mine, monkeypatch):
    found = load(f"{mine}:MyCell", "cell.target")
    assert found.__name__ == "MyCell"
    monkeypatch.chdir(mine.parent)
    assert load("mine.py:MyCell", "cell.target").blocks == 1
    monkeypatch.setenv("HOME", str(mine.parent))
    assert load("~/mine.py:MyCell", "cell.target").blocks == 1


@pytest.mark.parametrize("target", ["bench.cells.gru:GRU", "bench.cells.gru.GRU"])
def test_a_class_is_found_in_a_module(target):
    assert load(target, "cell.target") is GRU


@pytest.mark.parametrize("separator", [".", ":"])
def test_a_class_is_found_by_the_name_that_its_module_had(separator):
    assert load(f"bench.schedule{separator}Cosine", "schedule._target_") is Cosine


def test_files_of_one_name_in_two_folders_do_not_mix(mine, tmp_path):
    other = tmp_path / "there" / "mine.py"
    other.parent.mkdir()
    other.write_text(MINE.replace("blocks = 1", "blocks = 2"))
    assert [load(f"{path}:MyCell", "cell.target").blocks for path in (mine, other, mine)] == [1, 2, 1]


@pytest.fixture
def star(tmp_path):
    """A maker of folders with a file that imports the one beside it, from which it has `word`."""

    def make(folder, word, name="beside_it"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{name}.py").write_text(f"word = {word!r}\n")
        (tmp_path / folder / "star.py").write_text(f"from {name} import word\nclass Star: said = word\n")
        return tmp_path / folder / "star.py"

    before = [*sys.path]
    yield make
    sys.path[:] = before
    for name in ("beside_it", "beside_another"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("path", [[], [""]], ids=["bench", "python -m bench"])
def test_a_file_imports_the_one_beside_it_before_one_in_the_current_folder(star, monkeypatch, tmp_path, path):
    monkeypatch.setattr(sys, "path", [*path, *(place for place in sys.path if place)])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "beside_it.py").write_text("word = 'of the current folder'")
    assert load(f"{star('a', 'its own')}:Star", "cell.target").said == "its own"
    assert sys.path[-1] == str(tmp_path / "a")  # last, where it hides no installed module


def test_a_file_whose_neighbour_has_the_name_of_another_folder_s_is_refused_and_not_mixed(star):
    one, two, other = star("a", "one"), star("b", "two"), star("c", "three", "beside_another")
    assert [load(f"{path}:Star", "cell.target").said for path in (one, other, one)] == ["one", "three", "one"]
    with pytest.raises(
        ConfigError, match="imports beside_it: .*/b/beside_it.py is beside it, but .*/a/beside_it.py was"
    ):
        load(f"{two}:Star", "cell.target")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nowhere.py:MyCell", "cell.target=nowhere.py:MyCell: there is no file nowhere.py (looked from "),
        ("{mine}:MyCel", "no class MyCel in {mine}; it has MyCell, Other (did you mean MyCell?)"),
        ("{mine}:not_a_class", "no class not_a_class in {mine}; it has MyCell, Other"),
        (
            "no.such.module:Cell",
            "cell.target=no.such.module:Cell: no.such.module cannot be imported: ModuleNotFoundError",
        ),
        ("bench.cells.gru:GUR", "no class GUR in bench.cells.gru; it has GRU (did you mean GRU?)"),
        ("gru", "cell.target=gru: write file.py:Class or package.module:Class"),
        ("mine.py:", "cell.target=mine.py:: write file.py:Class or package.module:Class"),
        ("", "cell.target=: write file.py:Class or package.module:Class"),
    ],
)
def test_a_target_that_is_not_there_is_one_line(mine, target, message):
    with pytest.raises(ConfigError) as caught:
        load(target.format(mine=mine), "cell.target")
    assert message.format(mine=mine) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("import nothing_of_the_kind", "ModuleNotFoundError"), ("def f(:", "SyntaxError"), ("1 / 0", "ZeroDivisionError")],
)
def test_a_file_that_cannot_be_loaded_says_why_and_leaves_nothing_behind(tmp_path, text, kind):
    path = tmp_path / "broken.py"
    path.write_text(text)
    before = set(sys.modules)
    with pytest.raises(ConfigError, match=f"broken.py cannot be loaded: {kind}"):
        load(f"{path}:MyCell", "cell.target")
    assert set(sys.modules) == before


class Plugin:
    """A constructor with an option of each kind; the first two arguments are the harness's."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        rate: float,
        steps: int = 3,
        name: str = "x",
        flag: bool = False,
        kind: Literal["sum", "mean"] = "sum",
        sizes: list[int] | None = None,
        free=None,
    ) -> None: ...


class Taker:
    def __init__(self, size: int = 1, **rest: int) -> None: ...


@given(st.integers(-1000, 1000), st.floats(allow_nan=False), st.text(), st.booleans(), st.lists(st.integers()))
def test_options_of_the_right_type_come_back_as_they_are(steps, rate, name, flag, sizes):
    options = {
        "rate": rate,
        "steps": steps,
        "name": name,
        "flag": flag,
        "sizes": sizes,
        "kind": "mean",
        "free": "anything",
    }
    assert check_options(Plugin, options, "cell", given=2) == options


@pytest.mark.parametrize(
    ("option", "value", "wanted"),
    [
        ("rate", 1, 1.0),
        ("steps", 4.0, 4),
        ("steps", "4", 4),
        ("sizes", None, None),
        ("name", 2001, "2001"),  # a column of a table may have a number for a name
    ],
)
def test_what_loses_nothing_is_converted(option, value, wanted):
    found = check_options(Plugin, {"rate": 0.5, option: value}, "cell", given=2)[option]
    assert found == wanted
    assert type(found) is type(wanted)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "cell.rate is missing: Plugin needs it"),
        ({"rate": "fast"}, "cell.rate=fast: input should be a valid number"),
        ({"rate": 1, "steps": 2.5}, "cell.steps=2.5: input should be a valid integer"),
        ({"rate": 1, "flag": "perhaps"}, "cell.flag=perhaps: must be true or false"),
        ({"rate": 1, "kind": "mode"}, "cell.kind=mode: input should be 'sum' or 'mean'"),
        ({"rate": 1, "sizes": ["a"]}, r"cell.sizes=\['a'\]: input should be a valid integer"),
        (
            {"rate": 1, "step": 3},
            r"cell.step: unknown option \(did you mean steps\?\); Plugin has cell.rate, cell.steps, ",
        ),
        ({"rate": 1, "input_size": 3}, "cell.input_size: unknown option"),
    ],
)
def test_an_option_that_will_not_do_is_one_line(options, message):
    with pytest.raises(ConfigError, match=message):
        check_options(Plugin, options, "cell", given=2)


def test_a_constructor_that_takes_any_option_gets_them():
    assert check_options(Taker, {"size": 2, "other": 3}, "task") == {"size": 2, "other": 3}


def test_a_truth_value_is_no_number():
    class Delayed:
        def __init__(self, delay: int = 1, length: int | None = None, on: bool = False) -> None: ...

    assert check_options(Delayed, {"delay": 2, "on": True}, "task") == {"delay": 2, "on": True}
    for name in ("delay", "length"):
        with pytest.raises(ConfigError, match=f"task.{name}=True: input should not be a truth value"):
            check_options(Delayed, {name: True}, "task")


def test_a_file_that_exits_is_an_error_of_one_line(tmp_path):
    (tmp_path / "leaves.py").write_text("import sys\nsys.exit(7)\n")
    with pytest.raises(ConfigError, match="leaves.py cannot be loaded: SystemExit: 7"):
        load(f"{tmp_path / 'leaves.py'}:Cell", "cell.target")
