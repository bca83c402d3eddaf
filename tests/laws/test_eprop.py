"""e-prop is BPTT over a graph without the paths through the recurrent matrix."""

import pytest
import torch
import torch.nn.functional as F
from forward_mode import backward, check_same, forward, in_windows
from hypothesis import given
from hypothesis import strategies as st
from tiny import CELLS, Given, a_batch, a_model, few

from bench.cells.gru import GRU
from bench.cells.slstm import SLSTM
from bench.cells.vanilla import Vanilla
from bench.train.gradient.eprop import EProp

GATED = (*CELLS, SLSTM)
steps, layers = st.integers(1, 6), st.integers(1, 2)


def cut_open(cell):
    """The cell without the gradient through its recurrent matrix: BPTT over it is what e-prop carries forward."""

    class Cut(cell):
        def step_projected(self, x_proj, state):
            h_proj = F.linear(state[0].detach(), self.weight_hh, self.bias_hh)
            new = self.gates(x_proj, h_proj, *state)
            new = (new,) if isinstance(new, torch.Tensor) else tuple(new)
            return new[0], new

    return Cut


def check_eprop(mode, cell, T, depth=1):
    """All gradients of one layer; of two, the upper one's and the head's: in its layer a trace stays."""
    batch = a_batch(T)
    found = forward(mode, a_model(cell, depth, hidden=3), [batch])
    wanted = backward(a_model(cut_open(cell), depth, hidden=3), [batch])
    check_same(found[-6:], wanted[-6:])


@few
@given(st.sampled_from(GATED), steps, layers)
def test_eprop_is_bptt_without_the_recurrent_matrix(cell, T, depth):
    check_eprop(EProp, cell, T, depth)


class Traceless(EProp):
    """The mutant: traces that do not last."""

    def propagate(self, x_B, state, influence):
        none = self.initial_influence(len(x_B), x_B.device)
        return super().propagate(x_B, state, none)


def test_eprop_without_lasting_traces_is_noticed():
    with pytest.raises(AssertionError):
        check_eprop(Traceless, GRU, T=4)


def test_eprop_on_a_vanilla_cell_is_bptt_truncated_to_one_step():
    model, batch = a_model(Vanilla, hidden=3), a_batch(T=5)
    state, total = model.initial_state(2), [0.0] * 6
    for now in in_windows(batch, 1):
        logits, new = model(now.inputs, state)
        loss = (Given(train=[batch]).loss(logits, now) * now.weight).sum()
        total = [a + b for a, b in zip(total, torch.autograd.grad(loss, list(model.parameters())), strict=True)]
        state = tuple(tuple(s.detach() for s in layer) for layer in new)
    check_same(forward(EProp, model, [batch]), total)


@few
@given(st.sampled_from(GATED), layers, st.integers(1, 3))
def test_traces_go_on_over_windows(cell, depth, window):
    model, batch = a_model(cell, depth, hidden=3), a_batch(T=6)
    check_same(forward(EProp, model, in_windows(batch, window)), forward(EProp, model, [batch]))
