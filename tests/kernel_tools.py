"""What tests of kernels compare: outputs, last states and all gradients, of a form over time or of the oracle."""

from __future__ import annotations

import torch
from tiny import seeded

from bench.api import leaves, map_state
from bench.kernels import compiler
from bench.kernels.naive import Naive
from bench.kernels.sums import in_place
from bench.unroll.eager import unroll_eager
from bench.unroll.generated import step_of, tensors_of

WITHOUT = {
    # cell, the operation that is in the way
    "attention": "unsqueeze", "deltanet": "linalg_vector_norm", "linear_attention": "view", "lru": "view_as_complex",
    "mlstm": "_unsafe_view", "ngram_mlp": "unsqueeze", "qrnn": "unsqueeze", "s4d": "view_as_complex",
    "tcn": "unsqueeze", "transformer": "unsqueeze",
}  # fmt: skip
F = 3
NEAR = {torch.float32: 2e-5, torch.float64: 1e-11}  # layer norms and exponential gates magnify rounding


def forget_compiler():
    """What is known of the machine's compiler is found out anew."""
    for each in (compiler.compiler, compiler.version, compiler._setting):
        each.cache_clear()


def inputs_of(cell, T=7, B=3, seed=0):
    """Inputs and a state that has lived, all of which have gradients."""
    like = next(cell.parameters())
    x_TBF = torch.randn(T, B, F, generator=seeded(seed)).to(like)
    with torch.no_grad():
        _, state = unroll_eager(cell, x_TBF[:3], cell.initial_state(B, x_TBF))
    return x_TBF.requires_grad_(), map_state(lambda s: s.clone().requires_grad_(), state)


def everything(cell, unroll, x_TBF, state):
    """Outputs, last states, and the gradients of inputs, states and weights of a sum with uneven weights."""
    y_TBH, last = unroll(x_TBF, state)
    parts = [y_TBH, *leaves(last)]
    total = sum((p * torch.randn(p.shape, generator=seeded(1)).to(p)).sum() for p in parts)
    wanted = [x_TBF, *leaves(state), *(p for p in cell.parameters() if p.numel())]
    return [*parts, *torch.autograd.grad(total, wanted, allow_unused=True, materialize_grads=True)]


def assert_close(found, right, near):
    for mine, its in zip(found, right, strict=True):
        assert mine.shape == its.shape
        assert (mine - its).abs().max() <= near * max(1, its.abs().max())


def by_the_oracle(cell, x_TBF, state):
    """What `everything` gives of a form, by the oracle of the cell's kernels: in torch, without a compiler."""
    step = in_place(step_of(cell, True))
    naive, parts = Naive(step), step.hoisted(x_TBF, tensors_of(cell), torch.nn.functional.linear)
    detached = leaves(map_state(torch.Tensor.detach, state))
    memory = naive.forward(*([each.detach() for each in part] for part in parts), detached)
    outputs = [memory["y0"], *(memory[a.name][-1].view_as(s) for a, s in zip(step.states, detached, strict=True))]
    draws = [torch.randn(p.shape, generator=seeded(1)).to(p) for p in outputs]
    memory = naive.backward(memory, draws[0], [d.flatten(1) for d in draws[1:]])
    kinds = ("input", "weight", "matrix")
    grads = [memory[f"d{kind}{i}"] for kind, part in zip(kinds, parts, strict=True) for i in range(len(part))]
    flat = [each for part in parts for each in part]
    made, given = zip(*((e, g) for e, g in zip(flat, grads, strict=True) if e.requires_grad), strict=True)
    wanted = [x_TBF, *(p for p in cell.parameters() if p.numel())]
    dx, *dweights = torch.autograd.grad(made, wanted, given, allow_unused=True, materialize_grads=True)
    dstates = [memory[f"d{array.name}"].view_as(s) for array, s in zip(step.states, detached, strict=True)]
    return [*outputs, dx, *dstates, *dweights]


def on(device, *values):
    """Leaves of autograd with these numbers on a device."""
    return map_state(lambda value: value.detach().to(device).requires_grad_(), values)


def lived(cell, unroll):
    """Outputs and gradients of a life of a cell with one state, in which nothing may be written over that is needed.

    The weights change in it; afterwards they are what they were.
    """
    like, weights = cell.weight_hh, [weight.detach().clone() for weight in cell.parameters()]
    (x_TBF,) = on(like.device, torch.randn(4, 2, F, generator=seeded(1)).to(like))
    state, kept = cell.initial_state(2, x_TBF), []

    def gradients(total, retain=False):
        kept.extend(torch.autograd.grad(total, [x_TBF, *cell.parameters()], retain_graph=retain, allow_unused=True))

    for _ in range(3):  # the first is launched, the second captured, the third a replay
        y_TBH, last = unroll(x_TBF, state)
        again_TBH, end = unroll(2 * x_TBF, last)  # before the backward pass of the first, from its state
        with torch.no_grad():
            kept.append(unroll(3 * x_TBF, state)[0])
        gradients(again_TBH.square().sum(), retain=True)
        gradients(y_TBH.square().sum(), retain=True)
        gradients((again_TBH * y_TBH).sum() + end[0].sum(), retain=True)
        short_TBH, _ = unroll(x_TBF[:3], end)  # the last window
        gradients(short_TBH.square().sum())
        kept += [y_TBH, again_TBH, short_TBH]
        with torch.no_grad():
            for weight in cell.parameters():
                weight.mul_(0.9)
    with torch.no_grad():
        for weight, old in zip(cell.parameters(), weights, strict=True):
            weight.copy_(old)
    return [each.detach().cpu().clone() for each in kept]
