"""The operations of torch in terms of a kernel's: what each makes of the values that it is given."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from bench.kernels.expression import Graph
from bench.kernels.operations import OPERATIONS
from bench.kernels.step import Cannot
from bench.kernels.values import Value, broadcast, elementwise, number, reduced, sliced

__all__ = ["Called", "lowered"]


@dataclass(frozen=True)
class Called:
    """An operation as it was called: `args` by name, its results, and what gives the value of an argument."""

    graph: Graph
    name: str
    args: Mapping[str, Any]
    results: Sequence[Tensor]
    value: Callable[[Any], Value]
    lanes: int

    @property
    def x(self) -> Value:
        """The value of the first argument."""
        return self.value(next(iter(self.args.values())))

    def make(self, op: str, *args: Value | float) -> Value:
        """An operation of a kernel on values and numbers."""
        values = (arg if isinstance(arg, Value) else number(self.graph, arg) for arg in args)
        return elementwise(self.graph, op, *values)

    def shape(self, result: int = 0) -> tuple[int, ...]:
        """The shape of a result without the lanes' dimension."""
        shape = tuple(self.results[result].shape)
        if not self.x.per_lane:
            return shape
        if not shape or shape[0] != self.lanes:
            raise Cannot(f"{self.name} mixes lanes and units")
        return shape[1:]


def lowered(called: Called) -> list[Value]:
    """The values of an operation's results; raises Cannot where a kernel has no such operation."""
    name = called.name
    if name in _SPECIAL:
        found = _SPECIAL[name](called)
        return found if isinstance(found, list) else [found]
    if name in _ELEMENTWISE:
        return [called.make(_ELEMENTWISE[name], *(called.value(arg) for arg in called.args.values()))]
    raise Cannot(f"{name} has no form in a kernel{_INSTEAD.get(name, '')}")


def _scaled(op: str) -> Callable[[Called], Value]:
    """`self + alpha * other`, or with a minus."""

    def lower(c: Called) -> Value:
        other, alpha = c.value(c.args["other"]), c.args.get("alpha", 1)
        return c.make(op, c.x, other if alpha == 1 else c.make("mul", other, alpha))

    return lower


def _subtracted_from(c: Called) -> Value:
    return c.make("sub", c.value(c.args["other"]), c.x)


def _same(c: Called) -> Value:
    """The same numbers; a cast between real dtypes is one, too, since a kernel computes in one dtype."""
    return c.x


def _copied(c: Called) -> Value:
    source = c.value(c.args["src"])
    return Value(c.x.shape, broadcast(c.graph, source.row, source.shape, c.x.shape), source.per_lane or c.x.per_lane)


def _reshaped(c: Called) -> Value:
    return Value(c.shape(), c.x.row, c.x.per_lane)


def _split(c: Called) -> list[Value]:
    axis, found, start = c.x.axis(c.args["dim"]), [], 0
    for i in range(len(c.results)):
        length = c.shape(i)[axis]
        found.append(sliced(c.graph, c.x, axis, start, length))
        start += length
    return found


def _unbound(c: Called) -> list[Value]:
    axis = c.x.axis(c.args["dim"])
    return [sliced(c.graph, c.x, axis, i, 1, drop=True) for i in range(c.x.shape[axis])]


def _slice(c: Called) -> Value:
    dim, start, end, step = (c.args[name] for name in ("dim", "start", "end", "step"))
    if c.x.per_lane and dim == 0 and not start and (end is None or end >= c.lanes) and step == 1:
        return c.x
    if step != 1:
        raise Cannot("slice has a stride; chunk the tensor instead")
    axis = c.x.axis(dim)
    first, last, _ = slice(start, end).indices(c.x.shape[axis])
    return sliced(c.graph, c.x, axis, first, last - first)


def _select(c: Called) -> Value:
    axis = c.x.axis(c.args["dim"])
    return sliced(c.graph, c.x, axis, c.args["index"] % c.x.shape[axis], 1, drop=True)


def _joined(c: Called) -> Value:
    values = [c.value(tensor) for tensor in c.args["tensors"]]
    axis = next(value for value in values if value.per_lane).axis(c.args["dim"])
    if any(not value.per_lane for value in values):
        raise Cannot("cat joins a parameter and a tensor with lanes; expand the parameter first")
    if math.prod(values[0].shape[:axis]) != 1:
        raise Cannot("cat joins tensors along an axis that is not the first; reshape them")
    return Value(tuple(c.results[0].shape[1:]), tuple(s for value in values for s in value.row), True)


def _stacked(c: Called) -> Value:
    values = [c.value(tensor) for tensor in c.args["tensors"]]
    shape = tuple(c.results[0].shape[1:])
    if c.args["dim"] % (len(shape) + 1) != 1 or any(not value.per_lane for value in values):
        raise Cannot("stack joins tensors along an axis that is not the first after the lanes'; use dim=1")
    return Value(shape, tuple(segment for value in values for segment in value.row), True)


def _expanded(c: Called) -> Value:
    return Value(c.shape(), broadcast(c.graph, c.x.row, c.x.shape, c.shape()), c.x.per_lane)


def _filled(c: Called) -> Value:
    """A tensor of one number in the shape of another one, or of a given size."""
    fill = {"zeros_like": 0.0, "new_zeros": 0.0, "ones_like": 1.0, "new_ones": 1.0}.get(c.name)
    shape = c.shape()
    return Value(shape, ((c.graph.constant(c.args["fill_value"] if fill is None else fill), math.prod(shape)),), True)


def _axes(c: Called) -> list[int]:
    dims = c.args.get("dim")
    if dims is None or dims == []:
        raise Cannot(f"{c.name} goes over all lanes; a step computes each lane by itself")
    return [c.x.axis(dim) for dim in ([dims] if isinstance(dims, int) else dims)]


def _sum(c: Called) -> Value:
    return reduced(c.graph, c.x, _axes(c), c.args.get("keepdim", False))


def _mean(c: Called) -> Value:
    return c.make("mul", _sum(c), 1 / math.prod(c.x.shape[axis] for axis in _axes(c)))


def _layer_norm(c: Called) -> list[Value]:
    """Normalised over the trailing axes, mean, and 1 / deviation."""
    x = c.x
    axes = list(range(len(x.shape) - len(c.args["normalized_shape"]), len(x.shape)))
    share = 1 / math.prod(x.shape[axis] for axis in axes)
    mean = c.make("mul", reduced(c.graph, x, axes, True), share)
    centred = c.make("sub", x, mean)
    variance = c.make("mul", reduced(c.graph, c.make("mul", centred, centred), axes, True), share)
    over = c.make("rsqrt", c.make("add", variance, c.args["eps"]))
    y = c.make("mul", centred, over)
    for op, name in (("mul", "weight"), ("add", "bias")):
        if c.args[name] is not None:
            y = c.make(op, y, c.value(c.args[name]))
    return [y, mean, over]


def _clamp(c: Called) -> Value:
    """Beyond a bound the bound, without a gradient."""
    value = x = c.x
    for op, names in (("lt", ("min", "min_val")), ("gt", ("max", "max_val"))):
        bound = next((c.args[name] for name in names if c.args.get(name) is not None), None)
        if bound is not None:
            value = c.make("where", c.make(op, x, c.value(bound)), c.value(bound), value)
    return value


def _power(c: Called) -> Value:
    x, exponent = c.x, c.args["exponent"]
    if not isinstance(exponent, (int, float)):
        raise Cannot("pow has a tensor as exponent; write exp(b * log(a))")
    if exponent in (0.5, -0.5):
        return c.make("sqrt" if exponent > 0 else "rsqrt", x)
    if exponent in (2, 3):
        square = c.make("mul", x, x)
        return square if exponent == 2 else c.make("mul", square, x)
    return c.make("pow", x, exponent)


def _lerp(c: Called) -> Value:
    start, end, weight = (c.value(arg) for arg in c.args.values())
    return c.make("add", start, c.make("mul", weight, c.make("sub", end, start)))


def _add_product(op: str) -> Callable[[Called], Value]:
    def lower(c: Called) -> Value:
        a, b = c.value(c.args["tensor1"]), c.value(c.args["tensor2"])
        return c.make("add", c.x, c.make("mul", c.make(op, a, b), c.args["value"]))

    return lower


def _of_x(make: Callable[[Called, Value], Value]) -> Callable[[Called], Value]:
    return lambda c: make(c, c.x)


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


def _log_sigmoid(c: Called) -> list[Value]:
    """min(x, 0) - log(1 + e^-|x|)."""
    rest = c.make("log1p", c.make("exp", c.make("neg", c.make("abs", c.x))))
    return [c.make("sub", _minimum_0(c), rest), rest]


def _hard_sigmoid(c: Called) -> Value:
    line = c.make("mul", c.make("add", c.x, 3.0), 1 / 6)
    inside = c.make("where", c.make("lt", c.x, -3.0), 0.0, line)
    return c.make("where", c.make("gt", c.x, 3.0), 1.0, inside)


def _gelu(c: Called) -> Value:
    if c.args.get("approximate", "none") != "none":
        inner = c.make("add", c.x, c.make("mul", c.make("mul", c.x, c.make("mul", c.x, c.x)), 0.044715))
        share = c.make("add", c.make("tanh", c.make("mul", inner, math.sqrt(2 / math.pi))), 1)
    else:
        share = c.make("add", c.make("erf", c.make("mul", c.x, math.sqrt(0.5))), 1)
    return c.make("mul", c.make("mul", c.x, share), 0.5)


_SPECIAL: dict[str, Callable[[Called], Any]] = {
    "add": _scaled("add"), "sub": _scaled("sub"), "rsub": _subtracted_from,
    "alias": _same, "clone": _same, "_to_copy": _same, "lift_fresh": _same, "contiguous": _same, "copy": _copied,
    "view": _reshaped, "_unsafe_view": _reshaped, "unsqueeze": _reshaped, "squeeze": _reshaped, "reshape": _reshaped,
    "split": _split, "split_with_sizes": _split, "unbind": _unbound, "slice": _slice, "select": _select,
    "cat": _joined, "stack": _stacked, "expand": _expanded,
    "full_like": _filled, "zeros_like": _filled, "ones_like": _filled, "new_zeros": _filled, "new_ones": _filled,
    "new_full": _filled, "sum": _sum, "mean": _mean, "native_layer_norm": _layer_norm,
    "clamp": _clamp, "clamp_min": _clamp, "clamp_max": _clamp, "hardtanh": _clamp,
    "pow": _power, "lerp": _lerp, "addcmul": _add_product("mul"), "addcdiv": _add_product("div"),
    "square": _of_x(lambda c, x: c.make("mul", x, x)),
    "reciprocal": _of_x(lambda c, x: c.make("div", 1.0, x)),
    "silu": _of_x(lambda c, x: c.make("mul", x, c.make("sigmoid", x))),
    "logical_not": _of_x(lambda c, x: c.make("eq", x, 0)),
    "leaky_relu": _slope_below_0, "elu": _elu, "gelu": _gelu, "hardsigmoid": _hard_sigmoid,
    "softplus": _softplus, "log_sigmoid_forward": _log_sigmoid,
}  # fmt: skip

_ELEMENTWISE = {op: op for op in OPERATIONS} | {"logical_and": "mul", "bitwise_and": "mul", "absolute": "abs"}

_RANDOM = "; draw random numbers outside the step"
_INSTEAD = {
    **dict.fromkeys(("bernoulli", "rand_like", "randn_like", "native_dropout", "bernoulli_p"), _RANDOM),
    "bmm": "; multiply by one matrix for all units, as torch.nn.functional.linear does",
    "_softmax": "; a maximum over units is not among a kernel's operations",
    "amax": "; a maximum over units is not among a kernel's operations",
    **dict.fromkeys(
        ("all", "any", "is_nonzero", "_local_scalar_dense"),
        ": what the step does would depend on the data; use torch.where",
    ),
}
