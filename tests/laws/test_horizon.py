"""TBPTT(k1, k2): how far back a gradient reaches, the textbook's sliding form, carry, and checkpointing in time."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import CELLS, CPU64, Given, Spy, a_batch, a_config, a_model, few, seeded, truncated

from bench.config.schema import BPTTConfig
from bench.train import bptt
from bench.train import loop as train
from bench.train.bptt import Window, windows

cells = st.sampled_from(CELLS)


def train_on(batches, config, cell=CELLS[0], optimizer=Spy, offsets=None, layers=1):
    """The model after training on `batches`, and its optimiser."""
    model = a_model(cell, layers, hidden=3)
    optimizer = optimizer(model)
    list(train.train(model, Given(train=batches), optimizer, batches, config, CPU64, offsets))
    return model, optimizer


def check_reach(T, window, horizon):
    """Only the last step is scored: the gradient reaches the input `horizon` - 1 steps before it, and none before."""
    batch = a_batch(T, scored=slice(T - 1, None))
    batch.inputs.requires_grad_()
    train_on([batch], a_config(bptt=truncated(window, horizon=horizon)))
    assert batch.inputs.grad is not None
    reached = [bool(step_BF.any()) for step_BF in batch.inputs.grad]
    assert all(reached[-horizon:]), "the gradient stops short of the horizon"
    assert not any(reached[:-horizon]), "the gradient reaches beyond the horizon"


@few
@given(st.integers(1, 4), st.integers(0, 5), st.integers(1, 3))
def test_a_gradient_reaches_as_far_back_as_the_horizon_and_no_further(window, more, windows_before):
    horizon = window + more
    check_reach(window * (windows_before + -(-horizon // window)), window, horizon)


@pytest.mark.parametrize(("by", "message"), [(1, "stops short"), (-1, "beyond the horizon")])
def test_a_horizon_that_is_off_by_one_is_noticed(monkeypatch, by, message):
    def off_by_one(batch, config, generator=None):
        parts = list(windows(batch, replace(config, horizon=config.horizon - by), generator))
        return [*parts[:-1], Window(parts[-1].part, parts[-1].stride)]

    monkeypatch.setattr(train, "windows", off_by_one)
    with pytest.raises(AssertionError, match=message):
        check_reach(12, window=2, horizon=5)


def textbook(model, batch, k, rate, losses_of, grow=False):
    """The usual pseudocode of BPTT on an unfolded network, in its own words: unfold k copies, move on by one input, and
    compute the context for the next step with the weights as they then are. Where it may `grow`, the network is first
    unfolded to the inputs that there are.
    """
    cell, head = model.cells[0], model.head
    context = cell.initial_state(batch.inputs.shape[1], batch.inputs)
    for t in range(1 - k if grow else 0, len(batch.inputs) - k + 1):  # from an unfolded network that is not full yet
        state = context
        for i in range(max(0, -t), k):
            p, state = cell.step(batch.inputs[t + i], state)
        error = losses_of(head(p)[None], batch.span(t + k - 1, t + k)).mean()
        for parameter, gradient in zip(
            model.parameters(), torch.autograd.grad(error, list(model.parameters())), strict=True
        ):
            parameter.data -= rate * gradient
        with torch.no_grad():
            context = cell.step(batch.inputs[t], context)[1] if t >= 0 else context


def check_sliding(cell, T, k, kind="sliding", head="skip"):
    batch, rate = a_batch(T), 0.3
    config = a_config(bptt=BPTTConfig(kind, 1, k, head=head))
    found, _ = train_on([batch], config, cell, lambda model: torch.optim.SGD(model.parameters(), lr=rate))
    wanted = a_model(cell, hidden=3)
    textbook(wanted, batch, k, rate, Given(train=[batch]).loss, grow=head == "grow")
    for a, b in zip(found.parameters(), wanted.parameters(), strict=True):
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-12), "weights differ from the textbook's"


@few
@given(cells, st.integers(1, 5), st.integers(0, 5), st.sampled_from(["grow", "skip"]))
def test_sliding_is_the_textbooks_form(cell, k, more, head):
    check_sliding(cell, k + more, k, head=head)


def test_sliding_that_scores_from_the_start_or_keeps_a_stale_context_is_not(monkeypatch):
    with pytest.raises(AssertionError, match="differ from the textbook"):
        check_sliding(CELLS[0], 7, 3, kind="truncated")
    stale = []
    monkeypatch.setattr(train, "state_after", lambda model, part, state, machine: stale.append(1) or state)
    with pytest.raises(AssertionError, match="differ from the textbook"):
        check_sliding(CELLS[0], 7, 3)
    assert stale


def test_overlapping_windows_of_one_update_a_batch_are_the_sum_over_horizons():
    """With update=sequence the weights stand still, so the gradient is a sum of parts that can be made one by one."""
    batch, config = a_batch(T=7), truncated(2, horizon=3, update="sequence")
    _, spy = train_on([batch], a_config(bptt=config))
    model, task = a_model(hidden=3, cell=CELLS[0]), Given(train=[batch])
    total = [torch.zeros_like(p) for p in model.parameters()]
    for start, scored, stop in ((0, 0, 2), (1, 2, 4), (3, 4, 6), (5, 6, 7)):
        with torch.no_grad():
            _, before = model(batch.inputs[:start], model.initial_state(2)) if start else (0, model.initial_state(2))
        logits, _ = model(batch.inputs[start:stop], before)
        loss_TB = task.loss(logits, batch.span(start, stop))[scored - start :]
        for sum_, gradient in zip(
            total, torch.autograd.grad(loss_TB.sum() / 14, list(model.parameters())), strict=True
        ):
            sum_ += gradient
    for found, wanted in zip(spy.gradients[0], total, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-12)


def last_states(carry, window=2):
    """The states that windows begin from."""
    seen = []
    model, batches = a_model(), [a_batch(T=4, seed=1), a_batch(T=4, seed=2, fresh=False)]
    forward = model.predict
    model.predict = lambda part, state, known: seen.append(state[0][0].abs().sum().item()) or forward(part, state)
    config = a_config(bptt=truncated(window, carry=carry))
    list(train.train(model, Given(train=batches), Spy(model), batches, config, CPU64))
    return seen


def test_without_carry_every_window_begins_from_the_initial_state():
    assert last_states(carry=False) == [0.0] * 4
    first, *others = last_states(carry=True)
    assert first == 0.0
    assert all(others)


def check_recomputed(cell, T, window, layers, plain=False):
    batch = a_batch(T, B=2, scored=slice(T // 3, None))
    (_, with_all), (_, with_few) = (
        train_on([batch], a_config(bptt=truncated(window, checkpoint=kept)), cell, layers=layers)
        for kept in (plain, True)
    )
    for a, b in zip(with_all.gradients[-1], with_few.gradients[-1], strict=True):
        assert torch.allclose(a, b, rtol=1e-10, atol=1e-13), "recomputed gradients differ from plain ones"


@few
@given(cells, st.integers(1, 11), st.sampled_from([None, 4]), st.integers(1, 2))
def test_recomputed_gradients_are_the_plain_ones(cell, T, window, layers):
    check_recomputed(cell, T, window, layers)


@pytest.mark.parametrize(("T", "lengths"), [(16, [4, 4, 4, 4]), (17, [5, 5, 5, 2]), (1, [1]), (2, [2])])
def test_segments_are_about_as_long_as_there_are_of_them(monkeypatch, T, lengths):
    """The states at their borders are kept, and the activations of one segment at a time."""
    seen, recompute = [], train.checkpoint

    def spied(function, model, task, segment, *others, **options):
        seen.append(len(segment.inputs))
        return recompute(function, model, task, segment, *others, **options)

    monkeypatch.setattr(train, "checkpoint", spied)
    train_on([a_batch(T)], a_config(bptt=BPTTConfig(checkpoint=True)), CELLS[0])
    assert seen == lengths


def test_a_segment_that_drops_its_state_is_noticed(monkeypatch):
    def forgetful(function, model, task, segment, state, machine, **options):
        return function(model, task, segment, model.initial_state(len(segment.fresh)), machine)

    monkeypatch.setattr(train, "checkpoint", forgetful)
    with pytest.raises(AssertionError, match="differ from plain"):
        check_recomputed(CELLS[0], 9, None, 1)


def test_checkpointing_repeats_dropout_as_it_fell():
    batch, gradients = a_batch(T=9), []
    for recompute in (True, False):
        model = a_model(dropout=0.5)
        spy = Spy(model)
        torch.manual_seed(3)
        config = a_config(bptt=BPTTConfig(checkpoint=recompute))
        loss = [step.loss for step in train.train(model, Given(train=[batch]), spy, [batch], config, CPU64)]
        gradients.append((loss, [g.norm() for g in spy.gradients[0]]))
    assert gradients[0][0] == pytest.approx(gradients[1][0])
    torch.testing.assert_close(gradients[0][1], gradients[1][1])


def test_offsets_come_from_the_generator_that_is_given():
    batch = a_batch(T=8)
    config = a_config(bptt=truncated(4, offset="random"))
    counts = {len(train_on([batch] * 3, config, offsets=seeded(seed))[1].gradients) for seed in range(5)}
    assert counts <= {6, 7, 8, 9}
    assert len(counts) > 1
    assert bptt.windows is windows
