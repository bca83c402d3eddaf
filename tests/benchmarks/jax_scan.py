"""A GRU's and an LSTM's training step as one program that JAX compiles: `jax.lax.scan`, its gradient and Adam.

Runs in an environment of its own, with jax, on one thread, and answers lines: `CELL T B F H COUNT` with the seconds of
processor time of so many steps, as JSON. `beside_jax.py` asks.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import time

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["OMP_NUM_THREADS"] = "1"

import jax
import jax.numpy as jnp

RATE, DECAY, SQUARES, SMALL = 1e-3, 0.9, 0.999, 1e-8


def gru(weights, x_TBF):
    """Outputs [T, B, H], with torch.nn's equations."""
    w_ih, w_hh, b_ih, b_hh = weights
    x_proj, H = x_TBF @ w_ih + b_ih, len(w_hh)

    def step(h, x):
        hidden = h @ w_hh + b_hh
        gates = jax.nn.sigmoid(x[:, : 2 * H] + hidden[:, : 2 * H])
        r, z = gates[:, :H], gates[:, H:]
        n = jnp.tanh(x[:, 2 * H :] + r * hidden[:, 2 * H :])
        h = n + z * (h - n)
        return h, h

    return jax.lax.scan(step, jnp.zeros((x_TBF.shape[1], H)), x_proj)[1]


def lstm(weights, x_TBF):
    """Outputs [T, B, H], with torch.nn's equations."""
    w_ih, w_hh, b_ih, b_hh = weights
    x_proj, H = x_TBF @ w_ih + b_ih + b_hh, len(w_hh)

    def step(state, x):
        h, c = state
        i, f, g, o = jnp.split(x + h @ w_hh, 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    zeros = jnp.zeros((x_TBF.shape[1], H))
    return jax.lax.scan(step, (zeros, zeros), x_proj)[1]


CELLS = {"gru": (gru, 3), "lstm": (lstm, 4)}


@functools.cache
def training(name, T, B, F, H):
    """A function that takes one training step, compiled and warm."""
    cell, blocks = CELLS[name]
    keys = jax.random.split(jax.random.key(0), 3)
    sizes = [(F, blocks * H), (H, blocks * H)]
    drawn = [jax.random.normal(key, size) / H**0.5 for key, size in zip(keys, sizes, strict=False)]
    weights = [*drawn, jnp.zeros(blocks * H), jnp.zeros(blocks * H)]
    x_TBF = jax.random.normal(keys[2], (T, B, F))

    @functools.partial(jax.jit, donate_argnums=(0, 1, 2, 3))
    def step(weights, means, squares, count):
        loss, gradients = jax.value_and_grad(lambda weights: (cell(weights, x_TBF) ** 2).mean())(weights)
        count = count + 1
        means = [DECAY * m + (1 - DECAY) * g for m, g in zip(means, gradients, strict=True)]
        squares = [SQUARES * v + (1 - SQUARES) * g * g for v, g in zip(squares, gradients, strict=True)]
        scale = RATE * jnp.sqrt(1 - SQUARES**count) / (1 - DECAY**count)
        moves = [scale * m / (jnp.sqrt(v) + SMALL) for m, v in zip(means, squares, strict=True)]
        return [w - move for w, move in zip(weights, moves, strict=True)], means, squares, count, loss

    state = [weights, [*map(jnp.zeros_like, weights)], [*map(jnp.zeros_like, weights)], jnp.zeros(())]

    def run():
        *state[:], loss = step(*state)
        loss.block_until_ready()

    for _ in range(2):
        run()
    return run


def main() -> None:
    for line in sys.stdin:
        name, *numbers = line.split()
        *shape, count = map(int, numbers)
        run, took = training(name, *shape), []
        for _ in range(count):
            start = time.process_time()
            run()
            took.append(time.process_time() - start)
        print(json.dumps(took), flush=True)


if __name__ == "__main__":
    main()
