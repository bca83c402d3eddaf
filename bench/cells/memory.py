"""Cells whose state is a matrix memory for each head: keys and values write to it, queries read from it."""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from torch import Tensor, nn

from bench.api import Cell, State

Memory = tuple[Tensor, ...]
"""The memory of all heads: tensors `[B, heads, ...]`."""

_CHUNK = 64  # time steps in a chunk; within it, products of chunk x chunk matrices replace the loop over steps


class MatrixMemory(Cell):
    """Queries, keys and values of the input for several heads, a memory for each head, and a linear map to width H:

        [q; k; v] = W_qkv x        r, memory = update(memory, q, k, v, gates(x))        y = W_out r

    A subclass defines `initial_memory` and its recurrence in two forms: `update` for one step and `update_chunk` for
    several. It overrides `gates` and `read` if its equation has gates or another output. A head has width
    d = ceil(H / heads), so that H need not be a multiple of `heads`. The short convolution that papers put before q, k
    and v is an option of the layer, `model.conv`. The state is the memory, which is never computed in bfloat16.
    Parameters here: 3 n d F + n d H with n = `heads`. Raises ValueError for `heads` below 1.
    """

    def __init__(self, input_size: int, hidden_size: int, heads: int) -> None:
        if heads < 1:
            raise ValueError(f"heads={heads}: choose at least 1")
        super().__init__(input_size, hidden_size)
        self.heads, self.width = heads, math.ceil(hidden_size / heads)
        inner = heads * self.width
        self.qkv = nn.Linear(input_size, 3 * inner, bias=False)
        self.out: nn.Module = nn.Linear(inner, hidden_size, bias=False)

    def leave_to_block(self, input_map: bool, output_map: bool, gate: bool) -> None:
        """A block's own map takes the place of W_out."""
        if output_map:
            self.out, self.hidden_size = nn.Identity(), self.heads * self.width

    @abstractmethod
    def initial_memory(self, batch_size: int, like: Tensor) -> Memory:
        """The memory before the first step: tensors `[B, heads, ...]` like `like`."""

    def gates(self, x: Tensor) -> tuple[Tensor, ...]:
        """Scalar gates `[..., heads]` of inputs `[..., F]`; by default none."""
        return ()

    @abstractmethod
    def update(self, memory: Memory, q: Tensor, k: Tensor, v: Tensor, *gates: Tensor) -> tuple[Tensor, Memory]:
        """One step: the result r `[B, heads, d]` of the queries, and the next memory.

        q, k and v are `[B, heads, d]`, gates `[B, heads]`.
        """

    @abstractmethod
    def update_chunk(self, memory: Memory, q: Tensor, k: Tensor, v: Tensor, *gates: Tensor) -> tuple[Tensor, Memory]:
        """C steps at once: the results r of the queries, and the memory after the last step.

        q, k, v and r are `[B, heads, C, d]`, gates `[B, heads, C]`.
        """

    def read(self, r: Tensor, x: Tensor) -> Tensor:
        """Outputs `[..., H]` from the results r `[..., heads * d]` of the queries and from the inputs `[..., F]`."""
        return self.out(r)

    def initial_state(self, batch_size: int, like: Tensor) -> State:
        return self.initial_memory(batch_size, like)

    def step(self, x_BF: Tensor, state: State) -> tuple[Tensor, State]:
        assert isinstance(state, tuple)
        inputs = self._inputs(x_BF)
        with torch.autocast(x_BF.device.type, enabled=False):
            r, state = self.update(state, *inputs)
        return self.read(r.flatten(1), x_BF), state

    def unroll(self, x_TBF: Tensor, state: State) -> tuple[Tensor, State]:
        """All time steps, chunk by chunk: outputs `[T, B, H]` of `x [T, B, F]`, and the last state."""
        assert isinstance(state, tuple)
        inputs, reads = self._inputs(x_TBF), []
        with torch.autocast(x_TBF.device.type, enabled=False):
            for chunk in zip(*(i.split(_CHUNK) for i in inputs), strict=True):
                r, state = self.update_chunk(state, *(c.movedim(0, 2) for c in chunk))
                reads.append(r.movedim(2, 0))
        return self.read(torch.cat(reads).flatten(2), x_TBF), state

    def _inputs(self, x: Tensor) -> list[Tensor]:
        """q, k, v `[..., heads, d]` and gates `[..., heads]` of inputs `[..., F]`, in the parameters' dtype."""
        heads = [block.unflatten(-1, (self.heads, self.width)) for block in self.qkv(x).chunk(3, dim=-1)]
        return [i.to(self.qkv.weight.dtype) for i in (*heads, *self.gates(x))]


def decay_between(log_decay: Tensor) -> Tensor:
    """D `[..., C, C]`: the logarithm of the decay from the end of step j to the end of step i, -inf for j > i.

    `log_decay [..., C]` is the logarithm of each step's decay.
    """
    total = log_decay.cumsum(-1)
    future = torch.ones(2 * [log_decay.shape[-1]], dtype=torch.bool, device=log_decay.device).triu(1)
    return (total.unsqueeze(-1) - total.unsqueeze(-2)).masked_fill(future, -math.inf)
