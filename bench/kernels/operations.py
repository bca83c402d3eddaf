"""The operations of a kernel, element by element: each as C++ over a vector, in torch, and with its derivative."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.kernels.expression import Graph, Node

__all__ = ["OPERATIONS", "Operation"]

Pull = Callable[[Graph, Node, Node], tuple[Node | None, ...]]
"""From a node y and the gradient of y, the gradients of y's arguments; None for one that has none."""


@dataclass(frozen=True)
class Operation:
    """`code` is C++ with the arguments as `{0}`, `{1}`. A `costly` result is kept for the backward pass; others are
    made again.
    """

    code: str
    torch: Callable[..., Tensor]
    pull: Pull
    costly: bool = False


def _no_gradient(g: Graph, y: Node, dy: Node) -> tuple[None, ...]:
    return (None,) * len(y.args)


def _compare(sign: str, function: Callable[..., Tensor]) -> Operation:
    """1 where a comparison holds, else 0."""
    return Operation(f"({{0}} {sign} {{1}}) ? all(1) : all(0)", lambda a, b: function(a, b).to(a.dtype), _no_gradient)


def _larger(op: str) -> Pull:
    """The gradient goes to the argument that was taken, in halves to equal ones, as in torch."""

    def pull(g: Graph, y: Node, dy: Node) -> tuple[Node, Node]:
        a, b = y.args
        half = g.mul(g.constant(0.5), g.node("eq", a, b))
        return g.mul(dy, g.add(g.node(op, a, b), half)), g.mul(dy, g.add(g.node(op, b, a), half))

    return pull


def _unary(slope: Callable[[Graph, Node, Node], Node]) -> Pull:
    """The derivative of y(x) from y and x."""
    return lambda g, y, dy: (g.mul(dy, slope(g, y, y.args[0])),)


def _div(g: Graph, y: Node, dy: Node) -> tuple[Node, Node]:
    over = g.div(dy, y.args[1])
    return over, g.neg(g.mul(over, y))


def _where(g: Graph, y: Node, dy: Node) -> tuple[None, Node, Node]:
    zero = g.constant(0)
    return None, g.node("where", y.args[0], dy, zero), g.node("where", y.args[0], zero, dy)


def _power(g: Graph, y: Node, x: Node) -> Node:
    exponent = g.constant(y.args[1].value)
    return g.mul(exponent, g.node("pow", x, g.constant(y.args[1].value - 1)))


OPERATIONS = {
    "add": Operation("{0} + {1}", torch.add, lambda g, y, dy: (dy, dy)),
    "sub": Operation("{0} - {1}", torch.sub, lambda g, y, dy: (dy, g.neg(dy))),
    "mul": Operation("{0} * {1}", torch.mul, lambda g, y, dy: (g.mul(dy, y.args[1]), g.mul(dy, y.args[0]))),
    "div": Operation("{0} / {1}", torch.div, _div, costly=True),
    "neg": Operation("-{0}", torch.neg, lambda g, y, dy: (g.neg(dy),)),
    "tanh": Operation("tanh_({0})", torch.tanh, _unary(lambda g, y, x: g.sub(g.constant(1), g.mul(y, y))), costly=True),
    "sigmoid": Operation(
        "sigmoid_({0})", torch.sigmoid, _unary(lambda g, y, x: g.mul(y, g.sub(g.constant(1), y))), costly=True
    ),
    "exp": Operation("exp_({0})", torch.exp, _unary(lambda g, y, x: y), costly=True),
    "expm1": Operation("expm1_({0})", torch.expm1, _unary(lambda g, y, x: g.add(y, g.constant(1))), costly=True),
    "log": Operation("log_({0})", torch.log, _unary(lambda g, y, x: g.div(g.constant(1), x)), costly=True),
    "log1p": Operation(
        "log1p_({0})", torch.log1p, _unary(lambda g, y, x: g.div(g.constant(1), g.add(x, g.constant(1)))), costly=True
    ),
    "sqrt": Operation("sqrt_({0})", torch.sqrt, _unary(lambda g, y, x: g.div(g.constant(0.5), y)), costly=True),
    "rsqrt": Operation(
        "all(1) / sqrt_({0})",
        torch.rsqrt,
        _unary(lambda g, y, x: g.mul(g.constant(-0.5), g.mul(y, g.mul(y, y)))),
        costly=True,
    ),
    "sin": Operation("sin_({0})", torch.sin, _unary(lambda g, y, x: g.node("cos", x)), costly=True),
    "cos": Operation("cos_({0})", torch.cos, _unary(lambda g, y, x: g.neg(g.node("sin", x))), costly=True),
    "erf": Operation(
        "erf_({0})",
        torch.erf,
        _unary(lambda g, y, x: g.mul(g.constant(2 / math.sqrt(math.pi)), g.node("exp", g.neg(g.mul(x, x))))),
        costly=True,
    ),
    "atan": Operation(
        "atan_({0})",
        torch.atan,
        _unary(lambda g, y, x: g.div(g.constant(1), g.add(g.constant(1), g.mul(x, x)))),
        costly=True,
    ),
    "pow": Operation("pow_({0}, {1})", torch.pow, lambda g, y, dy: (g.mul(dy, _power(g, y, y.args[0])), None), True),
    "abs": Operation("({0} < all(0)) ? -{0} : {0}", torch.abs, _unary(lambda g, y, x: g.node("sign", x))),
    "sign": Operation("sign_({0})", torch.sign, _no_gradient),
    "relu": Operation(
        "({0} < all(0)) ? all(0) : {0}", torch.relu, _unary(lambda g, y, x: g.node("gt", y, g.constant(0)))
    ),
    "maximum": Operation("maximum_({0}, {1})", torch.maximum, _larger("gt")),
    "minimum": Operation("-maximum_(-{0}, -{1})", torch.minimum, _larger("lt")),
    "where": Operation("({0} != all(0)) ? {1} : {2}", lambda c, a, b: torch.where(c != 0, a, b), _where),
    "detach": Operation("{0}", torch.detach, _no_gradient),
    "lt": _compare("<", torch.lt),
    "le": _compare("<=", torch.le),
    "gt": _compare(">", torch.gt),
    "ge": _compare(">=", torch.ge),
    "eq": _compare("==", torch.eq),
    "ne": _compare("!=", torch.ne),
}
"""A comparison gives 1 or 0, and `where` takes its second argument where the first is not 0."""
