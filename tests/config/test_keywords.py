"""Python values as the words of a command: Hydra reads back what was given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from bench.config.compose import compose
from bench.config.keywords import to_overrides
from bench.errors import ConfigError

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1).filter(
    lambda t: "$" not in t
)
VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS


def read_back(text: str) -> object:
    """What Hydra makes of `NAME=VALUE`."""
    (override,) = OverridesParser.create().parse_overrides([text])
    return override.value()


@given(VALUES | st.lists(VALUES, min_size=1))
def test_hydra_reads_back_what_was_given(value: object) -> None:
    (text,) = to_overrides([], {"name": value})
    assert read_back(text) == value


@given(st.lists(VALUES, min_size=2, max_size=5))
def test_a_list_in_a_sweep_holds_the_values_to_try(values: list[object]) -> None:
    (text,) = to_overrides([], {"name": values}, sweep=True)
    (override,) = OverridesParser.create().parse_overrides([text])
    assert override.is_sweep_override()
    tried = [
        OverridesParser.create().parse_overrides([f"name={each}"])[0].value()
        for each in override.sweep_string_iterator()
    ]
    assert tried == values


def test_a_dollar_is_no_reference_to_another_option() -> None:
    for text in ("${seed}", "a\\${b}", "'${x}'"):
        assert compose(to_overrides(["task=copy"], {"hardware.device": text})).config.hardware.device == text


def test_an_option_can_be_left_out_as_on_the_command_line() -> None:
    assert to_overrides(["~cell.alpha"], {}) == ["~cell.alpha"]


@pytest.mark.parametrize(
    ("options", "sweep", "words"),
    [
        ({"task": "copy", "seed": 0}, False, ["task=copy", "seed=0"]),
        ({"model": {"hidden": 64, "norm": "layer"}}, False, ["model.hidden=64", "model.norm=layer"]),
        ({"model.hidden": 64, "clip.norm": None}, False, ["model.hidden=64", "clip.norm=null"]),
        ({"seed": range(3)}, True, ["seed=0,1,2"]),
        ({"seed": [4]}, True, ["seed=4"]),
        ({"cell": ("gru", "lstm"), "model": {"hidden": [8, 16]}}, True, ["cell=gru,lstm", "model.hidden=8,16"]),
        ({"experiment": "fsdd"}, False, ["+experiment=fsdd"]),
        ({"results_dir": Path("a b")}, False, ["results_dir='a b'"]),
        ({"results_dir": ["~/a", "~/b"]}, True, [f"results_dir={Path.home()}/a,{Path.home()}/b"]),
        ({"model": {"hidden": np.int64(8)}, "ema": np.float64(0.5)}, False, ["model.hidden=8", "ema=0.5"]),
        ({"task": {"source": "null"}}, False, ["task.source='null'"]),
        ({"experiment": None, "seed": 1}, False, ["seed=1"]),
        ({"seed": np.arange(2), "ema": np.array([0.5, 0.9])}, True, ["seed=0,1", "ema=0.5,0.9"]),
    ],
)
def test_options_in_the_words_of_a_command(options: dict[str, object], sweep: bool, words: list[str]) -> None:
    assert to_overrides(["cell=gru"], options, sweep) == ["cell=gru", *words]


@pytest.mark.parametrize(
    ("words", "options", "sweep", "message"),
    [
        (["copy"], {}, False, "copy: not of the form NAME=VALUE"),
        (["--help"], {}, False, "--help: not of the form NAME=VALUE"),
        (["hydra/launcher=joblib"], {}, False, "hydra/launcher=joblib: an option of the command line alone"),
        ([], {"hydra": {"verbose": True}}, False, "hydra.verbose=: an option of the command line alone"),
        ([], {"seed": object}, False, "seed=.*object.*: an option is a number"),
        ([], {"seed": []}, True, "seed: there is no value to try"),
    ],
)
def test_what_is_no_option_is_one_line(words: list[str], options: dict[str, object], sweep: bool, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        to_overrides(words, options, sweep)


def test_a_results_folder_in_a_home_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda number: {}[number])
    with pytest.raises(ConfigError, match=r"^results_dir=~/x: there is no such home folder; write the path in full"):
        to_overrides([], {"results_dir": "~/x"})


def test_a_number_of_more_digits_than_python_writes_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^seed: the number is too large"):
        to_overrides([], {"seed": 10**5000})
