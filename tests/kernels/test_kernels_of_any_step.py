"""Steps drawn at random: what is derived is the gradient, and what is printed is what is derived."""

import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from kernel_tools import F, assert_close, by_the_oracle, everything, inputs_of
from tiny import few

from bench.api import Cell
from bench.unroll.eager import unroll_eager
from bench.unroll.generated import KernelUnroll

H = 5


class Drawn(Cell):
    """A step of up to 14 operations on inputs, states, parameters and the results of operations before."""

    def __init__(self, seed):
        super().__init__(F, H)
        torch.manual_seed(seed)
        draw = random.Random(seed)
        self.input = torch.nn.Linear(F, H * draw.choice([1, 2, 3]))
        self.maps = torch.nn.ModuleList(
            torch.nn.Linear(H, H, bias=draw.random() < 0.5) for _ in range(draw.randint(0, 3))
        )
        self.wide = torch.nn.Linear(2 * H, H)
        self.gains = torch.nn.ParameterList(torch.randn(H) for _ in range(2))
        self.count = draw.choice([1, 2, 3])
        names = [
            "tanh",
            "sigmoid",
            "relu",
            "add",
            "sub",
            "mul",
            "where",
            "maximum",
            "gain",
            "shift",
            "mean",
            "norm",
            "cat",
        ]
        kinds = draw.choices([*names, *["map"] * 3 * bool(len(self.maps))], k=draw.randint(2, 14))
        self.program = [(kind, draw.random(), draw.random(), draw.random()) for kind in kinds]
        self.ends = [draw.random() for _ in range(self.count + 1)]
        self.output_is_a_state = draw.random() < 0.5

    def initial_state(self, batch_size, like):
        return tuple(like.new_zeros(batch_size, H) for _ in range(self.count))

    def step(self, x_BF, state):
        pool = [*self.input(x_BF).split(H, -1), *state]
        for kind, *draws in self.program:
            a, b, c = (pool[int(each * len(pool))] for each in draws)
            pool.append(self.applied(kind, a, b, c, draws[1]))
        late = pool[-6:]
        new = tuple(torch.tanh(late[int(end * len(late))]) for end in self.ends)
        return (new[0], new[:-1]) if self.output_is_a_state else (new[-1], new[:-1])

    def applied(self, kind, a, b, c, draw):
        match kind:
            case "tanh" | "sigmoid" | "relu":
                return getattr(torch, kind)(a)
            case "add" | "sub" | "mul" | "maximum":
                return getattr(torch, kind)(torch.tanh(a), torch.tanh(b))
            case "where":
                return torch.where(a > b, b, c)
            case "gain":
                return a * self.gains[int(draw * 2)]
            case "shift":
                return a + self.gains[int(draw * 2)]
            case "mean":
                return b - torch.sigmoid(a).mean(-1, keepdim=True)
            case "norm":
                return torch.nn.functional.layer_norm(a + b, (H,), eps=0.1)
            case "cat":
                return self.wide(torch.cat([a, b], -1))
            case "map":
                return self.maps[int(draw * len(self.maps))](a)


@few
@given(st.integers(0, 10**6))
def test_what_is_derived_is_the_gradient(seed):
    cell = Drawn(seed).double()
    x_TBF, state = inputs_of(cell, T=4, B=2)
    right = everything(cell, lambda x, s: unroll_eager(cell, x, s), x_TBF, state)
    assert_close(by_the_oracle(cell, x_TBF, state), right, 1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_what_is_printed_is_what_is_derived(seed):
    cell = Drawn(seed).double()
    x_TBF, state = inputs_of(cell, T=4, B=2)
    right = everything(cell, lambda x, s: unroll_eager(cell, x, s), x_TBF, state)
    assert_close(everything(cell, KernelUnroll(cell), x_TBF, state), right, 1e-9)
