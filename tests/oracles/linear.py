"""The linear cells written down a second time from their papers, one lane and one step at a time: no code is shared.

Each oracle takes the weights by the names and in the layout of the cell under test, one lane's inputs `[T, F]` and the
options that are part of the equation; it starts from its own first state and yields the output of every time step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import erf, sqrt
from typing import Any

import numpy as np

Array = Any
Weights = Mapping[str, Array]
Oracle = Callable[..., Iterator[Array]]


def outputs(oracle: Oracle, w: Weights, x_TBF: Array, **options: Any) -> Array:
    """What `oracle` yields for every lane, `[T, B, H]`."""
    return np.stack([np.stack(list(oracle(w, x_TBF[:, lane], **options))) for lane in range(x_TBF.shape[1])], axis=1)


def sigmoid(v: Array) -> Array:
    return 1 / (1 + np.exp(-v))


def softplus(v: Array) -> Array:
    return np.log(1 + np.exp(v))


def silu(v: Array) -> Array:
    return v * sigmoid(v)


def gelu(v: Array) -> Array:
    return np.array([u * (1 + erf(u / sqrt(2))) / 2 for u in v])


def blocks(count: int, v: Array) -> list[Array]:
    return list(v.reshape(count, -1))


def mingru(w: Weights, xs: Array, positive: bool = False) -> Iterator[Array]:
    h = 0.0
    for x in xs:
        z, n = blocks(2, w["project.weight"] @ x + w["project.bias"])
        if positive:
            n = np.array([v + 0.5 if v >= 0 else sigmoid(v) for v in n])
        h = (1 - sigmoid(z)) * h + sigmoid(z) * n
        yield h


def minlstm(w: Weights, xs: Array, **_: Any) -> Iterator[Array]:
    h = 0.0
    for x in xs:
        f, i, n = blocks(3, w["project.weight"] @ x + w["project.bias"])
        f, i = sigmoid(f), sigmoid(i)
        h = f / (f + i) * h + i / (f + i) * n
        yield h


def sru(w: Weights, xs: Array, peephole: bool = False) -> Iterator[Array]:
    width = len(w["bias"]) // 2
    v_f, v_r = blocks(2, w["v"]) if peephole else (0.0, 0.0)
    b_f, b_r = blocks(2, w["bias"])
    c = np.zeros(width)
    for x in xs:
        n, f, r, *s = blocks(len(w["weight.weight"]) // width, w["weight.weight"] @ x)
        f, r = sigmoid(f + v_f * c + b_f), sigmoid(r + v_r * c + b_r)
        c = f * c + (1 - f) * n
        yield r * c + (1 - r) * (s[0] if s else x)


def qrnn(w: Weights, xs: Array, window: int = 2) -> Iterator[Array]:
    padded = np.concatenate([np.zeros((window - 1, xs.shape[1])), xs])
    c = 0.0
    for t in range(len(xs)):
        z, f, o = blocks(3, w["project.weight"] @ padded[t : t + window].ravel() + w["project.bias"])
        c = sigmoid(f) * c + (1 - sigmoid(f)) * np.tanh(z)
        yield sigmoid(o) * c


def lru(w: Weights, xs: Array, activation: str = "gelu", **_: Any) -> Iterator[Array]:
    eigenvalue = np.exp(-np.exp(w["nu"]) + 1j * np.exp(w["theta"]))
    B, C = w["B"][0::2] + 1j * w["B"][1::2], w["C"][:, 0::2] - 1j * w["C"][:, 1::2]
    h = np.zeros(len(eigenvalue), complex)
    for x in xs:
        h = eigenvalue * h + np.exp(w["gamma"]) * (B @ x)
        y = (C @ h).real + w["D"] @ x
        yield gelu(y) if activation == "gelu" else y


def rglru(w: Weights, xs: Array) -> Iterator[Array]:
    h = 0.0
    for x in xs:
        u = w["project.weight"] @ x
        r, i = blocks(2, sigmoid(w["gates.weight"] @ u + w["gates.bias"]))
        a = sigmoid(w["Lambda"]) ** (8 * r)
        h = a * h + np.sqrt(1 - a**2) * (i * u)
        yield h


def s6(w: Weights, xs: Array, state_size: int = 16) -> Iterator[Array]:
    A, rank = -np.exp(w["log_A"]), w["widen.weight"].shape[1]
    h = np.zeros(A.shape)
    for x in xs:
        u = w["project.weight"] @ x
        selected = w["select.weight"] @ u
        low, B, C = selected[:rank], selected[rank : rank + state_size], selected[rank + state_size :]
        step = softplus(w["widen.weight"] @ low + w["widen.bias"])
        for channel in range(len(u)):
            decay = np.exp(step[channel] * A[channel])
            h[channel] = decay * h[channel] + step[channel] * B * u[channel]
        yield h @ C + w["D"] * u


def s4d(w: Weights, xs: Array, kind: str = "complex", activation: str = "gelu", **_: Any) -> Iterator[Array]:
    is_complex = kind == "complex"
    A = -np.exp(w["log_decay"]) + (1j * w["frequency"] if is_complex else 0)
    C = w["C"] @ [1, 1j] if is_complex else w["C"][..., 0]
    step = np.exp(w["log_step"])
    h = np.zeros(A.shape, A.dtype)
    for x in xs:
        u = w["project.weight"] @ x
        h = np.exp(step * A) * h + (np.exp(step * A) - 1) / A * u[:, None]
        states = (C * h).sum(1)
        y = (2 * states.real if is_complex else states) + w["D"] * u
        yield gelu(y) if activation == "gelu" else y


def heads_of(w: Weights, xs: Array, heads: int) -> Iterator[tuple[Array, Array, Array]]:
    """q, k and v `[heads, d]` of every step."""
    for row in xs @ w["qkv.weight"].T:
        q, k, v = row.reshape(3, heads, -1)
        yield q, k, v


def linear_attention(w: Weights, xs: Array, heads: int = 4, decay: str = "none") -> Iterator[Array]:
    def phi(v: Array) -> Array:
        return np.array([u + 1 if u > 0 else np.exp(u) for u in v])

    past: list[tuple[Array, Array, Array]] = []
    for now in heads_of(w, xs, heads):
        past.append(now)
        read = []
        for head in range(heads):
            gamma = 1 - 2 ** (-5 - head) if decay == "retnet" else 1
            ages = reversed(range(len(past)))
            weights = [gamma**age * phi(now[0][head]) @ phi(k[head]) for age, (_, k, _) in zip(ages, past, strict=True)]
            total = sum(weight * v[head] for weight, (_, _, v) in zip(weights, past, strict=True))
            read.append(total / (sum(weights) + 1e-6))
        yield w["out.weight"] @ np.concatenate(read)


def deltanet(w: Weights, xs: Array, heads: int = 4) -> Iterator[Array]:
    width = w["out.weight"].shape[1] // heads
    S = np.zeros((heads, width, width))
    for x, (q, k, v) in zip(xs, heads_of(w, xs, heads), strict=True):
        alpha = np.exp(-np.exp(w["log_A"]) * softplus(w["alpha.weight"] @ x + w["alpha.bias"]))
        beta = sigmoid(w["beta.weight"] @ x)
        read = []
        for head in range(heads):
            key, query = (u[head] / np.linalg.norm(u[head]) for u in (k, q))
            forget = alpha[head] * (np.eye(width) - beta[head] * np.outer(key, key))
            S[head] = S[head] @ forget + beta[head] * np.outer(v[head], key)  # values by keys, as in the paper
            read.append(S[head] @ query)
        yield w["out.weight"] @ np.concatenate(read)


def mlstm(w: Weights, xs: Array, heads: int = 4) -> Iterator[Array]:
    """As in equations 19 to 27: nothing is stabilised, so gates must be moderate."""
    width = w["out.weight"].shape[1] // heads
    C, n = np.zeros((heads, width, width)), np.zeros((heads, width))
    for x, (q, k, v) in zip(xs, heads_of(w, xs, heads), strict=True):
        log_i, f = blocks(2, w["scalar_gates.weight"] @ x + w["scalar_gates.bias"])
        i, f = np.exp(log_i), sigmoid(f)
        o = sigmoid(w["output_gate.weight"] @ x + w["output_gate.bias"])
        read = []
        for head in range(heads):
            key = k[head] / sqrt(width)
            C[head] = f[head] * C[head] + i[head] * np.outer(v[head], key)
            n[head] = f[head] * n[head] + i[head] * key
            read.append(C[head] @ q[head] / max(abs(n[head] @ q[head]), 1))
        yield w["out.weight"] @ (o * np.concatenate(read))
