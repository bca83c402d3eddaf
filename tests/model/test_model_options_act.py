"""Every option of `model` and `init` acts, in every place that it has: a table of runs that differ where it says."""

import pytest
from acting import ANY, Line, check, check_complete

SYMBOLS, SEQUENCE = {"task": "symbols"}, {"task": "sequence"}
TWO = {"model.layers": 2}
WITH_MLP = {"model.mlp": 1.0}
HEADS = {"cell": "mlstm", "model.hidden": 8}
NOISE = "loss"  # dropout acts in training alone: the logits in evaluation are the same
GATED = ("vanilla", "irnn", "lstm", "peephole_lstm", "cifg", "layernorm_lstm", "gru", "ugrnn", "janet", "slstm")
NO_GATE = ("vanilla", "irnn")
OPEN = ("lstm", "peephole_lstm", "cifg")  # their forget gate has a bias of 1 + 0 by default
ONE_BIAS = ("layernorm_lstm", "gru_before", "minlstm", "sru", "qrnn", "mlstm")
DRAWN = ("xavier", "he", "orthogonal", "normal", "identity")
SIDES = {"input": "weight_ih", "recurrent": "weight_hh"}

SHAPE = [
    *(Line("model.hidden", 5, 6, beside, "evaluation", ANY) for beside in ({}, SEQUENCE)),
    *(Line("model.layers", 1, 2, beside, "evaluation", ANY) for beside in ({}, SYMBOLS, SEQUENCE)),
    *(Line("model.embedding", 0, 3, beside, "evaluation", ANY) for beside in (SYMBOLS, SEQUENCE)),
    Line("model.embedding", 3, 4, SYMBOLS, "evaluation", ANY),
    Line("model.embedding", 0, 3, {}, None),  # features have none
    *(
        Line("model.tie", False, True, {**task, **beside, "model.embedding": 5}, "evaluation", ANY)
        for task in (SYMBOLS, SEQUENCE)
        for beside in ({}, TWO)
    ),
]
AROUND = [
    *(
        Line("model.norm", "none", kind, {}, "evaluation", ANY)
        for kind in ("layer", "rms", "head_layer", "head_rms", "batch", "batch_per_step")
    ),
    Line("model.norm", "layer", "head_layer", HEADS, "evaluation", ANY),
    *(
        Line("model.pre_norm", "none", kind, beside, "evaluation", ANY)
        for kind in ("layer", "rms")
        for beside in ({}, TWO, WITH_MLP, SEQUENCE)
    ),
    *(Line("model.expand", 0.0, 2.0, beside, "evaluation", ANY) for beside in ({}, {"cell": "mamba"}, SEQUENCE)),
    Line("model.expand", 2.0, 3.5, {}, "evaluation", ANY),
    *(
        Line("model.conv", 0, 3, beside, "evaluation", ANY)
        for beside in (
            {},
            TWO,
            SEQUENCE,
            {"model.norm": "batch_per_step"},
            {"model.zoneout": 0.5},
            {"cell": "mamba"},
            {"cell": "deltanet"},
        )
    ),
    Line("model.conv", 2, 3, {}, "evaluation", ANY),
    Line("model.conv_activation", "silu", "none", {"model.conv": 3}, "evaluation"),
    Line("model.skip", False, True, {"model.hidden": 3}, "evaluation", ANY),
    Line("model.skip", False, True, {"model.expand": 2.0}, "evaluation", ANY),
    Line("model.gate_activation", "silu", "gelu", {"model.gate": True}, "evaluation"),
    *(Line("model.out_projection", False, True, {"cell": cell}, "evaluation", ANY) for cell in ("gru", "attention")),
    *(Line("model.mlp_kind", "gelu", kind, WITH_MLP, "evaluation", ANY) for kind in ("geglu", "swiglu")),
    Line("model.mlp_kind", "geglu", "swiglu", WITH_MLP, "evaluation"),
    *(Line("model.norm", "none", "layer", {**beside, **WITH_MLP}, "evaluation", ANY) for beside in ({}, SEQUENCE)),
    Line("model.norm", "batch", "batch_per_step", {}, "loss", {"weight"}),
    Line("model.residual", False, True, TWO, "evaluation"),
    Line("model.residual", False, True, {"model.hidden": 3}, "evaluation"),
    Line("model.residual", False, True, {"model.pre_norm": "rms"}, "evaluation"),  # the input gets the layer's width
    Line("model.residual", False, True, {}, None),  # 3 features into 5 units: there is no sum
    *(Line("model.gate", False, True, beside, "evaluation", ANY) for beside in ({}, TWO, SEQUENCE)),
    *(
        Line("model.mlp", 0.0, 2.0, beside, "evaluation", ANY)
        for beside in ({}, TWO, {"model.norm": "layer"}, {"model.pre_norm": "layer"}, SEQUENCE)
    ),
    Line("model.mlp", 1.0, 2.0, {}, "evaluation", ANY),
]
DROPPED = [
    *(
        Line(f"model.{option}", 0.0, 0.5, beside, NOISE)
        for option in ("dropout", "input_dropout")
        for beside in (
            {}, SYMBOLS, SEQUENCE, {"bptt.kind": "truncated", "bptt.window": 2}, {"bptt.checkpoint": True},
            {"unroll": "vendor"}, {"cell": "mingru", "unroll": "parallel"},
        )
    ),
    *(
        Line("model.variational", False, True, {**dropped, **beside}, NOISE)
        for dropped in ({"model.dropout": 0.5}, {"model.input_dropout": 0.5})
        for beside in ({}, TWO, SYMBOLS, SEQUENCE)
    ),
    *(
        Line("model.recurrent_dropout", 0.0, 0.5, beside, NOISE)
        for beside in (*({"cell": cell} for cell in GATED), TWO, SEQUENCE, {"model.norm": "batch_per_step"})
    ),
    *(
        Line("model.zoneout", 0.0, 0.5, beside, "evaluation")  # evaluation takes the mean
        for beside in (
            *({"cell": cell} for cell in GATED if cell != "slstm"), TWO, SEQUENCE, {"model.norm": "batch_per_step"},
        )
    ),
]  # fmt: skip
DECODED = [
    Line("model.teacher_forcing", 1.0, 0.0, SEQUENCE, "loss"),
    Line("model.teacher_forcing", 0.5, 0.0, SEQUENCE, "loss"),
    *(Line("model.attention", "none", score, SEQUENCE, "evaluation", ANY) for score in ("dot", "additive")),
    *(
        Line("model.bidirectional", False, True, {**SEQUENCE, **beside}, "evaluation", ANY)
        for beside in ({}, TWO, {"model.attention": "dot"})
    ),
    Line("model.beam", 1, 3, {**SEQUENCE, "seed": 1}, "written"),
]
DRAWN_WEIGHTS = [
    *(
        Line(f"init.{side}", "default", kind, {"cell": cell}, None, {weight})
        for side, weight in SIDES.items()
        for kind in DRAWN
        for cell in ("gru", "lstm")
    ),
    *(
        Line("init.gain", 1.0, 2.0, {f"init.{side}": kind}, None, {weight})
        for side, weight in SIDES.items()
        for kind in DRAWN
        if kind != "normal"
    ),
    *(Line("init.sigma", 1.0, 0.1, {f"init.{side}": "normal"}, None, {weight}) for side, weight in SIDES.items()),
    Line("init.gain", 1.0, 2.0, {"init.input": "normal", "init.recurrent": "he"}, None, {"weight_hh"}),
    Line("init.sigma", 1.0, 0.1, {"init.input": "normal", "init.recurrent": "he"}, None, {"weight_ih"}),
    *(Line("init.recurrent", "default", "orthogonal", beside, None, {"weight_hh"}) for beside in (TWO, SEQUENCE)),
]
STARTS = [
    Line(
        "init.start", "default", "published", {"cell": "slstm"}, None, {"weight_ih", "weight_hh", "bias_ih", "bias_hh"}
    ),
    Line("init.start", "default", "published", {"cell": "gru"}, None),  # it starts as published
    Line("init.start", "default", "torch", {"cell": "lstm"}, None, {"bias_ih", "bias_hh"}),
    Line("init.start", "default", "torch", {"cell": "gru"}, None),
]
BIASES = [
    *(Line("init.bias", "default", "zero", {"cell": cell}, None, {"bias_ih", "bias_hh"}) for cell in ("gru", "lstm")),
    Line("init.bias", "default", "zero", {"cell": "layernorm_lstm"}, None),  # its shifts replace the biases
    *(
        Line("init.forget_bias", None, 2.0, {"cell": cell}, None, {"bias_ih", "bias_hh"})
        for cell in GATED
        if cell not in (*NO_GATE, *OPEN, "layernorm_lstm")
    ),
    *(Line("init.forget_bias", None, 2.0, {"cell": cell}, None, {"bias_ih"}) for cell in OPEN),  # 0 stays
    *(Line("init.forget_bias", None, 2.0, {"cell": cell}, None, {"bias"}) for cell in ONE_BIAS),
    *(
        Line("init.chrono", None, 50, {"cell": cell}, None, {"bias_ih", "bias_hh"})
        for cell in GATED
        if cell not in (*NO_GATE, "layernorm_lstm")
    ),
    Line("init.chrono", 50, 100, {}, None, {"bias_ih"}),
]
LINES = SHAPE + AROUND + DROPPED + DECODED + STARTS + DRAWN_WEIGHTS + BIASES


@pytest.mark.parametrize("line", LINES, ids=str)
def test_an_option_acts_where_its_line_says(line):
    check(line)


def test_every_option_and_every_value_of_it_has_a_line():
    check_complete(LINES, "model", "init")
