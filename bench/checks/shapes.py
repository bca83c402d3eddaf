"""The quick check of a cell before a run: that one step gives what the contract says."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.api import Cell, State
from bench.errors import ConfigError

_LANES = 2


@torch.no_grad()
def check_shapes(cell: Cell) -> None:
    """Raise ConfigError, naming what is wrong and what was expected, unless one step keeps to the contract of Cell."""
    name, width = type(cell).__name__, cell.hidden_size
    x_BF = torch.randn(_LANES, cell.input_size, generator=torch.Generator().manual_seed(0))
    try:
        state = cell.initial_state(_LANES, like=x_BF)
        result = cell.step(x_BF, state)
    except (RuntimeError, IndexError, TypeError, AttributeError, ValueError) as error:
        place = f"input [B={_LANES}, F={cell.input_size}] and hidden size {width}"
        raise ConfigError(f"cell {name}: one step with {place} fails: {_first_line(error)}") from error
    if not (isinstance(result, tuple) and len(result) == 2):
        raise ConfigError(f"cell {name}: step must return (output, state), got {type(result).__name__}")
    output, after = result
    if not isinstance(output, Tensor) or output.shape != (_LANES, width):
        got = list(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise ConfigError(f"cell {name}: the output of step must be [B, H] = {[_LANES, width]}, got {got}")
    if _shapes(after) != _shapes(state):
        raise ConfigError(
            f"cell {name}: step must return a state of the shapes of initial_state, {_shapes(state)}, got {_shapes(after)}"
        )
    if not output.isfinite().all():
        raise ConfigError(f"cell {name}: the output of the first step from a random input is not finite")


def _shapes(state: State) -> object:
    if isinstance(state, Tensor):
        return list(state.shape)
    return [_shapes(part) for part in state] if isinstance(state, tuple) else type(state).__name__


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
