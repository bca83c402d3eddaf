"""Decoding: the output that a model holds most likely, written symbol by symbol, greedily or by beam search."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bench.api import END, map_state

Step = Callable[[Tensor, Any], tuple[Tensor, Any]]
"""Symbols `[B]` and a state of B lanes to logits `[B, C]` of the symbols to follow, and the next state."""


def beam_search(step: Step, state: Any, start_B: Tensor, width: int, limit: int) -> Tensor:
    """The most likely outputs that beams of `width` find, `[U, B]`: symbols up to END, and after it END alone.

    The first step gets `start_B`, each further one what the step before led to. An output ends at its END or after
    `limit` symbols. It counts by its whole log-probability, which favours short ones. A beam of 1 is greedy decoding;
    one as wide as there are outputs finds the best of all.
    """
    lanes = len(start_B)
    state = map_state(lambda tensor: tensor.repeat_interleave(width, 0), state)
    symbol_N = start_B.repeat_interleave(width)  # N: lanes x width, a lane's hypotheses side by side
    beginning_B1 = torch.arange(0, lanes * width, width, device=start_B.device)[:, None]
    ended_N = torch.zeros_like(symbol_N, dtype=torch.bool)
    score_BK = torch.full((lanes, width), -torch.inf, device=start_B.device)
    score_BK[:, 0] = 0  # one empty output, and not `width` alike
    written_UN = symbol_N.new_empty(0, lanes * width)
    for _ in range(limit):
        logits_NC, state = step(symbol_N, state)
        log_p_NC = logits_NC.float().log_softmax(-1)
        log_p_NC[ended_N] = -torch.inf  # an output that has ended stays as it is ...
        log_p_NC[ended_N, END] = 0  # ... at no cost
        choices = log_p_NC.shape[1]
        score_BK, chosen_BK = (score_BK[..., None] + log_p_NC.view(lanes, width, -1)).flatten(1).topk(width)
        parent_N = (beginning_B1 + chosen_BK // choices).flatten()
        symbol_N = (chosen_BK % choices).flatten()
        state = map_state(lambda tensor, parent_N=parent_N: tensor[parent_N], state)
        written_UN = torch.cat([written_UN[:, parent_N], symbol_N[None]])
        ended_N = ended_N[parent_N] | (symbol_N == END)
        if ended_N[::width].all():  # no other hypothesis can overtake: scores only fall
            break
    return written_UN[:, ::width]
