"""Each contradiction between options is found by its own row of the table, and said in one line."""

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.config.options import typed
from bench.config.rules import CONTRADICTIONS, validate
from bench.config.schema import Config
from bench.config.tree import flatten
from bench.errors import ConfigError

TRUNCATED = {"bptt": {"kind": "truncated", "window": 8}}
CASES = [
    ({"bptt": {"window": 5}}, "bptt.window=5 needs bptt=truncated (bptt=full has no window): choose it, or set "),
    ({"bptt": {"horizon": 5}}, "bptt.horizon=5 needs bptt=truncated (bptt=full has no window): choose it, or set "),
    ({"bptt": {"offset": "random"}}, "bptt.offset=random needs bptt=truncated (bptt=full has no window): choose it"),
    ({"bptt": {"kind": "truncated"}}, "bptt=truncated needs a window: set bptt.window to a number of time steps"),
    ({"bptt": {"kind": "sliding", "window": 1}}, "bptt=sliding needs bptt.horizon, and always moves on by one"),
    ({"bptt": {"kind": "truncated", "window": 8, "horizon": 4}}, "bptt.horizon=4 is shorter than bptt.window=8, but"),
    (
        {"bptt": {"kind": "sliding", "window": 1, "horizon": 4}, "gradient": "rtrl"},
        "bptt=sliding needs gradient=bptt: choose it, or leave bptt out with gradient=rtrl",
    ),
    (
        {"bptt": {"kind": "truncated", "window": 1, "horizon": 4}, "gradient": "uoro"},
        "bptt.horizon=4 needs gradient=bptt: choose it, or leave bptt.horizon out with gradient=uoro",
    ),
    ({"bptt": {"checkpoint": True}, "gradient": "eprop"}, "bptt.checkpoint=true needs gradient=bptt: choose it, or"),
    ({"hardware": {"precision": "bfloat16"}, "gradient": "rtrl"}, "hardware.precision=bfloat16 needs gradient=bptt"),
    (
        {"bptt": {"checkpoint": True}, "model": {"norm": "batch_per_step"}},
        "model.norm=batch_per_step would treat each segment of bptt.checkpoint=true as a whole window: leave one of",
    ),
    (
        {"bptt": {"checkpoint": True}, "model": {"variational": True, "input_dropout": 0.5}},
        "model.variational=true would draw another mask for each segment of bptt.checkpoint=true: leave one of them",
    ),
    (
        {"bptt": {"kind": "truncated", "window": 5}, "model": {"bidirectional": True}},
        "model.bidirectional=true reads whole sequences from their end, and bptt=truncated cuts them: choose bptt=full",
    ),
    (
        {"bptt": {"checkpoint": True}, "model": {"bidirectional": True}},
        "model.bidirectional=true would read each segment of bptt.checkpoint=true as a whole sequence: leave one of",
    ),
    ({"gradient": "rtrl", "model": {"bidirectional": True}}, "model.bidirectional=true needs gradient=bptt: choose it"),
    (
        {"match": {"params": 9}, "model": {"tie": True}},
        "match.params=9 cannot choose the hidden size, which model.tie=true",
    ),
    ({**TRUNCATED, "bptt": {"kind": "truncated", "window": 4, "head": "skip"}}, "bptt.head=skip needs bptt=sliding"),
    (
        {"model": {"norm": "batch_per_step"}, "batch_size": 1},
        "model.norm=batch_per_step takes its statistics over the lanes of a batch, but batch_size=1 is one lane",
    ),
    ({"model": {"variational": True}}, "model.variational=true drops nothing: set model.dropout or "),
    (
        {"model": {"conv_activation": "none"}},
        "model.conv_activation=none acts on nothing without model.conv: set model.conv, or leave",
    ),
    ({"model": {"gate_activation": "gelu"}}, "model.gate_activation=gelu acts on nothing without model.gate: set "),
    ({"model": {"mlp_kind": "geglu"}}, "model.mlp_kind=geglu acts on nothing without model.mlp: set model.mlp, or"),
    (
        {"model": {"norm": "head_rms", "mlp": 2.0}},
        "model.norm=head_rms is for the cell's heads, and the perceptron of model.mlp=2.0 has none: set model.pre_norm",
    ),
    ({"init": {"sigma": 0.1}}, "init.sigma=0.1 needs init=normal: choose it, or set init.sigma=1"),
    ({"init": {"input": "normal", "gain": 2.0}}, "init.gain=2.0 needs init=xavier, he, orthogonal or identity: choose"),
    ({"init": {"forget_bias": 1.0, "chrono": 9}}, "init.forget_bias=1.0 and init.chrono=9 are both set: choose one"),
    (
        {"clip": {"norm": 1.0, "value": 0.5}},
        "clip.norm=1.0 and clip.value=0.5 are both set: choose one, and unset the other (clip.norm=null)",
    ),
    ({"clip": {"norm": 1.0, "adaptive": 0.5}}, "clip.norm=1.0 and clip.adaptive=0.5 are both set: choose one"),
    ({"clip": {"norm": None, "value": 1.0, "adaptive": 0.5}}, "clip.value=1.0 and clip.adaptive=0.5 are both set"),
    ({**TRUNCATED, "accumulate": 2}, "accumulate=2 makes one update of several batches, but bptt.update=window "),
    ({"budget": {"steps": None}}, "no budget is set: give budget.steps, budget.examples or budget.seconds"),
    ({"match": {"params": 9, "flops": 8}}, "match.params=9 and match.flops=8 are both set: choose one"),
]


@pytest.mark.parametrize(("tree", "line"), CASES)
def test_a_contradiction_is_one_line_with_values_and_a_remedy(tree, line):
    with pytest.raises(ConfigError) as caught:
        validate(typed(tree))
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)
    assert "{" not in str(caught.value)


def test_each_row_has_a_case_that_it_is_the_first_to_find():
    first = [next(row for row in CONTRADICTIONS if row.when(typed(tree))) for tree, _ in CASES]
    assert len(CASES) == len(CONTRADICTIONS) == len({id(row) for row in first})


@given(st.sampled_from(CONTRADICTIONS))
def test_a_row_names_options_that_there_are(row):
    assert row.option in {*flatten(asdict(Config())), "bptt", ""}
    assert row.line(Config())


def test_the_defaults_contradict_nothing():
    assert not any(row.when(Config()) for row in CONTRADICTIONS)
