"""Cells that others wrote, not knowing of kernels: those of torchrecurrent have kernels as they are."""

import pytest
import torch
import torchrecurrent
from kernel_tools import NEAR, F, assert_close, by_the_oracle, everything, inputs_of

from bench.api import Cell
from bench.unroll.eager import unroll_eager
from bench.unroll.generated import KernelUnroll

ELSEWHERE = {
    # what is in the way is not the equation
    "IntersectionRNNCell": "as many inputs as units",
    "MCLSTMCell": "two inputs", "TLSTMCell": "a state of tuples", "tauGRUCell": "a state of all that was",
    "MGUCell": "a first step without lanes", "MiRU1Cell": "a first step without lanes",
    "ResLSTMCell": "a first step without lanes",
}  # fmt: skip
NAMES = sorted({name for name in dir(torchrecurrent) if name.endswith("Cell")} - ELSEWHERE.keys())
COMPILED = [
    "ATRCell",
    "NASCell",
    "SGUCell",
    "coRNNCell",
]  # each is a compilation; the oracle carries out what all would print
H = 9


class Foreign(Cell):
    """A cell of torchrecurrent under the contract of ours: nothing of its equation is written here."""

    def __init__(self, name):
        super().__init__(F, H)
        torch.manual_seed(0)
        self.cell = getattr(torchrecurrent, name)(F, H)
        new = self.cell(torch.zeros(1, F))
        self.is_one = isinstance(new, torch.Tensor)
        self.shapes = [s.shape[1:] for s in ([new] if self.is_one else new)]

    def initial_state(self, batch_size, like):
        zeros = tuple(like.new_zeros(batch_size, *shape) for shape in self.shapes)
        return zeros[0] if self.is_one else zeros

    def step(self, x_BF, state):
        new = self.cell(x_BF, state)
        return (new, new) if self.is_one else (new[0], tuple(new))


@pytest.mark.parametrize("name", NAMES)
def test_a_cell_of_others_has_its_gradient_derived(name):
    cell = Foreign(name).double()
    x_TBF, state = inputs_of(cell)
    right = everything(cell, lambda x, s: unroll_eager(cell, x, s), x_TBF, state)
    near = 1e-7 if name in ("SGUCell", "DSGUCell") else 1e-10  # torch's hard sigmoid has a sixth in float32
    assert_close(by_the_oracle(cell, x_TBF, state), right, near)


@pytest.mark.parametrize("name", COMPILED)
def test_a_cell_of_others_runs_by_kernels(name):
    cell = Foreign(name)
    x_TBF, state = inputs_of(cell)
    right = everything(cell, lambda x, s: unroll_eager(cell, x, s), x_TBF, state)
    assert_close(everything(cell, KernelUnroll(cell), x_TBF, state), right, NEAR[torch.float32])
