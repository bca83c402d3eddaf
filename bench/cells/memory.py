"""Cells with a matrix for a memory: written to with keys and values, read with queries, in several heads."""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.api import Cell, State
from bench.cells.window import extend, taps

Memory = tuple[Tensor, ...]
"""What is carried through time, `[B, heads, ...]` each."""

_CHUNK = 64  # time steps a chunk: within one, products of size chunk x chunk take the place of stepping


class MatrixMemory(Cell):
    """Multi-head queries, keys and values of the input, a memory a head, and a linear map back to width H:

        [q; k; v] = conv(W_qkv x)        memory, r = advance(memory, q, k, v, gates(x))        y = W_out r

    A subclass writes `initial_memory` and the recurrence twice, for one step (`advance`) and for a chunk of time
    (`advance_chunk`), and `gates` and `read` where it has them. Each head is d = ceil(H / heads) wide, so that every H
    will do. `conv` above 1 puts a causal depthwise convolution of so many taps, and a SiLU, behind W_qkv; the state is
    then (memory, the last conv - 1 steps of W_qkv x), else (memory,). The memory is never computed in bfloat16.
    Parameters here: 3 n d F + n d H with n = `heads`, and 3 n d conv where conv is above 1.
    """

    def __init__(self, input_size: int, hidden_size: int, heads: int, conv: int) -> None:
        if heads < 1 or conv < 1:
            raise ValueError(f"heads={heads}, conv={conv}: choose at least 1 of each")
        super().__init__(input_size, hidden_size)
        self.heads, self.width = heads, math.ceil(hidden_size / heads)
        inner = heads * self.width
        self.qkv = nn.Linear(input_size, 3 * inner, bias=False)
        self.out = nn.Linear(inner, hidden_size, bias=False)
        self.conv = nn.Parameter(torch.empty(conv, 3 * inner)) if conv > 1 else None
        if self.conv is not None:
            nn.init.uniform_(self.conv, -1 / math.sqrt(conv), 1 / math.sqrt(conv))

    @abstractmethod
    def initial_memory(self, batch_size: int, like: Tensor) -> Memory:
        """The memory before the first step, `[B, heads, ...]` each."""

    def gates(self, x: Tensor) -> tuple[Tensor, ...]:
        """Scalar gates of inputs `[..., F]`, `[..., heads]` each."""
        return ()

    @abstractmethod
    def advance(self, memory: Memory, q: Tensor, k: Tensor, v: Tensor, *gates: Tensor) -> tuple[Tensor, Memory]:
        """One step: what is read `[B, heads, d]`, and the next memory; q, k, v `[B, heads, d]`, gates `[B, heads]`."""

    @abstractmethod
    def advance_chunk(self, memory: Memory, q: Tensor, k: Tensor, v: Tensor, *gates: Tensor) -> tuple[Tensor, Memory]:
        """C steps: what is read, q, k and v are `[B, heads, C, d]`, gates `[B, heads, C]`; and the memory after."""

    def read(self, r: Tensor, x: Tensor) -> Tensor:
        """Outputs `[..., H]` of what was read, `[..., heads * d]`, and of the inputs `[..., F]`."""
        return self.out(r)

    def initial_state(self, batch_size: int, like: Tensor) -> State:
        memory = self.initial_memory(batch_size, like)
        if self.conv is None:
            return (memory,)
        return memory, like.new_zeros(batch_size, len(self.conv) - 1, self.qkv.out_features)

    def step(self, x_BF: Tensor, state: State) -> tuple[Tensor, State]:
        memory, *past = state
        inputs, past = self._inputs(x_BF.unsqueeze(0), past)
        with torch.autocast(x_BF.device.type, enabled=False):
            r, memory = self.advance(memory, *(i[0] for i in inputs))
        return self.read(r.flatten(1), x_BF), (memory, *past)

    def unroll(self, x_TBF: Tensor, state: State) -> tuple[Tensor, State]:
        """All time steps, chunk by chunk: outputs `[T, B, H]` of `x [T, B, F]`, and the last state."""
        memory, *past = state
        inputs, past = self._inputs(x_TBF, past)
        reads = []
        with torch.autocast(x_TBF.device.type, enabled=False):
            for chunk in zip(*(i.split(_CHUNK) for i in inputs), strict=True):
                r, memory = self.advance_chunk(memory, *(c.movedim(0, 2) for c in chunk))
                reads.append(r.movedim(2, 0))
        return self.read(torch.cat(reads).flatten(2), x_TBF), (memory, *past)

    def _inputs(self, x_TBF: Tensor, past: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """q, k, v `[T, B, heads, d]` and gates `[T, B, heads]`, in the parameters' type; the past of the next chunk."""
        qkv = self.qkv(x_TBF)
        if self.conv is not None:
            joined, past[0] = extend(past[0], qkv)
            qkv = F.silu(sum(tap * w for tap, w in zip(taps(joined, len(self.conv)), self.conv, strict=True)))
        heads = [block.unflatten(-1, (self.heads, self.width)) for block in qkv.chunk(3, dim=-1)]
        return [i.to(self.out.weight.dtype) for i in (*heads, *self.gates(x_TBF))], past


def decay_between(log_decay: Tensor) -> Tensor:
    """D `[..., C, C]`, the logarithm of the decay from after step j to after step i, -inf for j > i.

    `log_decay [..., C]` is that of each single step.
    """
    total = log_decay.cumsum(-1)
    future = torch.ones(2 * [log_decay.shape[-1]], dtype=torch.bool, device=log_decay.device).triu(1)
    return (total.unsqueeze(-1) - total.unsqueeze(-2)).masked_fill(future, -math.inf)
