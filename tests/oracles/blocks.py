"""The blocks of the literature written down a second time from their papers, one lane at a time: no code is shared.

Each takes a layer's weights by name, one lane's inputs `[T, H]` of the layer's own width, and `mix`, the cell's oracle
as a function of its weights and inputs; it returns the outputs `[T, H]`.
"""

from __future__ import annotations

from collections.abc import Callable
from math import erf, sqrt
from typing import Any

import numpy as np
from oracles.linear import Array, Weights, silu

Mix = Callable[[Weights, Array], Array]


def within(w: Weights, part: str) -> Weights:
    """The weights of one part, by their names in it."""
    return {name.removeprefix(f"{part}."): each for name, each in w.items() if name.startswith(f"{part}.")}


def gelu(v: Array) -> Array:
    return v * (1 + np.vectorize(erf)(v / sqrt(2))) / 2


def rms_norm(w: Weights, part: str, rows: Array) -> Array:
    return rows / np.sqrt((rows**2).mean(-1, keepdims=True) + 1e-5) * w[f"{part}.weight"]


def layer_norm(w: Weights, part: str, rows: Array) -> Array:
    centred = rows - rows.mean(-1, keepdims=True)
    normal = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return normal * w[f"{part}.weight"] + w.get(f"{part}.bias", 0)


def by_head(norm: Callable[..., Array], w: Weights, rows: Array, heads: int) -> Array:
    """A norm of each head by itself, then one gain a unit."""
    parts = rows.reshape(len(rows), heads, -1)
    plain = norm({"one.weight": 1.0}, "one", parts).reshape(rows.shape)
    return plain * w["norm.weight"]


def affine(w: Weights, part: str, rows: Array) -> Array:
    return rows @ w[f"{part}.weight"].T + w.get(f"{part}.bias", 0)


def convolved(w: Weights, rows: Array) -> Array:
    taps = w["conv.weight"]
    padded = np.concatenate([np.zeros((len(taps) - 1, rows.shape[1])), rows])
    return np.stack([(padded[t : t + len(taps)] * taps).sum(0) for t in range(len(rows))]) + w["conv.bias"]


def gated_mlp(w: Weights, act: Callable[[Array], Array], rows: Array) -> Array:
    return affine(w, "mlp.down", act(affine(w, "mlp.gate", rows)) * affine(w, "mlp.up", rows))


def mamba(w: Weights, xs: Array, mix: Mix, heads: int) -> Array:
    n = rms_norm(w, "pre_norm", xs)
    y = mix(within(w, "cell"), silu(convolved(w, affine(w, "enter", n))))
    return xs + affine(w, "out", y * silu(affine(w, "gate", n)))


def griffin(w: Weights, xs: Array, mix: Mix, heads: int) -> Array:
    n = rms_norm(w, "pre_norm", xs)
    y = mix(within(w, "cell"), convolved(w, affine(w, "enter", n)))
    y = xs + affine(w, "out", y * gelu(affine(w, "gate", n)))
    return y + gated_mlp(w, gelu, rms_norm(w, "mlp_norm", y))


def xlstm(w: Weights, xs: Array, mix: Mix, heads: int) -> Array:
    n = layer_norm(w, "pre_norm", xs)
    u = silu(convolved(w, affine(w, "enter", n)))
    y = by_head(layer_norm, w, mix(within(w, "cell"), u), heads) + w["skip"] * u
    return xs + affine(w, "out", y * silu(affine(w, "gate", n)))


def xlstm_post(w: Weights, xs: Array, mix: Mix, heads: int) -> Array:
    u = silu(convolved(w, layer_norm(w, "pre_norm", xs)))
    y = xs + by_head(layer_norm, w, mix(within(w, "cell"), u), heads)
    return y + gated_mlp(w, gelu, layer_norm(w, "mlp_norm", y))


def deltanet(w: Weights, xs: Array, mix: Mix, heads: int) -> Array:
    n = rms_norm(w, "pre_norm", xs)
    y = by_head(rms_norm, w, mix(within(w, "cell"), silu(convolved(w, n))), heads)
    y = xs + affine(w, "out", y * silu(affine(w, "gate", n)))
    return y + gated_mlp(w, silu, rms_norm(w, "mlp_norm", y))


def transformer(w: Weights, xs: Array, mix: Mix, heads: int) -> Array:
    y = xs + mix(within(w, "cell"), layer_norm(w, "pre_norm", xs))
    inner = gelu(affine(w, "mlp.0", layer_norm(w, "mlp_norm", y)))
    return y + affine(w, "mlp.2", inner)


BLOCKS: dict[str, Callable[..., Any]] = {
    each.__name__: each for each in (mamba, griffin, xlstm, xlstm_post, deltanet, transformer)
}
