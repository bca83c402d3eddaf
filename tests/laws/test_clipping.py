"""Clipping acts on the gradients that the optimiser sees: no longer than the limit, and in the same direction."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import CPU64, Given, Spy, a_batch, a_config, a_model, few

from bench import train as train_module
from bench.train import Step, train


def seen(loop, clip, batches):
    """The steps of `loop`, and the gradients that its optimiser was given, each as one vector."""
    model = a_model()
    spy = Spy(model)
    steps = list(loop(model, Given(train=batches), spy, batches, a_config(clip=clip), CPU64))
    return steps, [torch.cat([g.flatten() for g in gradients]) for gradients in spy.gradients]


def check_clipping(loop, share, seed=0):
    """Clip at `share` of the norm that a first gradient has."""
    batches = [a_batch(seed=seed), a_batch(seed=seed + 1)]
    _, raw = seen(loop, None, batches)
    clip = share * raw[0].norm().item()
    steps, clipped = seen(loop, clip, batches)
    for step, before, after in zip(steps, raw, clipped, strict=True):
        assert after.norm() <= clip * (1 + 1e-9), "a gradient is longer than clip.norm"
        shortened = min(1.0, clip / before.norm().item())
        assert torch.allclose(after, before * shortened, rtol=1e-4), "clipping changed the direction"
        assert step.grad_norm == pytest.approx(before.norm().item()), "grad_norm is not the norm before clipping"


def before_backward(model, task, optimizer, batches, config, machine):
    """The mutant: the usual lines in the wrong order, so that clipping sees no gradient."""
    parameters = list(model.parameters())
    for number, batch in enumerate(batches, 1):
        logits, _ = model(batch.inputs, model.initial_state(len(batch.fresh)))
        loss = (task.loss(logits, batch) * batch.weight).sum() / batch.weight.sum()
        norm = torch.nn.utils.clip_grad_norm_(parameters, config.clip.norm or torch.inf)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        yield Step(number, len(batch.fresh), batch.tokens, loss.item(), norm.item())


def each_parameter(model, task, optimizer, batches, config, machine):
    """The mutant: each parameter is clipped on its own, which turns the whole."""

    def one_by_one(optimizer, parameters, limit):
        norm = torch.nn.utils.get_total_norm([parameter.grad for parameter in parameters])
        for parameter in parameters:
            torch.nn.utils.clip_grad_norm_([parameter], (limit or torch.inf) / len(parameters))
        optimizer.step()
        optimizer.zero_grad()
        return norm.item()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_module, "update", one_by_one)
        yield from train(model, task, optimizer, batches, config, machine)


@few
@given(st.floats(0.01, 2.0), st.integers(0, 99))
def test_gradients_are_clipped_after_backward_and_keep_their_direction(share, seed):
    check_clipping(train, share, seed)


def test_clipping_before_backward_is_noticed():
    with pytest.raises(AssertionError, match="longer than clip.norm"):
        check_clipping(before_backward, share=0.1)


def test_clipping_each_parameter_is_noticed():
    with pytest.raises(AssertionError, match="changed the direction"):
        check_clipping(each_parameter, share=0.1)


def test_a_gradient_within_the_limit_stays_as_it_is_bit_for_bit():
    (_, raw), (_, clipped) = (seen(train, clip, [a_batch()]) for clip in (None, 1e6))
    assert torch.equal(raw[0], clipped[0])
