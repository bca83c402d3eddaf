"""Activation functions of torch in terms of a kernel's operations: values, and gradients where they have a corner."""

from __future__ import annotations

import math
from collections.abc import Callable

from bench.kernels.called import Called
from bench.kernels.values import Value

__all__ = ["ACTIVATIONS"]


def _clamp(c: Called) -> Value:
    """Beyond a bound the bound, without a gradient; `hardtanh` has none at the bounds either."""
    value, at = c.x, c.name == "hardtanh"
    for op, names in (("le" if at else "lt", ("min", "min_val")), ("ge" if at else "gt", ("max", "max_val"))):
        bound = next((c.args[name] for name in names if c.args.get(name) is not None), None)
        if bound is not None:
            value = c.make("where", c.make(op, value, c.value(bound)), c.value(bound), value)
    return value


def _slope_below_0(c: Called) -> Value:
    return c.make("where", c.make("gt", c.x, 0), c.x, c.make("mul", c.x, c.args["negative_slope"]))


def _elu(c: Called) -> Value:
    scale, alpha = c.args["scale"], c.args["alpha"]
    below = c.make("mul", c.make("expm1", c.make("mul", _minimum_0(c), c.args["input_scale"])), alpha)
    return c.make("mul", c.make("where", c.make("gt", c.x, 0), c.x, below), scale)


def _minimum_0(c: Called) -> Value:
    """x where it is below 0, else 0: what overflows elsewhere must not come back as 0 times infinity."""
    return c.make("where", c.make("gt", c.x, 0), 0.0, c.x)


def _softplus(c: Called) -> Value:
    """log(1 + e^(beta x)) / beta; beyond the threshold x itself, as in torch."""
    beta = c.args["beta"]
    scaled = c.make("mul", c.x, beta)
    is_large = c.make("gt", scaled, c.args["threshold"])
    small = c.make("where", is_large, 0.0, scaled)
    return c.make("where", is_large, c.x, c.make("div", c.make("log1p", c.make("exp", small)), beta))


def _log_sigmoid(c: Called) -> Value:
    """min(x, 0) - log(1 + e^-|x|), with a gradient of 1/2 at 0."""
    below = c.make("where", c.make("gt", c.x, 0), c.make("neg", c.x), c.x)
    return c.make("sub", _minimum_0(c), c.make("log1p", c.make("exp", below)))


def _hard_sigmoid(c: Called) -> Value:
    line = c.make("mul", c.make("add", c.x, 3.0), 1 / 6)
    inside = c.make("where", c.make("le", c.x, -3.0), 0.0, line)
    return c.make("where", c.make("ge", c.x, 3.0), 1.0, inside)


def _gelu(c: Called) -> Value:
    if c.args.get("approximate", "none") != "none":
        inner = c.make("add", c.x, c.make("mul", c.make("mul", c.x, c.make("mul", c.x, c.x)), 0.044715))
        share = c.make("add", c.make("tanh", c.make("mul", inner, math.sqrt(2 / math.pi))), 1)
    else:
        share = c.make("add", c.make("erf", c.make("mul", c.x, math.sqrt(0.5))), 1)
    return c.make("mul", c.make("mul", c.x, share), 0.5)


ACTIVATIONS: dict[str, Callable[[Called], Value]] = {
    "clamp": _clamp, "clamp_min": _clamp, "clamp_max": _clamp, "hardtanh": _clamp,
    "silu": lambda c: c.make("mul", c.x, c.make("sigmoid", c.x)),
    "leaky_relu": _slope_below_0, "elu": _elu, "gelu": _gelu, "hardsigmoid": _hard_sigmoid,
    "softplus": _softplus, "log_sigmoid_forward": _log_sigmoid,
}  # fmt: skip
