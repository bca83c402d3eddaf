"""How far the gates are open, and how many of them are saturated near 0 or 1, where their gradient vanishes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from bench.api import Batch, Cell, State
from bench.diagnosis.lanes import real_steps
from bench.kernels.uncompiled import UncompiledMode
from bench.model.sequence import SequenceModel
from bench.model.transition import CellStep, stepped_by

BINS = 10


@torch.no_grad()
def gates(model: SequenceModel, batch: Batch) -> pd.DataFrame:
    """Histograms of the values of the cells' sigmoids over a batch: columns layer, gate, low, high, share.

    `share` is the share of the values of a `layer` (from 1, the lowest) and `gate` between `low` and `high`, in ten
    equal bins; the first and the last bin are the saturated ones. Gates are numbered from 1, in the order in which the
    cell's step calls sigmoid: LSTM forget, input, output; GRU reset, update. Gates computed by other functions (exp, a
    hard sigmoid) are left out, and a cell without a sigmoid has no rows.
    """
    values: dict[tuple[int, int], list[Tensor]] = defaultdict(list)

    def watched(layer: int, cell: Cell) -> CellStep:
        def step(x_BF: Tensor, state: State) -> tuple[Tensor, State]:
            with _Sigmoids() as seen:
                result = type(cell).step(cell, x_BF, state)
            for gate, value in enumerate(seen.results, 1):
                values[layer + 1, gate].append(value)
            return result

        return step

    state = model.initial_state(len(batch.fresh))
    with stepped_by(model, watched):
        for inputs in batch.inputs:
            _, state = model.step(inputs, state)
    real_TB, rows = real_steps(batch), []
    for (layer, gate), steps in sorted(values.items()):
        value_TB = torch.stack(steps)
        has_lanes = value_TB.shape[:2] == real_TB.shape
        counts = (value_TB[real_TB] if has_lanes else value_TB).double().flatten().cpu().histc(BINS, 0, 1)
        for i, share in enumerate((counts / counts.sum()).tolist()):
            rows.append((layer, gate, i / BINS, (i + 1) / BINS, share))
    return pd.DataFrame(rows, columns=["layer", "gate", "low", "high", "share"])


class _Sigmoids(UncompiledMode):
    """Keeps the result of every call of sigmoid; all its forms (function, method, module) dispatch to one operator."""

    def __init__(self) -> None:
        super().__init__()
        self.results: list[Tensor] = []

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in (torch.ops.aten.sigmoid.default, torch.ops.aten.sigmoid_.default):
            self.results.append(result.detach().clone())
        return result
