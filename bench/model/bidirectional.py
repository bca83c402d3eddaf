"""Two cells over one sequence, of which the second reads from the last time step to the first.

Schuster & Paliwal, "Bidirectional recurrent neural networks", IEEE Trans. Signal Processing 45 (1997).
"""

from __future__ import annotations

import torch
from torch import Tensor

from bench.api import State, Unroll, map_state
from bench.model.passage import Passage


def both_ways(ahead: Unroll, back: Unroll, passage: Passage, aligned: bool) -> Unroll:
    """The form over time of two cells, their outputs side by side and their states as a pair.

    The second one begins at each lane's last real step; padding comes after the first. Its outputs are `aligned` with
    the time steps that they have just read; or they stay in the order of reading, so that at a lane's last real step
    both cells have read the whole of it.
    """

    def unroll(x_TBF: Tensor, state: State) -> tuple[Tensor, State]:
        state_ahead, state_back = state
        y_TBH, last_ahead = ahead(x_TBF, state_ahead)
        back_TBH, last_back = back(turned(x_TBF, passage), state_back)
        back_TBH = turned(back_TBH, passage) if aligned else back_TBH
        return torch.cat([y_TBH, back_TBH], -1), (last_ahead, last_back)

    return unroll


def turned(x_TBF: Tensor, passage: Passage) -> Tensor:
    """The real time steps of each lane in reverse, then its padding; turned twice it is what it was."""
    if passage.lengths is None:
        return x_TBF.flip(0)
    lengths_B = passage.lengths.to(x_TBF.device)
    time_T1 = torch.arange(len(x_TBF), device=x_TBF.device)[:, None]
    place_TB = torch.where(time_T1 < lengths_B, lengths_B - 1 - time_T1, time_T1)
    return x_TBF.gather(0, place_TB[..., None].expand_as(x_TBF))


def mean_of(start: State, ahead: State, back: State) -> State:
    """The mean of two states, for a cell that starts from both.

    Whole numbers, such as a count, are those of `ahead`. What has another shape than in `start` (the last inputs, where
    their width is another) is that of `start`.
    """

    def mean(start: Tensor, ahead: Tensor, back: Tensor) -> Tensor:
        if start.shape != ahead.shape:
            return start
        return (ahead + back) / 2 if ahead.is_floating_point() or ahead.is_complex() else ahead

    return map_state(mean, start, ahead, back)
