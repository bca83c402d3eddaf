"""bfloat16 rounds each product by a three-hundredth: over many steps of any cell the outputs stay near float32's."""

from functools import partial

import pytest
import torch
from traces import chosen

from bench.checks.probe import all_forms, step_loop
from bench.job.build import load_cell

T, B, F, H = 100, 8, 8, 32
NEAR, TIMES = 0.02, 5
"""The most of the outputs' size that may be missed; or so many times what rounded inputs alone change, which in a
chaotic cell is more."""


def distance(one, other):
    return ((one - other).norm() / one.norm()).item()


@pytest.mark.parametrize("name", sorted(chosen("cell").keys() - {"custom"}))
@torch.no_grad()
def test_a_cell_in_bfloat16_stays_near_itself_in_float32(name):
    torch.manual_seed(0)
    cls, options = load_cell(chosen("cell")[name])
    cell, x_TBF = cls(F, H, **options), torch.randn(T, B, F)
    form = all_forms(cell).get("parallel", partial(step_loop, cell))
    right, _ = form(x_TBF, cell.initial_state(B, x_TBF))
    rounded, _ = form(x_TBF.bfloat16().float(), cell.initial_state(B, x_TBF))
    with torch.autocast("cpu", torch.bfloat16):
        found, _ = form(x_TBF, cell.initial_state(B, x_TBF))
    late = slice(-20, None)
    assert distance(right[late], found[late]) <= max(NEAR, TIMES * distance(right[late], rounded[late]))
