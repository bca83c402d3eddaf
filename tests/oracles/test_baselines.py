"""The baselines that are no RNN equal their definitions over the whole past, written a second time; and see no further
back than they say.
"""

from __future__ import annotations

from functools import partial
from math import erf, sqrt

import numpy as np
import pytest
import torch

from bench.cells.ngram_mlp import NgramMLP
from bench.cells.tcn import TCN
from bench.cells.transformer import Transformer
from bench.measure.flops import parameter_count
from bench.unroll.eager import unroll_eager

F, H = 3, 6


def sequence(oracle, w, x_TBF, **options):
    """What `oracle` makes of every lane's whole input, `[T, B, H]`."""
    return np.stack([oracle(w, x_TBF[:, lane], **options) for lane in range(x_TBF.shape[1])], axis=1)


def back(xs, t, steps):
    """The input `steps` before t, zeros before the first."""
    return xs[t - steps] if t >= steps else np.zeros_like(xs[0])


def ngram_mlp(w, xs, context=8):
    windows = [np.concatenate([back(xs, t, context - 1 - i) for i in range(context)]) for t in range(len(xs))]
    return np.tanh(np.stack(windows) @ w["project.weight"].T + w["project.bias"])


def convolve(w, i, xs, taps, dilation):
    """Convolution i with weights of norm `scale` an output channel."""
    direction = w[f"convolutions.{i}.direction"]
    out = np.zeros((len(xs), len(direction)))
    for t in range(len(xs)):
        seen = np.concatenate([back(xs, t, (taps - 1 - tap) * dilation) for tap in range(taps)])
        for channel, row in enumerate(direction):
            weight = w[f"convolutions.{i}.scale"][channel] * row / np.linalg.norm(row)
            out[t, channel] = weight @ seen + w[f"convolutions.{i}.bias"][channel]
    return out


def tcn(w, xs, levels=4, kernel_size=3):
    skip = xs @ w["skip.weight"].T + w["skip.bias"] if "skip.weight" in w else xs
    u = xs
    for level in range(levels):
        for i in (2 * level, 2 * level + 1):
            u = np.maximum(convolve(w, i, u, kernel_size, 2**level), 0)
        u = skip = np.maximum(u + skip, 0)
    return u


def norm(w, name, row):
    centred = row - row.mean()
    return centred / sqrt((centred**2).mean() + 1e-5) * w[f"{name}.weight"] + w[f"{name}.bias"]


def turned(vector, angle_base):
    """Pairs of coordinates as complex numbers, each turned by the position times its own rate."""
    half = len(vector) // 2
    z = (vector[:half] + 1j * vector[half:]) * np.exp(1j * angle_base * 10_000.0 ** (-np.arange(half) / half))
    return np.concatenate([z.real, z.imag])


def transformer(w, xs, heads=4, context=128):
    s = xs @ w["widen.weight"].T + w["widen.bias"] if "widen.weight" in w else xs
    qkv = np.stack([w["qkv.weight"] @ norm(w, "attention_norm", row) for row in s]).reshape(len(xs), 3, heads, -1)
    out = []
    for t in range(len(xs)):
        seen = range(max(0, t - context + 1), t + 1)
        read = []
        for head in range(heads):
            query = turned(qkv[t, 0, head], t)
            scores = np.array([query @ turned(qkv[j, 1, head], j) / sqrt(len(query)) for j in seen])
            share = np.exp(scores - scores.max())
            read.append(sum(p * qkv[j, 2, head] for p, j in zip(share / share.sum(), seen, strict=True)))
        u = s[t] + w["out.weight"] @ np.concatenate(read)
        inner = w["mlp.0.weight"] @ norm(w, "mlp_norm", u) + w["mlp.0.bias"]
        inner = np.array([v * (1 + erf(v / sqrt(2))) / 2 for v in inner])
        out.append(u + w["mlp.2.weight"] @ inner + w["mlp.2.bias"])
    return np.stack(out)


def transformer_count(heads, d):
    return lambda F, H: 4 * heads * d * H + 8 * H * H + 9 * H + H * (F + 1) * (F != H)


CASES = {
    "ngram": (NgramMLP, ngram_mlp, {}, lambda F, H: H * (8 * F + 1)),
    "ngram_3": (NgramMLP, ngram_mlp, {"context": 3}, lambda F, H: H * (3 * F + 1)),
    "tcn": (TCN, tcn, {}, lambda F, H: H * (3 * F + 2) + 7 * H * (3 * H + 2) + H * (F + 1) * (F != H)),
    "tcn_2": (TCN, tcn, {"levels": 1, "kernel_size": 2},
              lambda F, H: H * (2 * F + 2) + H * (2 * H + 2) + H * (F + 1) * (F != H)),
    "transformer": (Transformer, transformer, {}, transformer_count(4, 2)),
    "transformer_5": (Transformer, transformer, {"heads": 2, "context": 5}, transformer_count(2, 4)),
}  # fmt: skip
every_case = pytest.mark.parametrize(("cls", "oracle", "options", "count"), CASES.values(), ids=CASES)


def a_cell(cls, options, features=F, hidden=H):
    """In float64, every parameter moved off its start so that none is zero or one by chance."""
    torch.manual_seed(0)
    cell = cls(features, hidden, **options).double()
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    return cell


def inputs(*shape, seed=7):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def weights(cell):
    return {name: p.detach().numpy().copy() for name, p in cell.named_parameters()}


def check_outputs(cell, oracle, x_TBF, **options):
    """Of the whole sequence at once, of single steps, and of chunks of other lengths after one another."""
    wanted = sequence(oracle, weights(cell), x_TBF.numpy(), **options)
    initial = cell.initial_state(x_TBF.shape[1], like=x_TBF)
    chunks, state = [], initial
    for chunk_TBF in x_TBF.split(4):
        y_TBH, state = cell.unroll(chunk_TBF, state)
        chunks.append(y_TBH)
    for y_TBH in (cell.unroll(x_TBF, initial)[0], unroll_eager(cell, x_TBF, initial)[0], torch.cat(chunks)):
        message = "outputs differ from the definition's"
        np.testing.assert_allclose(y_TBH.detach().numpy(), wanted, rtol=1e-8, atol=1e-10, err_msg=message)


@every_case
@pytest.mark.parametrize("sizes", [(1, 1, 1, 3), (13, 2, F, H), (16, 1, H, H), (37, 1, 2, 4)], ids=str)
def test_outputs_are_the_definition_s(cls, oracle, options, count, sizes):
    steps, lanes, features, hidden = sizes
    check_outputs(a_cell(cls, options, features, hidden), oracle, inputs(steps, lanes, features), **options)


@every_case
def test_gradients_are_the_definition_s(cls, oracle, options, count):
    """Of a weighted sum of outputs, for inputs and every parameter, along a random direction: a central difference."""
    cell, x_TBF, step = a_cell(cls, options), inputs(11, 1, F), 1e-6
    weight_TBH = inputs(11, 1, H, seed=8)
    y_TBH, _ = cell.unroll(x_TBF.requires_grad_(), cell.initial_state(1, like=x_TBF))
    leaves = {"x": x_TBF, **dict(cell.named_parameters())}
    gradients = torch.autograd.grad((y_TBH * weight_TBH).sum(), list(leaves.values()))
    place = {"x": x_TBF.detach().numpy(), **weights(cell)}

    def total(name, moved):
        given = {**place, name: moved}
        return float((sequence(oracle, given, given["x"], **options) * weight_TBH.numpy()).sum())

    for (name, leaf), gradient in zip(leaves.items(), gradients, strict=True):
        direction = inputs(*leaf.shape, seed=9)
        away = step * direction.numpy()
        wanted = (total(name, place[name] + away) - total(name, place[name] - away)) / (2 * step)
        assert float((gradient * direction).sum()) == pytest.approx(wanted, rel=1e-5, abs=1e-5), f"gradient of {name}"


@every_case
@pytest.mark.parametrize("form", ["unroll", "step"])
def test_it_sees_as_far_back_as_its_receptive_field_and_no_further(cls, oracle, options, count, form):
    cell = a_cell(cls, options)
    reach = cell.receptive_field
    x_TBF = inputs(reach + 3, 1, F).requires_grad_()
    unroll = cell.unroll if form == "unroll" else partial(unroll_eager, cell)
    y_TBH, _ = unroll(x_TBF, cell.initial_state(1, like=x_TBF))
    seen_T = torch.autograd.grad(y_TBH[-1].square().sum(), x_TBF)[0].abs().sum((1, 2)) > 0
    assert not seen_T[:3].any()
    assert bool(seen_T[3])


@every_case
@pytest.mark.parametrize(("features", "hidden"), [(3, 7), (11, 8), (8, 8)])
def test_the_parameter_count_follows_the_formula(cls, oracle, options, count, features, hidden):
    assert parameter_count(a_cell(cls, options, features, hidden)) == count(features, hidden)


def shorter_window(cell):
    cell.receptive_field -= 1


def wider_convolution(cell):
    cell.convolutions[1].dilation, cell.convolutions[1].past = 2, 2


def other_heads(cell):
    cell.heads = 1  # one head where the weights are those of two


@pytest.mark.parametrize(
    ("name", "change"),
    [("transformer_5", shorter_window), ("transformer_5", other_heads), ("tcn_2", wider_convolution)],
)
def test_another_definition_is_noticed(name, change):
    cls, oracle, options, _ = CASES[name]
    cell = a_cell(cls, options)
    change(cell)
    with pytest.raises(AssertionError, match="outputs differ from the definition's"):
        check_outputs(cell, oracle, inputs(9, 1, F), **options)


BAD = [
    (NgramMLP, {"context": 1}, "context=1"), (TCN, {"kernel_size": 1}, "kernel_size=1"),
    (TCN, {"levels": 0}, "levels=0"), (Transformer, {"context": 1}, "context=1"),
    (Transformer, {"heads": 0}, "heads=0"),
]  # fmt: skip


@pytest.mark.parametrize(("cls", "options", "message"), BAD)
def test_a_wrong_option_is_named(cls, options, message):
    with pytest.raises(ValueError, match=message):
        cls(F, H, **options)
