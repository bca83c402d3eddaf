"""Every parameter of every cell starts with the distribution that its docstring or its paper states."""

import inspect

import pytest
import torch
from cell_starts import CELLS
from starts import check_all
from traces import chosen

from bench.api import leaves
from bench.job.build import load_cell

SEEDS = range(5)
SIZES = [(30, 48), (48, 48), (50, 16)]
OPTIONS = [
    *((name, {}) for name in CELLS),
    ("exprnn", {"init": "henaff"}),
    ("rhn", {"depth": 3, "transform_bias": -1.0}),
    ("sru", {"peephole": True}),
    ("qrnn", {"window": 1}),
    ("ngram_mlp", {"context": 3}),
    ("linear_attention", {"heads": 5}),
    ("deltanet", {"heads": 16}),
    ("mlstm", {"heads": 3}),
    ("lru", {"state_size": 40, "r_min": 0.5, "r_max": 0.9, "max_phase": 1.0}),
    ("mamba", {"state_size": 5}),
    ("s4d", {"kind": "real", "state_size": 6}),
    ("tcn", {"levels": 1, "kernel_size": 2}),
    ("transformer", {"heads": 5}),
]


def drawn(name, options, inputs, units):
    """The cell for each seed, and all its options."""
    cls, checked = load_cell({**chosen("cell")[name], **options})
    defaults = {key: each.default for key, each in inspect.signature(cls).parameters.items()}
    cells = []
    for seed in SEEDS:
        torch.manual_seed(seed)
        cells.append(cls(inputs, units, **checked))
    return cells, {**defaults, **checked}


@pytest.mark.parametrize(("name", "options"), OPTIONS, ids=lambda part: str(part) if part else "default")
def test_a_cell_starts_as_it_says(name, options):
    for inputs, units in SIZES:
        cells, all_options = drawn(name, options, inputs, units)
        check_all(CELLS[name](inputs, units, all_options), [dict(cell.named_parameters()) for cell in cells])
        assert not list(cells[0].buffers()), "a buffer without a line"


def test_every_cell_has_a_line():
    assert CELLS.keys() == chosen("cell").keys() - {"custom"}


@pytest.mark.parametrize("name", CELLS)
def test_every_state_starts_at_zero(name):
    """But for the largest log weight of an empty sLSTM, which is below that of every input."""
    (cell, *_), _ = drawn(name, {}, 3, 8)
    state = leaves(cell.initial_state(2, torch.empty(0)))
    *states, last = state if name == "slstm" else (*state, torch.full((), -1e9))
    assert not any(part.any() for part in states)
    assert (last == -1e9).all()
