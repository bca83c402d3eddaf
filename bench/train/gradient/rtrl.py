"""Real-time recurrent learning: the exact gradient, forward in time.

Williams & Zipser, "A learning algorithm for continually running fully recurrent neural networks", Neural Computation 1
(1989).
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.func import jacrev, vmap

from bench.api import State, leaves
from bench.model.transition import flatten, lane_step, unflatten
from bench.train.gradient.forward import ForwardMode, Memory


class RTRL(ForwardMode):
    """The influence matrix P = ds/dw of all parameters w on the state s of all layers, for every lane:

        P_t = (ds_t/ds_{t-1}) P_{t-1} + ds_t/dw, the last with s_{t-1} held fast

    Memory O(B N W) for N numbers carried and W parameters, time O(B N^2 W) a step. Equals BPTT over all that the state
    has seen, as long as the weights stay the same; where they change under way, influences from before are stale.
    """

    name = "rtrl"

    def initial_influence(self, batch_size: int, device: torch.device | str) -> State:
        width = sum(leaf[0].numel() for leaf in leaves(self.model.initial_state(1)))
        return tuple(
            parameter.new_zeros(batch_size, width, *parameter.shape, device=device)
            for parameter in self.recurrent.values()
        )

    def through_state(self, g_BN: Tensor, influence: State) -> tuple[list[nn.Parameter], list[Tensor]]:
        return list(self.recurrent.values()), [torch.einsum("bn,bn...->...", g_BN, P) for P in influence]

    def advance(self, x_B: Tensor, state: tuple[State, ...], influence: State) -> Memory:
        step, weights = lane_step(self.model, state), {k: p.detach() for k, p in self.recurrent.items()}

        def with_copy(weights: dict[str, Tensor], x: Tensor, flat_N: Tensor) -> tuple[Tensor, Tensor]:
            new_N = step(weights, x, flat_N)
            return new_N, new_N

        jacobians = vmap(jacrev(with_copy, argnums=(0, 2), has_aux=True), in_dims=(None, 0, 0))
        (by_weight, by_state_BNN), new_BN = jacobians(weights, x_B, flatten(state))
        new = [
            by_weight[name].flatten(2).baddbmm(by_state_BNN, P.flatten(2)).view_as(P)
            for name, P in zip(weights, influence, strict=True)
        ]
        return Memory(cast(tuple[State, ...], unflatten(new_BN, state)), tuple(new))
