"""The rule by which `unroll=auto` takes generated kernels: by cell, size, arithmetic and budget, and nothing else.

Forms round differently in the last bits, and the same command is to give the same bits on the same machine: so nothing
is timed, and nothing is looked up in a cache. The figures behind the numbers are in docs/which-form.md.
"""

from __future__ import annotations

from torch import nn

from bench.api import Cell, GatedCell
from bench.config.schema import Config

PAYS = 20_000
"""Time steps of training from which kernels pay. To compile them takes half a second; a step then saves 30 microseconds
beside torch.nn's vanilla cell, and up to 150 beside a loop."""

PAYS_BESIDE_ONEDNN = 100_000
"""The same beside torch.nn's LSTM, which is oneDNN's: a step saves ten microseconds."""

WIDE = 256
"""Units from which oneDNN's LSTM is the faster one: its products are."""

_A_SECOND = 4_000  # time steps of training in a second of a budget, about


def against_kernels(cell: Cell, precision: str, trained: float) -> str | None:
    """Why `unroll=auto` does not begin with kernels where a cell is trained over so many time steps; None if it does.

    Whether the cell and the machine have any is not asked here. `precision` is that of the run.
    """
    device = next((parameter.device.type for parameter in cell.parameters()), "cpu")
    beside_onednn = isinstance(cell, GatedCell) and isinstance(cell.vendor(), nn.LSTM)
    enough = PAYS_BESIDE_ONEDNN if beside_onednn else PAYS
    if device != "cpu" or precision not in ("float32", "float64"):
        return f"they are for float32 and float64 on a CPU, and this is {precision} on {device}"
    if beside_onednn and cell.hidden_size >= WIDE:
        return f"torch.nn's LSTM is faster from {WIDE} units on"
    if trained < enough:
        return f"to compile them pays from {enough:,} time steps of training on, and there are {trained:,.0f}"
    return None


def time_steps(config: Config, length: int) -> float:
    """The time steps that the budget of a run trains over, in batches of a `length`.

    Of a budget of seconds they are guessed, the same on every machine.
    """
    budget = config.budget
    if budget.seconds is not None:
        return budget.seconds * _A_SECOND
    if budget.examples is not None:
        return budget.examples / config.batch_size * length
    assert budget.steps is not None
    return budget.steps * config.accumulate * length
