"""Steps whose kernels could compute something else in silence: each has right values and gradients, or no kernels."""

import math

import pytest
import torch
import torch.nn.functional as F

from bench.api import Cell
from bench.kernels.native import Native
from bench.unroll.eager import unroll_eager
from bench.unroll.generated import CannotGenerate, KernelUnroll

T, B, WIDTH, HIDDEN = 5, 3, 4, 6


class OfNumbers(torch.autograd.Function):
    """A step function with the gradient of the identity."""

    @staticmethod
    def forward(ctx, h):
        return (h > 0).to(h)

    @staticmethod
    def backward(ctx, dy):
        return dy


class Writing(Cell):
    """An equation over a sum of products `a`, the state `h` and parameters."""

    def __init__(self, equation):
        super().__init__(WIDTH, HIDDEN)
        self.of_x, self.of_h = torch.nn.Linear(WIDTH, HIDDEN), torch.nn.Linear(HIDDEN, HIDDEN)
        self.share = torch.nn.Parameter(torch.tensor(0.7))
        self.gain = torch.nn.Parameter(torch.randn(HIDDEN))
        self.row = torch.nn.Parameter(torch.randn(1, HIDDEN))
        self.register_buffer("moving", torch.rand(HIDDEN))
        self.equation = equation

    def initial_state(self, batch_size, like):
        return like.new_zeros(batch_size, HIDDEN)

    def step(self, x_BF, state):
        h = self.equation(self, self.of_x(x_BF) + self.of_h(state), state)
        return h, h


def halves_swapped(c, a, h):
    z = a * c.row
    return torch.cat([z[:, 3:], z[:, :3]], 1).tanh()


def without_gradient(c, a, h):
    with torch.no_grad():
        gain = 2 * c.gain
    return (a * gain).tanh()


def truths_alone(c, a, h):
    return torch.where(~((a > 0) | (h > 0.1)) ^ (h < 0), a, h).masked_fill(a > 1, 0.5)


def through_three_stages(c, a, h):
    first = c.of_h(torch.tanh(a))
    kept = first / (h.mean(1, keepdim=True) + 3)
    return (c.of_h(torch.tanh(first)) + kept).tanh()


RIGHT = {
    "what is kept for a stage is made of a sum of the one before": through_three_stages,
    "a number is a truth value": lambda c, a, h: (a + 0.3 * a.relu().bool().to(a)).tanh(),
    "a sum of truth values is one": lambda c, a, h: (a + 0.3 * ((a > 0) + (a > 0.1)).to(a)).tanh(),
    "both numbers are not 0": lambda c, a, h: (a + 0.3 * torch.logical_and(a, h + 1).to(a)).tanh(),
    "truth values": truths_alone,
    "halves of a product with one row": halves_swapped,
    "a sum over units of a product with one row": lambda c, a, h: (a + (a * c.row).sum(1, keepdim=True)).tanh(),
    "a parameter without gradient": without_gradient,
    "what is subtracted has a factor": lambda c, a, h: (torch.rsub(a, h, alpha=3) + torch.sub(a, h, alpha=2)).tanh(),
    "bounds in the wrong order": lambda c, a, h: a + torch.clamp(a, 0.2, -0.2),
    "a mean of what one number is added to": lambda c, a, h: (a + (h + c.share).mean(1, keepdim=True)).tanh(),
    "numbers of no lane": lambda c, a, h: (a + a.new_ones(HIDDEN)).tanh(),
    "hardtanh at a bound": lambda c, a, h: F.hardtanh(h - 1) + F.hardtanh(h + 1) + F.hardtanh(3 * a),
    "relu6 at 0": lambda c, a, h: 0.5 * F.relu6(h) + a,
    "hardsigmoid at a bound": lambda c, a, h: F.hardsigmoid(h - 3) + F.hardsigmoid(h + 3) + 0.1 * a,
    "logsigmoid at 0": lambda c, a, h: 0.5 * F.logsigmoid(h) + a,
}


def gradients(cell, unroll):
    """Outputs, and gradients of inputs, of an initial state of zeros and of parameters."""
    draws = torch.Generator().manual_seed(1)
    x_TBF, weight = (torch.randn(T, B, n, generator=draws, dtype=torch.float64) for n in (WIDTH, HIDDEN))
    h_BH = torch.zeros(B, HIDDEN, dtype=torch.float64, requires_grad=True)
    x_TBF.requires_grad_()
    y_TBH, last = unroll(x_TBF, h_BH.clone())
    wanted = [x_TBF, h_BH, *cell.parameters()]
    grads = torch.autograd.grad((y_TBH * weight).sum() + last.sum(), wanted, allow_unused=True, materialize_grads=True)
    return [y_TBH.detach(), *grads]


@pytest.mark.parametrize("what", RIGHT)
def test_a_step_has_the_numbers_of_the_loop(what):
    torch.manual_seed(0)
    cell = Writing(RIGHT[what]).double()
    kernels = KernelUnroll(cell)
    right = gradients(cell, lambda x_TBF, state: unroll_eager(cell, x_TBF, state))
    for mine, its in zip(gradients(cell, kernels), right, strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-6, atol=1e-6)  # torch's hardsigmoid has 1 / 6 in float32


def changed(c, a, h):
    gain = 2 * c.gain
    gain.mul_(3)
    return a * gain


def moved(c, a, h):
    c.moving.mul_(0.9)
    return a * c.moving


REFUSED = {
    # what no kernel can tell: the line that says so
    "a branch on a parameter": (lambda c, a, h: a if c.share > 0.5 else -a, "a number or a branch is that of a param"),
    "a parameter's number": (lambda c, a, h: a * c.share.item(), "a number or a branch is that of a parameter now"),
    "a list of numbers": (lambda c, a, h: a * c.gain.tolist()[0], "tolist makes Python's numbers of a tensor"),
    "a parameter in place": (changed, "mul_ changes a tensor that is made of no input and no state"),
    "a buffer in place": (moved, "mul_ changes a tensor that is made of no input and no state"),
    "random numbers": (lambda c, a, h: a * torch.rand(HIDDEN), "rand draws the same random numbers for all lanes"),
    "a random number": (lambda c, a, h: a * torch.rand(1), "rand draws the same random numbers for all lanes"),
    "random parameters": (lambda c, a, h: a * F.dropout(c.gain), "bernoulli_ draws the same random numbers for all"),
    "dropout": (lambda c, a, h: F.dropout(a), "empty_like has no form in a kernel; write torch.zeros_like, or for"),
    "rounding of a ratio": (
        lambda c, a, h: torch.div(a, 0.3, rounding_mode="floor"),
        "div with rounding_mode=floor has no form",
    ),
    "whole numbers": (lambda c, a, h: (3 * a).int().to(a), "a cast from torch.float32 to torch.int32 has no form"),
    "bits": (lambda c, a, h: a * ((a > 0).int() & 3), "bitwise_and of whole numbers has no form in a kernel"),
    "few digits": (lambda c, a, h: a.half().to(a), "_to_copy gives torch.float16, and a kernel computes in torch.flo"),
    "lanes by hand": (lambda c, a, h: a + torch.zeros(len(a), HIDDEN), "a tensor has a row for each lane, and is ma"),
    "lanes in the middle": (lambda c, a, h: (a * c.gain[:2].view(2, 1, 1)).sum(0), "mul mixes lanes and units"),
    "a gradient of its own": (lambda c, a, h: OfNumbers.apply(h) + a, "OfNumbers has a gradient of its own; write x +"),
    "two states for one": (lambda c, a, h: (a, h), "a step from 1 states gives 2"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_no_kernel_can_tell_is_refused_in_a_line(what):
    equation, line = REFUSED[what]
    cell = Writing(equation)
    before = cell.moving.clone()
    with pytest.raises(CannotGenerate, match=f"Writing has no kernels: {line}"):
        KernelUnroll(cell)
    assert torch.equal(cell.moving, before), "a trace changed a buffer"


def test_a_step_that_reads_no_input_is_refused_in_a_line():
    class Deaf(Writing):
        def step(self, x_BF, state):
            h = self.of_h(state)
            return h, h

    with pytest.raises(CannotGenerate, match="Deaf has no kernels: the step reads no input"):
        KernelUnroll(Deaf(None))


def twice_summed(c, a, h):
    total = a.sum(1, keepdim=True)
    return torch.tanh(c.of_h(torch.tanh(a / (h.square() + 1)) + total) + total) / (a.square() + 1)


def test_each_pass_has_arrays_of_its_own_sizes(monkeypatch):
    """Both passes have numbers to work with, of other sizes, under one name: kernels write as far as they state."""
    sizes = {}
    run = Native.run

    def watched(self, name, at, T, B):
        for array in self.arrays[name]:
            assert at[array.name].numel() == math.prod(array.shape(T, B)), (name, array)
            sizes.setdefault(array.name, set()).add(array.width)
        run(self, name, at, T, B)

    monkeypatch.setattr(Native, "run", watched)
    cell = Writing(twice_summed).double()
    gradients(cell, KernelUnroll(cell))
    assert len(sizes["scratch0"]) == 2
