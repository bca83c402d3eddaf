"""The classic cells written down a second time from their papers, unit by unit in plain Python: no code is shared.

Each oracle takes the weights by the names and in the layout of the cell under test, one lane's inputs, and the options
that are part of the equation; it starts from its own first state and yields the output of every time step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import exp, factorial, sqrt, tanh
from typing import Any

import numpy as np

Vector = Any  # a sequence of floats
Weights = Mapping[str, Any]
Oracle = Callable[..., Iterator[Vector]]


def sigmoid(v: float) -> float:
    return 1 / (1 + exp(-v))


def dot(row: Vector, vector: Vector) -> float:
    return sum(row[k] * vector[k] for k in range(len(vector)))


def outputs(oracle: Oracle, w: Weights, x_TBF: np.ndarray, **options: Any) -> np.ndarray:
    """What `oracle` yields for every lane, `[T, B, H]`."""
    lanes = [list(oracle(w, x_TBF[:, lane], **options)) for lane in range(x_TBF.shape[1])]
    return np.array(lanes).swapaxes(0, 1)


def gate(w: Weights, k: int, x: Vector, h: Vector) -> float:
    """Row k of W_ih x + b_ih + W_hh h + b_hh."""
    return w["bias_ih"][k] + dot(w["weight_ih"][k], x) + w["bias_hh"][k] + dot(w["weight_hh"][k], h)


def normalise(vector: Vector, gain: Vector, shift: Vector) -> list[float]:
    mean = sum(vector) / len(vector)
    spread = sqrt(sum((v - mean) ** 2 for v in vector) / len(vector) + 1e-5)
    return [gain[k] * (vector[k] - mean) / spread + shift[k] for k in range(len(vector))]


def vanilla(w: Weights, xs: Vector, activation: str = "tanh", **_: Any) -> Iterator[Vector]:
    act = {
        "tanh": tanh,
        "relu": lambda v: max(v, 0.0),
        "leaky_relu": lambda v: v if v > 0 else 0.01 * v,
        "sigmoid": sigmoid,
    }[activation]
    h = [0.0] * len(w["weight_hh"])
    for x in xs:
        h = [act(gate(w, j, x, h)) for j in range(len(h))]
        yield h


def lstm(
    w: Weights, xs: Vector, peepholes: bool = False, coupled: bool = False, layer_norm: bool = False, **_: Any
) -> Iterator[Vector]:
    width = w["weight_hh"].shape[1]
    blocks = "fgo" if coupled else "ifgo"
    eyes = [name for name in blocks if name != "g"]
    h, c = [0.0] * width, [0.0] * width
    for x in xs:
        rows = range(len(blocks) * width)
        if layer_norm:
            from_x = normalise([dot(w["weight_ih"][k], x) for k in rows], w["norm_ih.weight"], w["norm_ih.bias"])
            from_h = normalise([dot(w["weight_hh"][k], h) for k in rows], w["norm_hh.weight"], w["norm_hh.bias"])
            sums = [from_x[k] + from_h[k] for k in rows]
        else:
            sums = [gate(w, k, x, h) for k in rows]
        new_c, opened = [], []
        for j in range(width):
            a = {name: sums[b * width + j] for b, name in enumerate(blocks)}
            p = {name: w["peephole"][e][j] if peepholes else 0.0 for e, name in enumerate(eyes)}
            f = sigmoid(a["f"] + p["f"] * c[j])
            i = 1 - f if coupled else sigmoid(a["i"] + p["i"] * c[j])
            new_c.append(f * c[j] + i * tanh(a["g"]))
            opened.append(sigmoid(a["o"] + p["o"] * new_c[j]))
        c = new_c
        shown = normalise(c, w["norm_c.weight"], w["norm_c.bias"]) if layer_norm else c
        h = [opened[j] * tanh(shown[j]) for j in range(width)]
        yield h


def gru(w: Weights, xs: Vector) -> Iterator[Vector]:
    width = w["weight_hh"].shape[1]
    h = [0.0] * width
    for x in xs:
        new = []
        for j in range(width):
            r, z = sigmoid(gate(w, j, x, h)), sigmoid(gate(w, width + j, x, h))
            k = 2 * width + j
            recurrent = w["bias_hh"][k] + dot(w["weight_hh"][k], h)
            n = tanh(w["bias_ih"][k] + dot(w["weight_ih"][k], x) + r * recurrent)
            new.append((1 - z) * n + z * h[j])
        h = new
        yield h


def gru_before(w: Weights, xs: Vector) -> Iterator[Vector]:
    width = len(w["candidate.weight"])
    h = [0.0] * width
    for x in xs:
        drive = [w["input.bias"][k] + dot(w["input.weight"][k], x) for k in range(3 * width)]
        r = [sigmoid(drive[j] + dot(w["gate.weight"][j], h)) for j in range(width)]
        z = [sigmoid(drive[width + j] + dot(w["gate.weight"][width + j], h)) for j in range(width)]
        reset = [r[j] * h[j] for j in range(width)]
        n = [tanh(drive[2 * width + j] + dot(w["candidate.weight"][j], reset)) for j in range(width)]
        h = [z[j] * h[j] + (1 - z[j]) * n[j] for j in range(width)]
        yield h


def mgu(w: Weights, xs: Vector) -> Iterator[Vector]:
    width = len(w["gate.weight"])
    h = [0.0] * width
    for x in xs:
        drive = [w["input.bias"][k] + dot(w["input.weight"][k], x) for k in range(2 * width)]
        f = [sigmoid(drive[j] + dot(w["gate.weight"][j], h)) for j in range(width)]
        gated = [f[j] * h[j] for j in range(width)]
        n = [tanh(drive[width + j] + dot(w["candidate.weight"][j], gated)) for j in range(width)]
        h = [(1 - f[j]) * h[j] + f[j] * n[j] for j in range(width)]
        yield h


def ugrnn(w: Weights, xs: Vector, gate_bias: float = 1.0) -> Iterator[Vector]:
    width = w["weight_hh"].shape[1]
    h = [0.0] * width
    for x in xs:
        g = [sigmoid(gate(w, j, x, h) + gate_bias) for j in range(width)]
        c = [tanh(gate(w, width + j, x, h)) for j in range(width)]
        h = [g[j] * h[j] + (1 - g[j]) * c[j] for j in range(width)]
        yield h


def janet(w: Weights, xs: Vector, beta: float = 1.0, **_: Any) -> Iterator[Vector]:
    width = w["weight_hh"].shape[1]
    h = [0.0] * width
    for x in xs:
        s = [gate(w, j, x, h) for j in range(width)]
        c = [tanh(gate(w, width + j, x, h)) for j in range(width)]
        h = [sigmoid(s[j]) * h[j] + (1 - sigmoid(s[j] - beta)) * c[j] for j in range(width)]
        yield h


def indrnn(w: Weights, xs: Vector) -> Iterator[Vector]:
    u = w["weight_hh"]
    h = [0.0] * len(u)
    for x in xs:
        h = [max(0.0, dot(w["weight_ih"][j], x) + w["bias"][j] + u[j] * h[j]) for j in range(len(u))]
        yield h


def exprnn(w: Weights, xs: Vector, **_: Any) -> Iterator[Vector]:
    width = len(w["bias"])
    entries, skew = iter(w["skew"]), np.zeros((width, width))
    for row in range(width):
        for column in range(row + 1, width):
            skew[row, column] = next(entries)
            skew[column, row] = -skew[row, column]
    rotation = sum(np.linalg.matrix_power(skew, k) / factorial(k) for k in range(60))
    h = [0.0] * width
    for x in xs:
        a = [dot(w["weight_ih"][j], x) + dot(rotation[j], h) for j in range(width)]
        sizes = [max(0.0, abs(a[j]) + w["bias"][j]) for j in range(width)]
        h = [size if v > 0 else -size for v, size in zip(a, sizes, strict=True)]
        yield h


def scrn(w: Weights, xs: Vector, alpha: float = 0.95, **_: Any) -> Iterator[Vector]:
    slow, fast = len(w["weight_context"]), len(w["weight_input"])
    h, s = [0.0] * fast, [0.0] * slow
    for x in xs:
        s = [(1 - alpha) * dot(w["weight_context"][j], x) + alpha * s[j] for j in range(slow)]
        own, context = w["weight_state"][:, :fast], w["weight_state"][:, fast:]
        h = [sigmoid(dot(context[j], s) + dot(w["weight_input"][j], x) + dot(own[j], h)) for j in range(fast)]
        yield h + s


def rhn(w: Weights, xs: Vector, depth: int = 2, **_: Any) -> Iterator[Vector]:
    width = w["layers.0.weight"].shape[1]
    s = [0.0] * width
    for x in xs:
        for layer in range(depth):
            matrix, bias = w[f"layers.{layer}.weight"], w[f"layers.{layer}.bias"]
            sums = [bias[k] + dot(matrix[k], s) for k in range(2 * width)]
            if layer == 0:
                sums = [sums[k] + dot(w["input.weight"][k], x) for k in range(2 * width)]
            t = [sigmoid(sums[width + j]) for j in range(width)]
            s = [t[j] * tanh(sums[j]) + (1 - t[j]) * s[j] for j in range(width)]
        yield s


def lem(w: Weights, xs: Vector, dt: float = 1.0) -> Iterator[Vector]:
    width = len(w["memory.weight"])
    y, z = [0.0] * width, [0.0] * width
    for x in xs:
        drive = [w["input.bias"][k] + dot(w["input.weight"][k], x) for k in range(4 * width)]
        echo = [dot(w["output.weight"][k], y) for k in range(3 * width)]
        d_1 = [dt * sigmoid(drive[j] + echo[j]) for j in range(width)]
        d_2 = [dt * sigmoid(drive[width + j] + echo[width + j]) for j in range(width)]
        towards = [tanh(drive[2 * width + j] + echo[2 * width + j]) for j in range(width)]
        z = [(1 - d_1[j]) * z[j] + d_1[j] * towards[j] for j in range(width)]
        towards = [tanh(drive[3 * width + j] + dot(w["memory.weight"][j], z)) for j in range(width)]
        y = [(1 - d_2[j]) * y[j] + d_2[j] * towards[j] for j in range(width)]
        yield y


def slstm(w: Weights, xs: Vector, forget: str = "sigmoid", **_: Any) -> Iterator[Vector]:
    """Without the stabiliser: exponentials of short sequences do not overflow."""
    width = w["weight_hh"].shape[1]
    h, c, n = [0.0] * width, [0.0] * width, [0.0] * width
    for x in xs:
        a = [gate(w, k, x, h) for k in range(4 * width)]
        i = [exp(a[j]) for j in range(width)]
        f = [(sigmoid if forget == "sigmoid" else exp)(a[width + j]) for j in range(width)]
        c = [f[j] * c[j] + i[j] * tanh(a[2 * width + j]) for j in range(width)]
        n = [f[j] * n[j] + i[j] for j in range(width)]
        h = [sigmoid(a[3 * width + j]) * c[j] / n[j] for j in range(width)]
        yield h
