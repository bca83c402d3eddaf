"""Every option of every cell acts: on how its parameters start, or on what it computes from equal ones."""

import pytest
from acting import ANY, Line, check, check_complete


def line(cell, option, one, other, first="evaluation", start=(), **beside):
    return Line(f"cell.{option}", one, other, {"cell": cell, **beside}, first, start)


SIX = {"model.hidden": 6}
LSTMS = ("lstm", "cifg", "peephole_lstm", "layernorm_lstm")
LINES = [
    *(line(cell, "peepholes", False, True, start=ANY) for cell in LSTMS),
    *(line(cell, "coupled", False, True, start=ANY) for cell in LSTMS),
    *(line(cell, "layer_norm", False, True, start=ANY) for cell in LSTMS),
    *(line("vanilla", "activation", "tanh", other) for other in ("relu", "leaky_relu", "sigmoid")),
    line("vanilla", "activation", "relu", "leaky_relu"),
    line("janet", "beta", 1.0, 0.0),
    line("ugrnn", "gate_bias", 1.0, 0.0),
    line("slstm", "forget", "sigmoid", "exp"),
    line("indrnn", "u_max", None, 0.3, "weights", {"weight_hh"}),  # at the start, and after each update
    line("exprnn", "init", "cayley", "henaff", None, {"skew"}),
    line("scrn", "context", None, 2, start=ANY),
    line("scrn", "alpha", 0.95, 0.5),
    line("rhn", "depth", 2, 3, start=ANY),
    line("rhn", "transform_bias", -2.0, 0.0, None, {"bias"}),
    line("lem", "dt", 1.0, 0.5),
    line("mingru", "positive", False, True),
    line("sru", "peephole", False, True, start=ANY),
    line("qrnn", "window", 2, 3, start=ANY),
    line("ngram_mlp", "context", 3, 4, start=ANY),
    *(line(cell, "heads", 1, 2, start=ANY, **SIX) for cell in ("deltanet", "mlstm")),
    line("linear_attention", "heads", 1, 2, **SIX),  # the same maps, cut in another way
    line("linear_attention", "decay", "none", "retnet"),
    *(line(cell, "heads", 1, 3, **SIX) for cell in ("attention", "transformer")),
    *(line(cell, "context", 2, 4) for cell in ("attention", "transformer")),
    *(line(cell, "context", 6, 7, "weights") for cell in ("attention", "transformer")),  # the first batch is no longer
    line("lru", "state_size", None, 7, start=ANY),
    line("lru", "r_min", 0.0, 0.5, None, {"nu", "gamma"}),
    line("lru", "r_max", 1.0, 0.5, None, {"nu", "gamma"}),
    line("lru", "max_phase", 6.2832, 1.0, None, {"theta"}),
    *(line(cell, "activation", "gelu", "none") for cell in ("lru", "s4d")),
    line("mamba", "state_size", 4, 5, start=ANY),
    line("s4d", "state_size", 4, 6, start=ANY),
    line("s4d", "kind", "complex", "real", start=ANY),
    line("tcn", "levels", 1, 2, start=ANY),
    line("tcn", "kernel_size", 2, 3, start=ANY),
]


@pytest.mark.parametrize("line", LINES, ids=str)
def test_an_option_acts_where_its_line_says(line):
    check(line)


def test_every_option_and_every_value_of_it_has_a_line():
    check_complete(LINES, "cell")
