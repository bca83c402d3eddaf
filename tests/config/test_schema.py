"""The configuration: types and ranges, what goes together, and a run's identity."""

from dataclasses import asdict, fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.config.options import typed
from bench.config.roles import all_roles
from bench.config.rules import validate
from bench.config.schema import BudgetConfig, Config
from bench.config.tree import flatten
from bench.errors import ConfigError
from bench.results.identity import Identity, code_version


def config(**changes):
    """The default options, with some changed by their names, `__` for the dot; of any type, as a record's may be."""
    return typed(tree(**changes))


def tree(**changes):
    """The default configuration as a tree, with options changed by their names, `__` for the dot."""
    options = asdict(Config())
    for name, value in changes.items():
        *groups, key = name.split("__")
        place = options
        for group in groups:
            place = place[group]
        place[key] = value
    return options


def test_the_defaults_are_valid_and_typed():
    assert validate(config()) == Config()


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("model__hidden", 0, "model.hidden=0: input should be greater than or equal to 1"),
        ("model__hidden", "wide", "model.hidden=wide: input should be a valid integer"),
        ("model__layers", -1, "model.layers=-1: input should be greater than or equal to 1"),
        ("model__dropout", 1.0, "model.dropout=1.0: input should be less than 1"),
        ("model__dropout", -0.1, "model.dropout=-0.1: input should be greater than or equal to 0"),
        ("batch_size", 0, "batch_size=0: input should be greater than or equal to 1"),
        ("evaluations", 0, "evaluations=0: input should be greater than or equal to 1"),
        ("seed", -1, "seed=-1: input should be greater than or equal to 0"),
        ("clip__norm", 0.0, "clip.norm=0.0: input should be greater than 0"),
        (
            "clip__value",
            0.1,
            r"clip.norm=1.0 and clip.value=0.1 are both set: choose one, and unset the other \(clip.norm=null\)",
        ),
        ("clip__adaptive", 0.01, "clip.norm=1.0 and clip.adaptive=0.01 are both set: choose one"),
        ("ema", 1.0, "ema=1.0: input should be less than 1"),
        ("accumulate", 0, "accumulate=0: input should be greater than or equal to 1"),
        ("patience", 0, "patience=0: input should be greater than or equal to 1"),
        ("budget__steps", 0, "budget.steps=0: input should be greater than or equal to 1"),
        ("budget__seconds", 0.0, "budget.seconds=0.0: input should be greater than 0"),
        ("hardware__threads", 0, "hardware.threads=0: input should be greater than or equal to 1"),
        (
            "hardware__precision",
            "float16",
            r"hardware.precision=float16: choose one of float32, tf32, bfloat16, float64 \(did you mean",
        ),
        ("bptt__kind", "ful", r"bptt.kind=ful: choose one of full, truncated, sliding \(did you mean full\?\)"),
        ("bptt__update", "step", "bptt.update=step: choose one of window, sequence"),
        (
            "unroll",
            "vendr",
            r"unroll=vendr: choose one of auto, eager, vendor, parallel, kernels \(did you mean vendor\?\)",
        ),
        ("bptt__window", 8, r"bptt.window=8 needs bptt=truncated \(bptt=full has no window\)"),
        ("model__variational", True, "model.variational=true drops nothing: set model.dropout"),
        ("init__sigma", 0.1, "init.sigma=0.1 needs init=normal"),
        ("init__gain", 2.0, "init.gain=2.0 needs init=xavier, he, orthogonal or identity"),
        ("gradient", "rtl", r"gradient=rtl: choose one of bptt, rtrl, uoro, eprop \(did you mean rtrl"),
        ("bptt__kind", "truncated", "bptt=truncated needs a window: set bptt.window to a number of time steps"),
        ("budget__steps", None, "no budget is set: give budget.steps, budget.examples or budget.seconds"),
        ("task", {"source": "???"}, "task.source is not set, and has no default: add task.source=VALUE"),
    ],
)
def test_a_value_out_of_range_is_one_line_that_names_it(option, value, message):
    with pytest.raises(ConfigError, match=message) as caught:
        validate(config(**{option: value}))
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("seed", 0),
        ("model__dropout", 0.0),
        ("model__embedding", 0),
        ("clip__norm", None),
        ("clip__norm", 1e-9),
        ("model__hidden", 1),
    ],
)
def test_the_edges_of_a_range_belong_to_it(option, value):
    assert flatten(asdict(validate(config(**{option: value}))))[option.replace("__", ".")] == value


def test_accumulation_makes_one_update_of_several_batches_and_windows_several_of_one():
    windows = {"bptt__kind": "truncated", "bptt__window": 8, "accumulate": 2}
    with pytest.raises(ConfigError, match="accumulate=2 .* set bptt.update=sequence or accumulate=1"):
        validate(config(**windows))
    assert validate(config(**windows, bptt__update="sequence")).accumulate == 2


def test_truncated_bptt_takes_a_window():
    found = validate(config(bptt__kind="truncated", bptt__window=8))
    assert (found.bptt.kind, found.bptt.window) == ("truncated", 8)


@given(
    st.integers(1, 10**6), st.integers(1, 10**6), st.floats(0.1, 1e6), st.sampled_from(["steps", "examples", "seconds"])
)
def test_a_budget_is_spent_when_its_own_measure_reaches_it(done, total, other, kind):
    budget = BudgetConfig(**{"steps": None, kind: total})
    progress = {"steps": other, "examples": other, "seconds": other, kind: done}
    assert (budget.spent(**progress) >= 1) == (done >= total)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bptt": {"checkpoint": True}, "model": {"norm": "batch"}}, "model.norm=batch would treat each segment"),
        (
            {"bptt": {"checkpoint": True}, "model": {"variational": True, "dropout": 0.1}},
            "model.variational=true would",
        ),
        ({"match": {"params": 9}, "model": {"tie": True}}, "model.tie=true ties to model.embedding"),
        (
            {"gradient": "rtrl", "bptt": {"checkpoint": True}},
            "bptt.checkpoint=true needs gradient=bptt: choose it",
        ),
        (
            {"gradient": "rtrl", "hardware": {"precision": "bfloat16"}},
            "hardware.precision=bfloat16 needs gradient=bptt",
        ),
    ],
)
def test_options_that_contradict_each_other_are_one_line(options, message):
    changed = {group: {**tree()[group], **each} if isinstance(each, dict) else each for group, each in options.items()}
    with pytest.raises(ConfigError, match=message):
        validate(config(**changed))


def test_seconds_go_before_examples_before_steps():
    assert str(BudgetConfig(steps=5, examples=6, seconds=0.5)) == "0.5 seconds"
    assert str(BudgetConfig(steps=5, examples=6)) == "6 examples"
    assert str(BudgetConfig(steps=1500)) == "1500 steps"
    assert BudgetConfig(steps=5, examples=6, seconds=2.0).spent(steps=5, examples=6, seconds=1.0) == 0.5


trees = st.recursive(
    st.integers() | st.text() | st.none(),
    lambda t: st.dictionaries(st.text("abc", min_size=1), t, min_size=1),
    max_leaves=9,
)


@settings(max_examples=30)
@given(st.dictionaries(st.text("abc", min_size=1), trees, min_size=1))
def test_flat_names_lead_to_their_values(options):
    for name, value in flatten(options).items():
        place = options
        for key in name.split("."):
            place = place[key]
        assert place == value


def test_lists_and_empty_groups_are_values():
    assert flatten({"a": {"b": [1, 2]}, "c": {}}) == {"a.b": [1, 2], "c": {}}


def identity(options, task="copy-v1", device="cpu", data=None, sources=None, harness=""):
    return Identity(options, task, device, data, sources or {}, harness).hash


@pytest.mark.parametrize("name", [field.name for field in fields(Config) if all_roles()[field.name].decides])
def test_every_option_is_part_of_a_runs_identity(name):
    assert identity(tree(**{name: "another"})) != identity(tree())


@pytest.mark.parametrize(
    ("name", "value"),
    [("results_dir", "x"), ("rerun", "all"), ("retries", 2), ("checkpoint", {"steps": 3}), ("resume", "never")],
)
def test_where_a_run_is_stored_and_begun_is_no_part_of_its_identity(name, value):
    assert identity(tree(**{name: value})) == identity(tree())


def test_going_on_from_another_run_is_another_run():
    assert identity(tree(resume="results/runs/another")) != identity(tree())


def test_identity_knows_the_order_of_no_keys_and_all_facts():
    assert identity({"a": 1, "b": 2}) == identity({"b": 2, "a": 1})
    others = (
        {"task": "copy-v2"},
        {"device": "cuda"},
        {"data": "1a"},
        {"sources": {"cell": {"a.py": "1a"}}},
        {"harness": "1"},
    )
    assert len({identity({"a": 1}), *(identity({"a": 1}, **other) for other in others)}) == len(others) + 1
    assert identity({"seed": 0}) != identity({"seed": None}) != identity({})


def test_the_code_version_changes_with_any_source(tmp_path):
    root = tmp_path / "bench"
    (root / "tasks").mkdir(parents=True)
    (root / "a.py").write_text("x = 1\n")
    (root / "tasks" / "t.py").write_text("y = 1\n")
    before = code_version(root)
    assert code_version(root) == before
    (root / "tasks" / "t.py").write_text("y = 2\n")
    changed = code_version(root)
    (root / "notes.txt").write_text("no source")
    assert before != changed == code_version(root)
    (root / "a.h").write_text("int x;")
    assert code_version(root) != changed
