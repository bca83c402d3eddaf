"""Real-time recurrent learning is full BPTT's gradient, without its memory and without truncation."""

from dataclasses import replace
from functools import partial

import pytest
import torch
import yaml
from forward_mode import backward, check_same, forward, in_windows
from hypothesis import given
from hypothesis import strategies as st
from tiny import CELLS, Given, a_batch, a_model, few, seeded

from bench.api import Batch
from bench.cells.gru import GRU
from bench.cells.lru import LRU
from bench.cells.lstm import LSTM
from bench.config.catalogue import choices
from bench.job.build import load_cell
from bench.model.around import Around
from bench.model.sequence import SequenceModel
from bench.train.gradient.rtrl import RTRL

OURS = {name: choice for name, choice in choices("cell").items() if choice.package.name == "bench"}
cells, layers = st.sampled_from([*CELLS, LRU]), st.integers(1, 2)


@few
@given(cells, layers, st.integers(1, 6), st.integers(1, 3), st.integers(0, 4))
def test_rtrl_is_the_gradient_of_full_bptt(cell, depth, T, B, unscored):
    model, batch = a_model(cell, depth, hidden=3), a_batch(T, B, scored=slice(min(unscored, T - 1), None))
    check_same(forward(RTRL, model, [batch]), backward(model, [batch]))


def test_lanes_that_are_not_scored_at_a_step_do_not_count_in_it():
    model, batch = a_model(hidden=3), a_batch(T=4, B=3)
    weight_TB = torch.tensor([[1, 0, 2], [0, 1, 0], [0.5, 0, 0], [0, 0, 1]], dtype=torch.float64)
    batch = replace(batch, weight=weight_TB)
    check_same(forward(RTRL, model, [batch]), backward(model, [batch]))


@pytest.mark.parametrize("name", [name for name in OURS if name != "custom"])
def test_rtrl_takes_every_cell(name):
    cell, options = load_cell(yaml.safe_load(OURS[name].path.read_text()))
    model, batch = a_model(partial(cell, **options), hidden=4), a_batch(T=3)
    check_same(forward(RTRL, model, [batch]), backward(model, [batch]))


@few
@given(cells, layers, st.integers(1, 3))
def test_windows_and_batches_of_going_lanes_truncate_nothing(cell, depth, window):
    model, batch = a_model(cell, depth, hidden=3), a_batch(T=6)
    check_same(forward(RTRL, model, in_windows(batch, window)), forward(RTRL, model, [batch]))


class Forgetful(RTRL):
    """The mutant: influence that a step has on the next is left out, as truncation to one step does."""

    def propagate(self, x_B, state, influence):
        return super().propagate(x_B, state, tuple(torch.zeros_like(P) for P in influence))


def test_rtrl_without_its_recurrent_term_is_noticed():
    model, batch = a_model(hidden=3), a_batch(T=4)
    check_same(forward(Forgetful, model, [a_batch(T=2)]), backward(model, [a_batch(T=2)]))  # too short to tell
    with pytest.raises(AssertionError):
        check_same(forward(Forgetful, model, [batch]), backward(model, [batch]))


class Stale(RTRL):
    """The mutant: lanes that start anew keep the influence of what was before."""

    def _begin(self, memory, fresh):
        return super()._begin(memory, fresh)._replace(**({} if memory is None else {"influence": memory.influence}))


def one_lane_anew():
    """Two batches of two lanes; in the second batch, the second lane starts a new sequence."""
    first, second = a_batch(T=3, seed=1), a_batch(T=3, seed=2)
    return first, Batch(second.inputs, second.targets, second.weight, torch.tensor([False, True]))


def check_fresh_lanes(mode):
    model, (first, second) = a_model(hidden=3), one_lane_anew()
    pairs = ((first.inputs, second.inputs), (first.targets, second.targets), (first.weight, second.weight))
    parts = [Batch(*(torch.cat(pair)[:, :1] for pair in pairs), first.fresh[:1])]
    parts += [Batch(b.inputs[:, 1:], b.targets[:, 1:], b.weight[:, 1:], first.fresh[1:]) for b in (first, second)]
    wanted = [sum(grads) for grads in zip(*(backward(model, [part]) for part in parts), strict=True)]
    check_same(forward(mode, model, [first, second]), wanted)


def test_a_fresh_lane_has_no_past_and_its_neighbour_keeps_its_own():
    check_fresh_lanes(RTRL)
    with pytest.raises(AssertionError):
        check_fresh_lanes(Stale)


def symbols():
    """A batch of symbols, each to be told from those before it."""
    inputs_TB = torch.randint(4, (5, 2), generator=seeded())
    return Batch(inputs_TB, inputs_TB.flip(0), torch.ones(5, 2), torch.ones(2, dtype=torch.bool))


@pytest.mark.parametrize("tie", [False, True])
def test_an_embedding_is_reached_through_time_also_where_it_is_the_head(tie):
    batch = symbols()
    model = SequenceModel(Given(train=[batch]).spec, GRU, hidden=3, embedding=3, tie=tie).double()
    model.choose_unroll("eager")
    check_same(forward(RTRL, model, [batch]), backward(model, [batch]))


@pytest.mark.parametrize("options", [{"residual": True, "norm": "layer"}, {"gate": True, "mlp": 2}], ids=str)
def test_what_stands_around_a_cell_is_trained_too(options):
    batch = a_batch(T=4)
    model = SequenceModel(Given(train=[batch]).spec, LSTM, hidden=3, layers=2, around=Around(**options)).double()
    model.choose_unroll("eager")
    check_same(forward(RTRL, model, [batch]), backward(model, [batch]))


def test_the_gradient_is_scaled_and_added_and_the_loss_is_not():
    model, batch = a_model(hidden=3), a_batch()
    task = Given(train=[batch])
    algorithm = RTRL(model, task.spec, 2)
    model.zero_grad()
    loss, _ = algorithm.accumulate(task, batch, None, scale=0.25)
    algorithm.accumulate(task, batch, None, scale=0.5)
    logits, _ = model(batch.inputs, model.initial_state(2))
    assert loss == pytest.approx((task.loss(logits, batch) * batch.weight).sum().item())
    check_same([p.grad for p in model.parameters()], [0.75 * g for g in backward(model, [batch])])
