"""Decoding: search for a model's most likely output, symbol by symbol, greedily or by beam search."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bench.api import END, map_state

DecodeStep = Callable[[Tensor, Any], tuple[Tensor, Any]]
"""Maps the last symbols `[B]` and a state of B lanes to logits `[B, C]` of the next symbols and the next state."""


def beam_search(step: DecodeStep, state: Any, start_B: Tensor, width: int, limit: int) -> Tensor:
    """The most likely outputs found with `width` hypotheses for each lane, `[U, B]`; every symbol after END is END.

    The first step reads `start_B`, each later one the symbols chosen before it. An output ends at END or after `limit`
    symbols. Hypotheses are ranked by their total log-probability, without length normalisation, which favours short
    outputs. `width=1` is greedy decoding; a width as large as the number of possible outputs is exact search.
    """
    lanes = len(start_B)
    state = map_state(lambda tensor: tensor.repeat_interleave(width, 0), state)
    symbol_N = start_B.repeat_interleave(width)  # N = lanes x width; the hypotheses of a lane are adjacent
    beginning_B1 = torch.arange(0, lanes * width, width, device=start_B.device)[:, None]
    ended_N = torch.zeros_like(symbol_N, dtype=torch.bool)
    score_BK = torch.full((lanes, width), -torch.inf, device=start_B.device)
    score_BK[:, 0] = 0  # start from one empty output: `width` equal ones would stay equal
    written_UN = symbol_N.new_empty(0, lanes * width)
    for _ in range(limit):
        logits_NC, state = step(symbol_N, state)
        log_p_NC = logits_NC.float().log_softmax(-1)
        log_p_NC[ended_N] = -torch.inf  # an ended output goes on with END alone ...
        log_p_NC[ended_N, END] = 0  # ... at no cost
        choices = log_p_NC.shape[1]
        score_BK, chosen_BK = (score_BK[..., None] + log_p_NC.view(lanes, width, -1)).flatten(1).topk(width)
        parent_N = (beginning_B1 + chosen_BK // choices).flatten()
        symbol_N = (chosen_BK % choices).flatten()
        state = map_state(lambda tensor, parent_N=parent_N: tensor[parent_N], state)
        written_UN = torch.cat([written_UN[:, parent_N], symbol_N[None]])
        ended_N = ended_N[parent_N] | (symbol_N == END)
        if ended_N[::width].all():  # scores only fall, so that no other hypothesis can overtake
            break
    return written_UN[:, ::width]
