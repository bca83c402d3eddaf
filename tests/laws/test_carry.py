"""State is carried: a sequence in windows comes out as the whole, and only what is fresh begins anew."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import CELLS, Given, a_batch, a_model, a_setup, few, truncated

from bench.api import leaves, map_state
from bench.cells.vanilla import Vanilla
from bench.train.bptt import windows
from bench.train.loop import train

cells, steps, lanes = st.sampled_from(CELLS), st.integers(1, 9), st.integers(1, 4)


def check_chunked_equals_whole(model, batch, window):
    """Outputs and last state in windows are those of one pass."""
    start = model.initial_state(len(batch.fresh))
    whole, last = model(batch.inputs, start)
    state, parts = start, []
    for part, _ in windows(batch, truncated(window)):
        logits, state = model(part.inputs, model.carry(state, torch.zeros_like(batch.fresh)))
        parts.append(logits)
    assert torch.allclose(torch.cat(parts), whole, rtol=1e-10, atol=1e-12), "chunked differs from whole"
    map_state(lambda a, b: torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12) or a, state, last)


def dropping(model):
    """The mutant: every window begins from the initial state."""
    model.carry = lambda state, fresh: model.initial_state(len(fresh))
    return model


@few
@given(cells, st.sampled_from([1, 2]), st.sampled_from(["eager", "vendor"]), steps, st.integers(1, 10), lanes)
def test_chunked_with_carry_equals_whole(cell, layers, unroll, T, window, B):
    model = a_model(cell, layers)
    model.choose_unroll(unroll)
    check_chunked_equals_whole(model, a_batch(T, B), window)


@pytest.mark.parametrize("cell", CELLS)
def test_dropped_state_is_noticed(cell):
    with pytest.raises(AssertionError, match="chunked differs from whole"):
        check_chunked_equals_whole(dropping(a_model(cell)), a_batch(T=6), window=3)


@few
@given(cells, st.sampled_from([1, 2]), steps, lanes)
def test_streaming_step_by_step_equals_the_whole(cell, layers, T, B):
    model, batch = a_model(cell, layers), a_batch(T, B)
    whole, _ = model(batch.inputs, model.initial_state(B))
    state = model.initial_state(B)
    for time in range(T):
        logits, state = model.step(batch.inputs[time], state)
        torch.testing.assert_close(logits, whole[time], rtol=1e-10, atol=1e-12)


def check_only_fresh_lanes_are_reset(model, fresh):
    _, old = model(a_batch(B=len(fresh)).inputs, model.initial_state(len(fresh)))

    def check(carried, old, initial):
        assert torch.equal(carried[fresh], initial[fresh]), "a fresh lane keeps its state"
        assert torch.equal(carried[~fresh], old[~fresh]), "a lane that goes on loses its state"
        return carried

    map_state(check, model.carry(old, fresh), old, model.initial_state(len(fresh)))


def keeping(model):
    """The mutant: nothing is ever reset."""
    model.carry = lambda state, fresh: state
    return model


@few
@given(cells, st.lists(st.booleans(), min_size=1, max_size=5))
def test_fresh_lanes_are_reset_and_only_those(cell, flags):
    check_only_fresh_lanes_are_reset(a_model(cell, layers=2), torch.tensor(flags))


@pytest.mark.parametrize(("mutant", "finding"), [(dropping, "loses its state"), (keeping, "keeps its state")])
def test_resetting_all_lanes_or_none_is_noticed(mutant, finding):
    with pytest.raises(AssertionError, match=finding):
        check_only_fresh_lanes_are_reset(mutant(a_model()), torch.tensor([True, False]))


def check_lanes_are_independent(model, T, B, changed):
    """What goes into one lane changes that lane's outputs, and no other's."""
    inputs = a_batch(T, B).inputs
    other = inputs.clone()
    other[:, changed] += 1
    before, after = (model(x, model.initial_state(B))[0] for x in (inputs, other))
    others = torch.arange(B) != changed
    assert torch.allclose(after[:, others], before[:, others], rtol=1e-12, atol=1e-14), "a lane sees another"
    assert not torch.allclose(after[:, changed], before[:, changed])


class Mixing(Vanilla):
    """The mutant: statistics are taken over the batch, as batch normalisation does."""

    def gates(self, x_proj, h_proj, h):
        return super().gates(x_proj - x_proj.mean(0), h_proj, h)


@few
@given(cells, steps, st.integers(2, 4), st.integers(0, 3))
def test_lanes_are_independent(cell, T, B, changed):
    check_lanes_are_independent(a_model(cell, layers=2), T, B, changed % B)


def test_a_cell_that_mixes_lanes_is_noticed():
    with pytest.raises(AssertionError, match="a lane sees another"):
        check_lanes_are_independent(a_model(Mixing), T=3, B=2, changed=0)


@pytest.mark.parametrize("fresh", [[False, False, False], [True, False, False]], ids=["all go on", "some go on"])
def test_lanes_that_go_on_with_another_batch_size_raise(fresh):
    model = a_model()
    with pytest.raises(ValueError, match="continue from a batch of 1 lanes into one of 3"):
        model.carry(model.initial_state(1), torch.tensor(fresh))


def test_another_batch_size_is_welcome_where_all_lanes_are_fresh():
    model = a_model()
    (state,) = model.carry(model.initial_state(1), torch.tensor([True, True]))
    assert state[0].shape == (2, 5)


REGIMES = (truncated(None), truncated(4), truncated(4, horizon=5), truncated(None, checkpoint=True))


@pytest.mark.parametrize("bptt", REGIMES)
def test_the_state_that_is_carried_keeps_no_graph_alive(bptt):
    """It would keep alive what a form of its own holds for its backward pass, until the next step has ended."""
    setup = a_setup(Given(train=[a_batch(8)]), bptt=bptt)
    step = next(train(setup.model, setup.task, setup.optimizer, [a_batch(8)], setup.config, setup.machine))
    assert [leaf.grad_fn for leaf in leaves(step.state)] == [None]
