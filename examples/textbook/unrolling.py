"""One cell in a loop, and its copies side by side: python examples/textbook/unrolling.py"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor

from bench.cells.vanilla import Vanilla

STEPS = 4


def run(cells: Sequence[Vanilla], x_TBF: Tensor) -> Tensor:
    """The outputs `[T, B, H]` of a chain in which cell t makes step t; its last output's squares are the loss."""
    state, outputs = cells[0].initial_state(x_TBF.shape[1], like=x_TBF), []
    for cell, x_BF in zip(cells, x_TBF, strict=True):
        y_BH, state = cell.step(x_BF, state)
        outputs.append(y_BH)
    (outputs[-1].square().sum() / 2).backward()
    return torch.stack(outputs).detach()


def gradient(cell: Vanilla) -> Tensor:
    """dL/dW_hh of a cell that has run."""
    assert cell.weight_hh.grad is not None
    return cell.weight_hh.grad + 0.0  # -0 as 0


if __name__ == "__main__":
    torch.manual_seed(0)
    shared = Vanilla(input_size=2, hidden_size=3).double()
    copies = [deepcopy(shared) for _ in range(STEPS)]
    inputs = torch.randn(STEPS, 1, 2, dtype=torch.float64)
    loop, graph = run([shared] * STEPS, inputs), run(copies, inputs)

    print(f"outputs   largest difference {(loop - graph).abs().max():.0e}")
    print("gradient  dL/dW_hh[0, 0]")
    for t, copy in enumerate(copies, 1):
        print(f"  copy {t}   {gradient(copy)[0, 0]:+.6f}")
    total = torch.stack([gradient(copy) for copy in copies]).sum(0)
    print(f"  sum      {total[0, 0]:+.6f}")
    print(f"  shared   {gradient(shared)[0, 0]:+.6f}")
