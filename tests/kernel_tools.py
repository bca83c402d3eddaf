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
