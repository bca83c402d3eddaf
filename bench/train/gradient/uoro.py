"""Unbiased online recurrent optimisation (UORO): the influence as a random outer product of two vectors.

Tallec & Ollivier, "Unbiased online recurrent optimization", ICLR 2018 (arXiv:1702.05043).
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.func import jvp, vjp, vmap

from bench.api import State, leaves
from bench.model.transition import flatten, lane_step, unflatten, width
from bench.train.gradient.forward import ForwardMode, ForwardState

_LEAST = 1e-7  # added to norms before a division


class UORO(ForwardMode):
    """The influence matrix ds/dw of a lane as the outer product of two vectors: u of the state's length, v of the
    parameters' number. Its expectation is RTRL's matrix. With J = ds_t/ds_{t-1} and random signs r:

        u_t = a J u_{t-1} + b r        v_t = v_{t-1} / a + (r^T ds_t/dw) / b

    a and b balance the norms of the two factors of each term, which keeps the variance low. Needs O(B W) numbers for W
    parameters, and the time of a few ordinary steps. The signs are drawn from torch's global generator, whose stream is
    free for them: dropout, its other user, cannot be combined with forward-mode gradients.
    """

    name = "uoro"

    def initial_influence(self, batch_size: int, device: torch.device | str) -> State:
        numbers = sum(map(width, leaves(self.model.initial_state(1))))
        v = tuple(p.new_zeros(batch_size, *p.shape, device=device) for p in self.recurrent.values())
        return self.model.like.new_zeros(batch_size, numbers, device=device), v

    def through_state(self, g_BN: Tensor, influence: State) -> tuple[list[nn.Parameter], list[Tensor]]:
        u_BN, v = influence
        along_B = (g_BN * u_BN).sum(1)
        return list(self.recurrent.values()), [torch.einsum("b,b...->...", along_B, part) for part in v]

    def propagate(self, x_B: Tensor, state: tuple[State, ...], influence: State) -> ForwardState:
        step, weights = lane_step(self.model, state), {name: p.detach() for name, p in self.recurrent.items()}
        u_BN, v = influence

        def one_lane(x: Tensor, flat_N: Tensor, u_N: Tensor, r_N: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
            new_N, Ju_N = jvp(lambda flat_N: step(weights, x, flat_N), (flat_N,), (u_N,))  # type: ignore[misc]
            _, back = vjp(lambda weights: step(weights, x, flat_N), weights)  # type: ignore[misc]
            return new_N, Ju_N, back(r_N)[0]

        r_BN = self.random_signs(u_BN)
        new_BN, Ju_BN, rG = vmap(one_lane)(x_B, flatten(state), u_BN, r_BN)
        a_B, b_B = _balance(v, (Ju_BN,)), _balance(tuple(rG.values()), (r_BN,))
        new_u_BN = _times(a_B, Ju_BN) + _times(b_B, r_BN)
        new_v = tuple(_times(1 / a_B, old) + _times(1 / b_B, rG[name]) for name, old in zip(weights, v, strict=True))
        return ForwardState(cast(tuple[State, ...], unflatten(new_BN, state)), (new_u_BN, new_v))

    def random_signs(self, like_BN: Tensor) -> Tensor:
        """-1 or 1 with equal probability, like `like_BN`."""
        return torch.randint(2, like_BN.shape, device="cpu").mul_(2).sub_(1).to(like_BN)


def _balance(numerator: tuple[Tensor, ...], denominator: tuple[Tensor, ...]) -> Tensor:
    """The square root of the ratio of two norms, `[B]`."""
    return ((_norm(numerator) + _LEAST) / (_norm(denominator) + _LEAST)).sqrt()


def _norm(parts: tuple[Tensor, ...]) -> Tensor:
    """The norm over all parts together, `[B]`."""
    return torch.as_tensor(sum(part.flatten(1).square().sum(1) for part in parts)).sqrt()


def _times(factor_B: Tensor, tensor: Tensor) -> Tensor:
    return factor_B.view(-1, *[1] * (tensor.dim() - 1)) * tensor
