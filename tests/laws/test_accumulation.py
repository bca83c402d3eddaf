"""Accumulating over n batches is training on one batch of all their lanes, in updates, losses and counts."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import CPU64, Given, a_batch, a_config, a_model, few

from bench.api import Batch
from bench.config.schema import ClipConfig
from bench.train.clip import Clip
from bench.train.loop import TrainStep, train, update


def joined(batches):
    """One batch of all lanes."""
    inputs, targets, weight = (torch.cat([getattr(b, n) for b in batches], 1) for n in ("inputs", "targets", "weight"))
    return Batch(inputs, targets, weight, torch.cat([batch.fresh for batch in batches]))


def trained(loop, batches, accumulate, clip=None, **config):
    """The steps of `loop` and the weights after them."""
    model, task = a_model(), Given(train=batches)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    steps = list(loop(model, task, optimizer, batches, a_config(accumulate=accumulate, clip=clip, **config), CPU64))
    return steps, [parameter.detach() for parameter in model.parameters()]


def check_accumulation(loop, n, seed=0, **config):
    """Two steps over `n` batches each, whose scored positions differ in number."""
    parts = [a_batch(B=1 + i % 3, seed=seed + i, scored=slice(i % 5, None)) for i in range(2 * n)]
    steps, weights = trained(loop, parts, n, **config)
    expected, as_one = trained(train, [joined(parts[:n]), joined(parts[n:])], 1, **config)
    assert len(steps) == len(expected), "not one step for every n batches"
    for step, one in zip(steps, expected, strict=True):
        assert step[:3] == one[:3], "sequences or tokens are not those of all batches"
        assert step.updates == 1, "not one update a step"
        assert step.loss == pytest.approx(one.loss, rel=1e-12)
        assert step.grad_norm == pytest.approx(one.grad_norm, rel=1e-9), "the gradient is not the larger batch's"
    for weight, other in zip(weights, as_one, strict=True):
        assert torch.allclose(weight, other, rtol=0, atol=1e-12), "the weights are not the larger batch's"


def mean_of_means(model, task, optimizer, batches, config, machine):
    """The mutant: the batches' mean losses are averaged, whatever number of positions is scored in each."""
    clip, n = Clip(config.clip, model), config.accumulate
    for number in range(len(batches) // n):
        group = batches[number * n : (number + 1) * n]
        total = 0.0
        for batch in group:
            logits, _ = model(batch.inputs, model.initial_state(len(batch.fresh)))
            loss_TB = task.loss(logits, batch) * batch.weight
            (loss_TB.sum() / batch.weight.sum() / n).backward()
            total += loss_TB.sum().item()
        norm, acted = update(optimizer, clip)
        sequences, tokens = sum(len(b.fresh) for b in group), sum(b.tokens for b in group)
        yield TrainStep(
            number + 1, sequences, tokens, total / sum(float(b.weight.sum()) for b in group), norm, 1, acted
        )


@few
@given(st.integers(1, 4), st.integers(0, 99), st.sampled_from([None, 1e-2]))
def test_n_batches_accumulated_are_one_n_times_larger_batch(n, seed, clip):
    check_accumulation(train, n, seed, clip=ClipConfig(clip))


@pytest.mark.parametrize("window", [1, 2, 4])
def test_so_they_are_where_a_batch_is_worked_through_in_windows(window):
    check_accumulation(train, 3, window=window, update="sequence")


def test_a_mean_of_means_is_noticed():
    with pytest.raises(AssertionError, match="the gradient is not the larger batch's"):
        check_accumulation(mean_of_means, 2)


def test_an_update_after_every_batch_is_noticed():
    def every_batch(model, task, optimizer, batches, config, machine):
        return train(model, task, optimizer, batches, a_config(), machine)

    with pytest.raises(AssertionError, match="not one step for every n batches"):
        check_accumulation(every_batch, 2)
