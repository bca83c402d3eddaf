"""A plugin's class is held to its contract when it is loaded: what is wrong has a line, and what is not has none."""

import functools
import re
from pathlib import Path

import pytest
import torch
from tiny import Given

from bench.api import Cell, GatedCell, LinearCell, Task, TextTask
from bench.config.signatures import check_signatures, public_name
from bench.config.targets import load, load_checked
from bench.errors import ConfigError

CONF = Path(__file__).parents[2] / "conf"


class Right(Cell):
    """A cell that keeps its contract, for others to break."""

    def initial_state(self, batch_size, like):
        return like.new_zeros(batch_size, self.hidden_size)

    def step(self, x_BF, state):
        return state, state


class Gated(GatedCell):
    blocks = 2
    states = ("h", "c")

    def gates(self, x_proj, h_proj, h, c):
        return h, c


class Linear(LinearCell):
    state_shape = (1,)

    def recurrence(self, x):
        return x, x


class Text(TextTask):
    spec, batches, tally, scores = Given.spec, Given.batches, Given.tally, Given.scores

    def encode(self, text):
        return []

    def decode(self, ids):
        return ""


def variant(base, signature, name="step", wrap=lambda method: method):
    """A subclass `Mine` of `base` with a method of this signature."""
    space = {}
    exec(f"def {name}{signature}: ...", space)
    return type("Mine", (base,), {name: wrap(space[name])})


WRONG = {
    (Right, "(self, x_BF)", "step"): "(self, x_BF, state), as bench.api.Cell.step does",
    (Right, "(self, x_BF, state, reset)", "step"): "(self, x_BF, state), as bench.api.Cell.step does",
    (Right, "(x_BF, state)", "step"): "(self, x_BF, state), as bench.api.Cell.step does",
    (Right, "(self, state, x)", "step"): "(self, x_BF, state), as bench.api.Cell.step does",
    (Right, "(self, x, *, state)", "step"): "(self, x_BF, state), as bench.api.Cell.step does",
    (Right, "(self, batch_size)", "initial_state"): "(self, batch_size, like), as bench.api.Cell.initial_state does",
    (Right, "(self)", "__init__"): "(self, input_size, hidden_size, ...), as bench.api.Cell.__init__ does",
    (Right, "(self, hidden_size, input_size)", "__init__"): (
        "(self, input_size, hidden_size, ...), as bench.api.Cell.__init__ does"
    ),
    (Right, "(self, *, input_size, hidden_size)", "__init__"): (
        "(self, input_size, hidden_size, ...), as bench.api.Cell.__init__ does"
    ),
    (Right, "(self, x_TBF)", "unroll"): "(self, x_TBF, state), as bench.api.Cell.unroll does",
    (Linear, "(self, x_TBF)", "unroll"): "(self, x_TBF, state), as bench.api.LinearCell.unroll does",
    (Linear, "(self, x, h)", "recurrence"): "(self, x), as bench.api.LinearCell.recurrence does",
    (Linear, "(self)", "output"): "(self, h, ...), as bench.api.LinearCell.output does",
    (Gated, "(self, x_proj, h_proj)", "gates"): "(self, x_proj, h_proj, h, c), as bench.api.GatedCell.gates does",
    (Gated, "(self, x_proj, h_proj, h)", "gates"): "(self, x_proj, h_proj, h, c), as bench.api.GatedCell.gates does",
    (Gated, "(self, x_proj, h_proj, c, h)", "gates"): (
        "(self, x_proj, h_proj, h, c), as bench.api.GatedCell.gates does"
    ),
    (Gated, "(self, x, h, c)", "gates"): "(self, x_proj, h_proj, h, c), as bench.api.GatedCell.gates does",
    (Gated, "(self, like)", "vendor"): "(self), as bench.api.GatedCell.vendor does",
    (Given, "(self, split, batch_size)", "batches"): (
        "(self, split, batch_size, generator), as bench.api.Task.batches does"
    ),
    (Given, "(self, batch_size, split, generator)", "batches"): (
        "(self, split, batch_size, generator), as bench.api.Task.batches does"
    ),
    (Given, "(self, batch, logits)", "tally"): "(self, logits, batch), as bench.api.Task.tally does",
    (Given, "(self, logits)", "loss"): "(self, logits, batch), as bench.api.Task.loss does",
    (Given, "(self)", "scores"): "(self, totals), as bench.api.Task.scores does",
    (Text, "(self)", "encode"): "(self, text), as bench.api.TextTask.encode does",
    (Text, "(self, text, seed)", "unseen"): "(self, text), as bench.api.TextTask.unseen does",
}


@pytest.mark.parametrize("broken", WRONG, ids=lambda broken: f"{broken[0].__name__}.{broken[2]}{broken[1]}")
def test_a_method_that_takes_other_arguments_is_a_line_that_says_which_it_must_take(broken):
    base, signature, name = broken
    with pytest.raises(ConfigError) as caught:
        check_signatures(variant(base, signature, name), "cell.target")
    assert str(caught.value) == f"cell.target: Mine.{name}{signature} must take {WRONG[broken]}"


@pytest.mark.parametrize(
    ("base", "signature", "name"),
    [
        (Right, "(self, x, h)", "step"),
        (Right, "(me, inputs_BF, state_BH, verbose=False)", "step"),
        (Right, "(self, x, state, /, *, verbose=False, **rest)", "step"),
        (Right, "(self, *everything)", "step"),
        (Right, "(*everything)", "step"),
        (Right, "(self, size, x)", "initial_state"),
        (Right, "(self, input_size, hidden_size, heads: int, *, width=2)", "__init__"),
        (Right, "(self, inputs, hidden, **rest)", "__init__"),
        (Right, "(self, *sizes, rate=1.0)", "__init__"),
        (Right, "(self, x, h)", "unroll"),
        (Linear, "(self, h, o)", "output"),
        (Linear, "(self, h, *, scale=1)", "output"),
        (Linear, "(self, x, rate=2)", "recurrence"),
        (Gated, "(self, x_proj, h_proj, *state)", "gates"),
        (Gated, "(self, x, r, hidden, memory)", "gates"),
        (Gated, "(self, a, h, old, cell, bias=None)", "gates"),
        (Given, "(self, which, lanes, random)", "batches"),
        (Given, "(self, y, b, extra=1)", "tally"),
        (Text, "(self, prompt)", "encode"),
    ],
)
def test_other_names_further_defaults_and_gathered_arguments_are_no_fault(base, signature, name):
    check_signatures(variant(base, signature, name), "cell.target")


def test_static_and_class_methods_wrapped_and_partial_ones_are_read_as_they_are_called():
    for wrap, signature in ((staticmethod, "(x, h)"), (classmethod, "(cls, x, h)"), (torch.no_grad(), "(self, x, h)")):
        check_signatures(variant(Right, signature, wrap=wrap), "cell.target")
    with pytest.raises(ConfigError, match=r"Mine.step\(self, x, h\) must take \(x_BF, state\), as"):
        check_signatures(variant(Right, "(self, x, h)", wrap=staticmethod), "cell.target")
    partial = functools.partialmethod(Right.step)
    check_signatures(type("Mine", (Right,), {"step": partial}), "cell.target")


@pytest.mark.parametrize(
    ("base", "members", "message"),
    [
        (
            Cell,
            {},
            "lacks the abstract methods initial_state(self, batch_size, like), step(self, x_BF, state) "
            "of bench.api.Cell",
        ),
        (
            Cell,
            {"step": Right.step},
            "lacks the abstract method initial_state(self, batch_size, like) of bench.api.Cell",
        ),
        (GatedCell, {}, "lacks the abstract method gates(self, x_proj, h_proj, *state) of bench.api.GatedCell"),
        (
            TextTask,
            {name: vars(Given)[name] for name in ("batches", "tally", "scores")} | {"encode": Text.encode},
            "lacks the abstract methods decode(self, ids), spec of bench.api.TextTask, bench.api.Task",
        ),
    ],
)
def test_what_is_missing_is_named_with_the_contract_that_asks_for_it(base, members, message):
    with pytest.raises(ConfigError) as caught:
        check_signatures(type("Mine", (base,), members), "task.target")
    assert str(caught.value) == f"task.target: Mine {message}"


def test_what_is_no_method_at_all_says_so():
    with pytest.raises(ConfigError) as caught:
        check_signatures(type("Mine", (Right,), {"step": 3}), "cell.target")
    assert str(caught.value) == "cell.target: Mine.step is 3; it must be a method, as bench.api.Cell.step is"


def test_a_spec_that_is_a_method_is_told_to_be_a_property():
    with pytest.raises(ConfigError) as caught:
        check_signatures(variant(Given, "(self)", "spec"), "task.target")
    assert str(caught.value) == (
        "task.target: Mine.spec is a method; bench.api.Task.spec is a property: write @property above it"
    )
    check_signatures(type("Mine", (Given,), {"spec": "a value of the class"}), "task.target")


@pytest.mark.parametrize("base", [Right, Linear])
def test_a_form_may_be_dropped(base):
    check_signatures(type("Mine", (base,), {"unroll": None}), "cell.target")


@pytest.mark.parametrize("group", ["cell", "task", "optimizer", "schedule"])
def test_what_the_package_has_keeps_its_contracts(group):
    targets = re.findall(r"_target_: (\S+)", "".join(path.read_text() for path in (CONF / group).glob("*.yaml")))
    assert len(targets) > 5
    for target in targets:
        check_signatures(load(target, group), group)


def test_a_class_is_checked_where_it_is_loaded(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("from test_signatures import Right\nclass Mine(Right):\n    def step(self, x): ...\n")
    with pytest.raises(ConfigError, match="^cell.target: Mine.step"):
        load_checked("cell", {"target": f"{path}:Mine"}, Cell, given=2)


def test_contracts_are_named_where_they_are_imported_from():
    assert [public_name(cls) for cls in (Cell, LinearCell, Task)] == [
        "bench.api.Cell", "bench.api.LinearCell", "bench.api.Task",
    ]  # fmt: skip
    assert public_name(Right) == f"{Right.__module__}.Right"
