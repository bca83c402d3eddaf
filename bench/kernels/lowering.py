"""The operations of torch in terms of a kernel's: what each makes of the values that it is given."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from bench.kernels.activations import ACTIVATIONS
from bench.kernels.called import Called
from bench.kernels.operations import OPERATIONS
from bench.kernels.step import Cannot
from bench.kernels.values import Value, beside_lanes, broadcast, reduced, sliced

__all__ = ["RANDOM", "lowered"]


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
        found = c.make(op, c.x, other if alpha == 1 else c.make("mul", other, alpha))
        return c.make("ne", found, 0) if c.results[0].dtype == torch.bool else found

    return lower


def _subtracted_from(c: Called) -> Value:
    return c.make("sub", c.value(c.args["other"]), c.make("mul", c.x, c.args["alpha"]))


def _divided(c: Called) -> Value:
    if (mode := c.args.get("rounding_mode")) is not None:
        raise Cannot(f"div with rounding_mode={mode} has no form in a kernel")
    return c.make("div", c.x, c.value(c.args["other"]))


def _same(c: Called) -> Value:
    return c.x


def _cast(c: Called) -> Value:
    """The same numbers in another dtype; truth values are 1 and 0."""
    was, now = c.source.dtype, c.results[0].dtype
    if now == torch.bool:
        return c.truth(c.source)
    if was.is_floating_point and not now.is_floating_point:
        raise Cannot(f"a cast from {was} to {now} has no form in a kernel, which computes with real numbers")
    return c.x


def _of_truths(op: str) -> Callable[[Called], Value]:
    """An operation on what is true, or not 0; on the bits of whole numbers there is none."""

    def lower(c: Called) -> Value:
        if c.results[0].dtype != torch.bool:
            raise Cannot(f"{c.name} of whole numbers has no form in a kernel")
        return c.make(op, *(c.truth(arg) for arg in c.args.values()))

    return lower


def _copied(c: Called) -> Value:
    source = c.value(c.args["src"])
    shape = source.shape if source.per_lane else beside_lanes(source.shape, len(c.x.shape))
    return Value(c.x.shape, broadcast(c.graph, source.row, shape, c.x.shape), source.per_lane or c.x.per_lane)


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
    has_lanes = c.results[0].shape[:1] == (c.lanes,)
    shape = tuple(c.results[0].shape[has_lanes:])
    number = c.graph.constant(c.args["fill_value"] if fill is None else fill)
    return Value(shape, ((number, math.prod(shape)),), has_lanes)


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


def _masked_fill(c: Called) -> Value:
    return c.make("where", c.value(c.args["mask"]), c.value(c.args["value"]), c.x)


_SPECIAL: dict[str, Callable[[Called], Any]] = {
    **ACTIVATIONS,
    "add": _scaled("add"), "sub": _scaled("sub"), "rsub": _subtracted_from, "div": _divided,
    "alias": _same, "clone": _same, "_to_copy": _cast, "lift_fresh": _same, "contiguous": _same, "copy": _copied,
    "view": _reshaped, "_unsafe_view": _reshaped, "unsqueeze": _reshaped, "squeeze": _reshaped, "reshape": _reshaped,
    "split": _split, "split_with_sizes": _split, "unbind": _unbound, "slice": _slice, "select": _select,
    "cat": _joined, "stack": _stacked, "expand": _expanded,
    "full_like": _filled, "zeros_like": _filled, "ones_like": _filled, "new_zeros": _filled, "new_ones": _filled,
    "new_full": _filled, "sum": _sum, "mean": _mean, "native_layer_norm": _layer_norm,
    "pow": _power, "lerp": _lerp, "addcmul": _add_product("mul"), "addcdiv": _add_product("div"),
    "square": _of_x(lambda c, x: c.make("mul", x, x)),
    "reciprocal": _of_x(lambda c, x: c.make("div", 1.0, x)),
    "logical_and": _of_truths("mul"), "bitwise_and": _of_truths("mul"),
    "logical_or": _of_truths("maximum"), "bitwise_or": _of_truths("maximum"),
    "logical_xor": _of_truths("ne"), "bitwise_xor": _of_truths("ne"), "masked_fill": _masked_fill,
    "logical_not": _of_x(lambda c, x: c.make("eq", x, 0)),
    "bitwise_not": lambda c: c.make("sub", 1, _of_truths("detach")(c)),
}  # fmt: skip

_ELEMENTWISE = {op: op for op in OPERATIONS} | {"absolute": "abs"}

RANDOM = "; draw random numbers outside the step, or uniform ones by torch.rand_like(state)"
_INSTEAD = {
    **dict.fromkeys(("bernoulli", "randn_like", "native_dropout", "bernoulli_p"), RANDOM),
    "empty_like": "; write torch.zeros_like, or for dropout torch.rand_like(state) < share",
    **dict.fromkeys(("var", "std", "linalg_vector_norm"), "; write a mean or a sum of squares"),
    "bmm": "; multiply by one matrix for all units, as torch.nn.functional.linear does",
    "_softmax": "; a maximum over units is not among a kernel's operations",
    "amax": "; a maximum over units is not among a kernel's operations",
    **dict.fromkeys(
        ("all", "any", "is_nonzero", "_local_scalar_dense"),
        ": what the step does would depend on the data; use torch.where",
    ),
}
