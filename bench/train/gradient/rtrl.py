"""Real-time recurrent learning (RTRL): the exact gradient, computed forward in time.

Williams & Zipser, "A learning algorithm for continually running fully recurrent neural networks", Neural Computation 1
(1989).
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.func import jacrev, vmap

from bench.api import State, leaves
from bench.model.transition import flatten, lane_step, unflatten, width
from bench.train.gradient.forward import ForwardMode, ForwardState


class RTRL(ForwardMode):
    """The influence matrix P = ds/dw of all parameters w on the state s of all layers, for every lane:

        P_t = (ds_t/ds_{t-1}) P_{t-1} + ds_t/dw, where ds_t/dw takes s_{t-1} as constant

    Needs O(B N W) numbers and O(B N^2 W) time for each step, with N numbers in the state and W parameters. It equals
    BPTT over all steps since the initial state, as long as the weights do not change; after an update, the influence
    computed with the old weights is stale.
    """

    name = "rtrl"

    def initial_influence(self, batch_size: int, device: torch.device | str) -> State:
        numbers = sum(map(width, leaves(self.model.initial_state(1))))
        return tuple(
            parameter.new_zeros(batch_size, numbers, *parameter.shape, device=device)
            for parameter in self.recurrent.values()
        )

    def through_state(self, g_BN: Tensor, influence: State) -> tuple[list[nn.Parameter], list[Tensor]]:
        return list(self.recurrent.values()), [torch.einsum("bn,bn...->...", g_BN, P) for P in influence]

    def propagate(self, x_B: Tensor, state: tuple[State, ...], influence: State) -> ForwardState:
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
        return ForwardState(cast(tuple[State, ...], unflatten(new_BN, state)), tuple(new))
