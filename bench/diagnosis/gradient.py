"""Vanishing and exploding gradients: the norm of the gradient as it goes back through time.

Bengio, Simard & Frasconi, "Learning long-term dependencies with gradient descent is difficult", IEEE Trans. Neural
Networks 5 (1994); Pascanu, Mikolov & Bengio, "On the difficulty of training recurrent neural networks", ICML 2013.
"""

from __future__ import annotations

from typing import cast

import pandas as pd
import torch
from torch import Tensor

from bench.api import Batch, State, Task, map_state
from bench.diagnosis.lanes import by_lag, is_memory, last_step, memory_leaves
from bench.model.sequence import SequenceModel


def gradient_norms(model: SequenceModel, task: Task, batch: Batch) -> pd.DataFrame:
    """The norm of dL/ds by `layer` (from 1, the lowest) and `lag`: columns layer, lag, norm, lanes.

    L is a lane's loss at its last scored time step T. s is the layer's state after step T - lag (for an LSTM h and c
    together), and the gradient counts only its effect through step T - lag + 1 and later ones. `norm` is the mean over
    the lanes with a step T - lag, and `lanes` is their number. The batch begins from the initial state.
    """
    state, carried, logits = model.initial_state(len(batch.fresh)), [], []
    for inputs in batch.inputs:
        logits_BC, state = model.step(inputs, state)
        logits.append(logits_BC)
        state = cast(tuple[State, ...], map_state(_for_next_step, state))
        carried.append(state)
    last_B = last_step(batch.weight > 0)
    loss_TB = task.loss(torch.stack(logits), batch)
    loss = loss_TB.gather(0, last_B.clamp(min=0).unsqueeze(0)).squeeze(0)[last_B >= 0].sum()
    frames = []
    for layer, which in enumerate(is_memory(model, batch)):
        norms_TB = _norms(loss, [memory_leaves(step[layer], which) for step in carried])
        frames.append(by_lag(norms_TB, last_B).assign(layer=layer + 1))
    frame = pd.concat(frames, ignore_index=True)
    return frame.loc[frame["lag"] > 0, ["layer", "lag", "norm", "lanes"]].reset_index(drop=True)


def _for_next_step(leaf: Tensor) -> Tensor:
    """A copy of `leaf` for the next step alone, so that other uses of `leaf` do not add to the copy's gradient."""
    differentiable = leaf.is_floating_point() or leaf.is_complex()
    return leaf.clone() if leaf.requires_grad or not differentiable else leaf.clone().requires_grad_()


def _norms(loss: Tensor, leaves_T: list[list[Tensor]]) -> Tensor:
    """The norm `[T, B]` of the gradient of the loss with respect to all tensors of a time step together."""
    flat = [leaf for step in leaves_T for leaf in step]
    found = torch.autograd.grad(loss, flat, retain_graph=True, materialize_grads=True)
    squares_B = torch.stack([gradient.reshape(len(gradient), -1).abs().square().sum(1) for gradient in found])
    return squares_B.unflatten(0, (len(leaves_T), -1)).sum(1).sqrt()
