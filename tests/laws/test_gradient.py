"""What gradient training descends: of the whole under full BPTT, of windows cut apart under truncated BPTT."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given
from hypothesis import strategies as st
from oracles import naive
from tiny import CELLS, CPU64, Given, Spy, a_batch, a_config, a_model, few

from bench.model.sequence import SequenceModel
from bench.train import loop
from bench.train.loop import train

HIDDEN = 2
cells, steps, windows = st.sampled_from(CELLS), st.integers(1, 5), st.integers(1, 6)


def gradients(cell, batches, **config):
    """The gradients of each update that training on `batches` makes, by parameter in the model's order."""
    model = a_model(cell, hidden=HIDDEN)
    spy = Spy(model)
    list(train(model, Given(train=batches), spy, batches, a_config(**config), CPU64))
    return spy.gradients


def by_hand(cell, batch, window, update):
    """The same from the definition of truncated BPTT, on the naive cells: one graph a window, losses summed by hand."""
    model = a_model(cell, hidden=HIDDEN)
    weights = dict(model.cells[0].named_parameters())
    state = tuple(torch.zeros(batch.weight.shape[1], HIDDEN, dtype=torch.float64) for _ in model.cells[0].states)
    window_losses, window_counts = [], []
    for start in range(0, len(batch.inputs), window):
        part = slice(start, start + window)
        y_TBH, state = naive.unroll(cell.__name__, weights, batch.inputs[part], tuple(s.detach() for s in state))
        logits = y_TBH @ model.head.weight.T + model.head.bias
        log_p = logits - logits.exp().sum(-1, keepdim=True).log()
        nll_TB = -(log_p * F.one_hot(batch.targets[part], logits.shape[-1])).sum(-1)
        window_losses.append((nll_TB * batch.weight[part]).sum())
        window_counts.append(batch.weight[part].sum())
    if update == "sequence":
        window_losses, window_counts = [sum(window_losses)], [sum(window_counts)]
    parameters = list(model.parameters())
    pairs = zip(window_losses, window_counts, strict=True)
    return [torch.autograd.grad(loss / count, parameters) for loss, count in pairs if count]


def check_same(found, wanted):
    assert len(found) == len(wanted), "another number of updates"
    for step, by_definition in zip(found, wanted, strict=True):
        for a, b in zip(step, by_definition, strict=True):
            assert torch.allclose(a, b, rtol=1e-9, atol=1e-12), "gradients differ from those by hand"


@few
@given(cells, steps, st.integers(1, 3))
def test_full_bptt_is_the_gradient_of_the_unrolled_graph(cell, T, B):
    batch = a_batch(T, B)
    check_same(gradients(cell, [batch]), by_hand(cell, batch, T, "window"))


@few
@given(cells, steps, windows, st.sampled_from(["window", "sequence"]), st.integers(0, 4))
@example(CELLS[0], 5, 2, "sequence", 1)  # windows that score different numbers of positions
@example(CELLS[0], 5, 2, "window", 1)
def test_truncated_bptt_is_its_definition(cell, T, window, update, unscored):
    batch = a_batch(T, B=2, scored=slice(min(unscored, T - 1), None))
    found = gradients(cell, [batch], window=window, update=update)
    check_same(found, by_hand(cell, batch, window, update))


def test_a_mean_of_the_windows_means_is_not_the_mean_over_the_batch():
    batch = a_batch(T=5)
    wanted = by_hand(CELLS[0], batch, 3, "sequence")
    per_window = gradients(CELLS[0], [batch], window=3, update="window")
    averaged = [sum(parts) / len(parts) for parts in zip(*per_window, strict=True)]
    with pytest.raises(AssertionError, match="gradients differ"):
        check_same([averaged], wanted)


@few
@given(cells, steps, st.integers(0, 3), st.sampled_from(["window", "sequence"]))
def test_a_window_as_long_as_the_batch_is_full_bptt_bit_for_bit(cell, T, longer, update):
    batch = a_batch(T)
    full, truncated = gradients(cell, [batch]), gradients(cell, [batch], window=T + longer, update=update)
    assert all(torch.equal(a, b) for a, b in zip(full[0], truncated[0], strict=True))


def test_a_shorter_window_is_another_gradient():
    batch = a_batch(T=6)
    (full,), (truncated,) = gradients(CELLS[0], [batch]), gradients(CELLS[0], [batch], window=5, update="sequence")
    assert not all(torch.allclose(a, b, rtol=1e-6) for a, b in zip(full, truncated, strict=True))


def check_no_gradient_crosses(batches, window, update="sequence"):
    """Only the last window of the last batch is scored: no gradient reaches an input before it."""
    for batch in batches:
        batch.inputs.requires_grad_()
    gradients(CELLS[0], batches, window=window, update=update)
    steps = [step for batch in batches for step in _reached(batch)]
    reach = window or len(batches[-1].inputs)
    assert all(steps[-reach:]), "the scored window itself has no gradient"
    assert not any(steps[:-reach]), "gradient crosses a border"


def _reached(batch):
    nothing = batch.inputs.grad is None
    return [
        False if nothing else bool((step_BF != 0).any()) for step_BF in (batch.inputs if nothing else batch.inputs.grad)
    ]


def scored_in_the_end(T, window):
    return a_batch(T, scored=slice(T - window, None))


def two_batches_of_going_lanes():
    return [a_batch(T=3, scored=slice(0, 0)), a_batch(T=3, fresh=False)]


@few
@given(st.integers(1, 3), st.integers(1, 3), st.sampled_from(["window", "sequence"]))
def test_no_gradient_crosses_a_windows_border(window, before, update):
    check_no_gradient_crosses([scored_in_the_end(window * (before + 1), window)], window, update)


def test_no_gradient_crosses_from_batch_to_batch():
    check_no_gradient_crosses(two_batches_of_going_lanes(), window=None)


@pytest.mark.parametrize(
    "batches", [[scored_in_the_end(6, 3)], two_batches_of_going_lanes()], ids=["windows", "batches"]
)
def test_a_detach_left_out_is_noticed(monkeypatch, batches):
    """Both of them: the loop lets go of a step's graph, and the model of that of whatever state it is given."""
    monkeypatch.setattr(SequenceModel, "carry", lambda self, state, fresh: state or self.initial_state(len(fresh)))
    monkeypatch.setattr(loop, "map_state", lambda function, state: state)
    with pytest.raises(AssertionError, match="crosses a border"):
        check_no_gradient_crosses(batches, window=3)


def test_the_state_does_go_from_batch_to_batch():
    first, second = a_batch(T=3, seed=1), a_batch(T=3, seed=2, fresh=False)
    after_first = gradients(CELLS[0], [first, second])[1]
    alone = gradients(CELLS[0], [second])[0]
    assert not all(torch.allclose(a, b) for a, b in zip(after_first, alone, strict=True))
