"""Each operation of a kernel: its C++ is torch's to rounding, its derivative autograd's, also where numbers end."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import few, seeded

from bench.kernels.expression import Array, Graph
from bench.kernels.fused import Fused
from bench.kernels.naive import Naive
from bench.kernels.operations import OPERATIONS
from bench.kernels.step import Step

TWO = ["add", "sub", "mul", "div", "maximum", "minimum", "lt", "le", "gt", "ge", "eq", "ne"]
POSITIVE = ["log", "log1p", "sqrt", "rsqrt", "pow"]
WIDTH = 21  # more than a vector, and no multiple of one
ROUNDING = {torch.float32: 2.0**-23, torch.float64: 2.0**-52}
ULPS = 4  # of the result's last digit; torch's own functions allow themselves 1 to 4


def a_step(names, width=WIDTH):
    """A step whose states are the results of operations on its inputs a and b."""
    g, a, b = Graph(), Array("input", 0, width), Array("input", 1, width)
    x, y = g.load(a), g.load(b)
    args = {name: (x, y) if name in TWO else (x,) for name in names}
    args |= {name: given for name, given in {"where": (x, y, x), "pow": (x, g.constant(1.5))}.items() if name in names}
    new = [((g.node(name, *args[name]), width),) for name in names]
    states = [Array("state", i, width) for i in range(len(names))]

    def hoisted(x, parameters, linear):
        return list(x.unbind()), [], []

    return Step(g, [a, b], states, [], [], new, new[0], frozenset(), False, hoisted)


ANY = [name for name in OPERATIONS if name not in POSITIVE]


@pytest.fixture(scope="module", params=[torch.float32, torch.float64], ids=str)
def kernels(request, tmp_path_factory):
    """By name of an operation, the kernel that has it, and the names of all of that kernel."""
    folder = tmp_path_factory.mktemp("kernels")
    return {
        name: (Fused(a_step(names), request.param, folder), names) for names in (ANY, [*POSITIVE]) for name in names
    }


def through(kernels, name, a_BN, b_BN):
    """The result of an operation `[B, N]`, and the inputs that gradients go to."""
    fused, names = kernels[name]
    inputs = [x_BN[None].clone().requires_grad_() for x_BN in (a_BN, b_BN)]
    _, last = fused(torch.stack(inputs), [a_BN.new_zeros(a_BN.shape) for _ in names], {})
    return last[names.index(name)], inputs


def by_torch(name, a_BN, b_BN):
    exponent = torch.tensor(1.5, dtype=a_BN.dtype)
    args = {"where": (a_BN, b_BN, a_BN), "pow": (a_BN, exponent)}.get(name, (a_BN, b_BN) if name in TWO else (a_BN,))
    return OPERATIONS[name].torch(*args)


def drawn(kernels, name, size):
    """Two tensors of random numbers, of which an operation that takes none below 0 gets none."""
    dtype = kernels[name][0].dtype
    a, b = ((size * torch.randn(5, WIDTH, generator=seeded(i), dtype=torch.float64)).to(dtype) for i in range(2))
    return a.abs() if name in POSITIVE else a, b


@pytest.mark.parametrize("name", OPERATIONS)
def test_results_are_right_to_the_last_digits(kernels, name):
    for size in (1e-6, 0.1, 3.0, 40.0):
        a, b = drawn(kernels, name, size)
        found, right = through(kernels, name, a, b)[0], by_torch(name, a.double(), b.double())
        fits = right.to(a.dtype).isfinite()
        assert torch.equal(found.isfinite(), fits)
        allowed = ULPS * ROUNDING[a.dtype] * right.abs().clamp_min(torch.finfo(a.dtype).tiny / ROUNDING[a.dtype])
        assert ((found.double() - right).abs() <= allowed)[fits].all(), size


@pytest.mark.parametrize("name", OPERATIONS)
def test_derivatives_are_those_of_autograd(kernels, name):
    a, b = drawn(kernels, name, 1.0)
    b[:, :4] = a[:, :4]  # ties
    result, inputs = through(kernels, name, a, b)
    found = torch.autograd.grad(result.square().sum(), inputs, allow_unused=True, materialize_grads=True)
    wide = [x.detach()[0].double().requires_grad_() for x in inputs]
    total = by_torch(name, *wide).square().sum()
    right = torch.autograd.grad(total, wide, allow_unused=True, materialize_grads=True) if total.requires_grad else None
    for mine, its in zip(found, right or [torch.zeros(5, WIDTH)] * 2, strict=True):
        torch.testing.assert_close(mine[0].double(), its.double(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name not in ("sin", "cos")])
def test_numbers_at_the_ends_are_those_of_torch(kernels, name):
    ends = [math.nan, math.inf, -math.inf, 0.0, 1e4, -1e4, 88.0, 89.5, -80.0, -200.0, 1e-30, -1e-30]
    a = torch.tensor([ends + [0.0] * (WIDTH - len(ends))], dtype=kernels[name][0].dtype)
    found, _ = through(kernels, name, a, a.roll(3, 1))
    torch.testing.assert_close(found, by_torch(name, a, a.roll(3, 1)), rtol=2e-5, atol=1e-37, equal_nan=True)


@few
@given(st.sampled_from([*OPERATIONS]), st.integers(0, 99))
def test_the_oracle_has_the_derivatives_of_autograd(name, seed):
    """In float64, without a compiler: what is derived is right before it is printed."""
    naive, state = Naive(a_step([name], 3)), [torch.zeros(2, 3, dtype=torch.float64)]
    values = [torch.rand(1, 2, 3, dtype=torch.float64, generator=seeded(seed + i)).requires_grad_() for i in range(2)]
    memory = naive.forward([value.detach() for value in values], [], [], state)
    right = by_torch(name, *values)
    torch.testing.assert_close(memory["y0"], right.detach())
    memory = naive.backward(memory, 2 * right.detach(), state)
    total = right.square().sum()
    grads = torch.autograd.grad(total, values, allow_unused=True, materialize_grads=True) if total.requires_grad else []
    for number, grad in enumerate(grads):
        torch.testing.assert_close(memory[f"dinput{number}"], grad)
