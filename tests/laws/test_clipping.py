"""Clipping acts on the gradients that the optimiser sees, after backward, each form by its own invariant."""

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from tiny import CPU64, Given, Spy, a_batch, a_config, a_model, few

from bench.config.schema import ClipConfig
from bench.train import loop as train_module
from bench.train.clip import UNIT_FLOOR, Clip, Clipped
from bench.train.loop import TrainStep, train

BATCHES = [a_batch(seed=seed, scored=slice(seed % 3, None)) for seed in range(4)]


def seen(loop, clip, batches=BATCHES, **config):
    """The steps of `loop`, and the gradients that its optimiser was given: a list of each parameter's, an update."""
    model = a_model()
    spy = Spy(model)
    steps = list(loop(model, Given(train=batches), spy, batches, a_config(clip=clip, **config), CPU64))
    return steps, spy.gradients


def whole(gradients):
    """Each update's gradient as one vector."""
    return [torch.cat([gradient.flatten() for gradient in update]) for update in gradients]


def check_norm(loop, share):
    """Clip at `share` of the norm that a first gradient has."""
    raw = whole(seen(loop, ClipConfig(None))[1])
    limit = share * raw[0].norm().item()
    steps, gradients = seen(loop, ClipConfig(limit))
    for step, before, after in zip(steps, raw, whole(gradients), strict=True):
        assert after.norm() <= limit * (1 + 1e-9), "a gradient is longer than clip.norm"
        shortened = min(1.0, limit / before.norm().item())
        assert torch.allclose(after, before * shortened, rtol=1e-4), "clipping changed the direction"
        assert step.grad_norm == pytest.approx(before.norm().item()), "grad_norm is not the norm before clipping"


def check_value(loop, share):
    """Clip at `share` of the largest entry that a first gradient has."""
    raw = whole(seen(loop, ClipConfig(None))[1])
    limit = share * raw[0].abs().max().item()
    steps, gradients = seen(loop, ClipConfig(None, value=limit))
    for step, before, after in zip(steps, raw, whole(gradients), strict=True):
        assert after.abs().max() <= limit, "an entry is larger than clip.value"
        within = before.abs() <= limit
        assert torch.equal(after[within], before[within]), "an entry within the limit changed"
        assert torch.equal(after[~within], limit * before[~within].sign()), "an entry is not at its limit"
        assert step.grad_norm == pytest.approx(before.norm().item()), "grad_norm is not the norm before clipping"


def units(tensor):
    """The parts that AGC clips each on its own, in rows."""
    return tensor.detach().flatten(1) if tensor.dim() > 1 else tensor.detach()[None]


def check_adaptive(loop, share):
    """Clip at `share` of the largest unit's ratio of gradient to weights."""
    model = a_model()
    raw = seen(loop, ClipConfig(None))[1]
    weights = [units(parameter).norm(dim=1).clamp(min=UNIT_FLOOR) for parameter in model.parameters()]
    limit = share * max((units(g).norm(dim=1) / w).max().item() for g, w in zip(raw[0], weights, strict=True))
    _, clipped = seen(loop, ClipConfig(None, adaptive=limit))
    names = [name for name, _ in model.named_parameters()]
    for before, after in zip(raw, clipped, strict=True):
        for name, g, h, w in zip(names, before, after, weights, strict=True):
            if name.startswith("head"):
                assert torch.equal(g, h), "the head is clipped"
                continue
            ratio = units(g).norm(dim=1) / w
            assert (units(h).norm(dim=1) / w <= limit * (1 + 1e-9)).all(), "a unit's gradient is over the limit"
            kept = (limit / ratio).clamp(max=1)[:, None]
            assert torch.allclose(units(h), units(g) * kept, rtol=1e-9), "a unit was not shortened by its own ratio"


def check_count(loop, window, share):
    """`clipped` counts the updates whose gradient was over the limit, those of all windows."""
    config = {"window": window}
    raw = [g.norm().item() for g in whole(seen(loop, ClipConfig(None), **config)[1])]
    limit = share * max(raw)
    steps, _ = seen(loop, ClipConfig(limit), **config)
    assert sum(step.updates for step in steps) == len(raw), "not every update is counted"
    assert sum(step.clipped for step in steps) == sum(norm > limit for norm in raw), "not the clipped ones are counted"


def before_backward(model, task, optimizer, batches, config, machine):
    """The mutant: the usual lines in the wrong order, so that clipping sees no gradient."""
    clip = Clip(config.clip, model)
    for number, batch in enumerate(batches, 1):
        logits, _ = model(batch.inputs, model.initial_state(len(batch.fresh)))
        loss = (task.loss(logits, batch) * batch.weight).sum() / batch.weight.sum()
        norm, acted = clip()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        yield TrainStep(number, len(batch.fresh), batch.tokens, loss.item(), norm, 1, acted)


def mutated(clip_class):
    """The loop with another class for `Clip`."""

    def loop(*arguments):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(train_module, "Clip", clip_class)
            yield from train(*arguments)

    return loop


class EachParameter(Clip):
    """The mutant: each parameter is clipped on its own, which turns the whole."""

    def __call__(self):
        norm = torch.nn.utils.get_total_norm([parameter.grad for parameter in self.parameters]).item()
        for parameter in self.parameters:
            torch.nn.utils.clip_grad_norm_([parameter], (self.config.norm or torch.inf) / len(self.parameters))
        return Clipped(norm, acted=True)


class Shortened(Clip):
    """The mutant: clipping by value shortens the whole until its largest entry fits."""

    def __call__(self):
        norm, acted = super().__call__() if self.config.value is None else (0.0, True)
        if self.config.value is not None:
            limit = self.config.value / max(parameter.grad.abs().max() for parameter in self.parameters)
            for parameter in self.parameters:
                parameter.grad.mul_(min(1.0, limit))
        return Clipped(norm, acted)


class WithHead(Clip):
    """The mutant: AGC takes in the head, too."""

    def __init__(self, config, model):
        super().__init__(config, model)
        self.below_head = self.parameters


class WholeMatrices(Clip):
    """The mutant: AGC compares the norms of whole parameters."""

    def __call__(self):
        if self.config.adaptive is not None:
            for parameter in self.below_head:
                limit = self.config.adaptive * parameter.detach().norm().clamp(min=UNIT_FLOOR).item()
                torch.nn.utils.clip_grad_norm_([parameter], limit)
        return Clipped(0.0, acted=False)


class Uncounted(Clip):
    """The mutant: says always that it clipped."""

    def __call__(self):
        return super().__call__()._replace(acted=True)


@pytest.mark.parametrize("check", [check_norm, check_value, check_adaptive])
@few
@given(st.floats(0.01, 2.0))
@example(0.1)  # every form does clip
def test_each_form_of_clipping_keeps_its_invariant(check, share):
    check(train, share)


@few
@given(st.sampled_from([None, 1, 2, 6]), st.floats(0.1, 1.2).filter(lambda share: abs(share - 1) > 1e-9))
def test_the_updates_that_were_clipped_are_counted_exactly(window, share):
    """A gradient as long as the limit but for rounding may be either."""
    check_count(train, window, share)


@pytest.mark.parametrize(
    ("check", "loop", "message"),
    [
        (check_norm, before_backward, "longer than clip.norm"),
        (check_value, before_backward, "larger than clip.value"),
        (check_adaptive, before_backward, "over the limit"),
        (check_norm, mutated(EachParameter), "changed the direction"),
        (check_value, mutated(Shortened), "an entry within the limit changed"),
        (check_adaptive, mutated(WithHead), "the head is clipped"),
        (check_adaptive, mutated(WholeMatrices), "over the limit"),
    ],
)
def test_clipping_in_another_way_is_noticed(check, loop, message):
    with pytest.raises(AssertionError, match=message):
        check(loop, share=0.1)


def test_counting_what_was_not_clipped_is_noticed():
    with pytest.raises(AssertionError, match="not the clipped ones"):
        check_count(mutated(Uncounted), None, share=0.99)


@pytest.mark.parametrize("form", ["norm", "value", "adaptive"])
def test_a_gradient_within_the_limit_stays_as_it_is_bit_for_bit(form):
    (_, raw), (steps, clipped) = (seen(train, ClipConfig(**{"norm": None, **o})) for o in ({}, {form: 1e6}))
    assert all(torch.equal(a, b) for a, b in zip(whole(raw), whole(clipped), strict=True))
    assert not any(step.clipped for step in steps)


def test_nothing_is_clipped_where_no_form_is_set_or_the_gradient_is_just_at_the_limit():
    model = a_model()
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, -0.25)
    norm = Clip(ClipConfig(None), model)().norm
    for at_the_limit in (ClipConfig(None), ClipConfig(norm), ClipConfig(None, value=0.25)):
        assert Clip(at_the_limit, model)() == Clipped(norm, acted=False)


def test_a_unit_whose_weights_are_zero_can_leave_zero():
    model = a_model()
    for parameter in model.parameters():
        parameter.detach().zero_()
        parameter.grad = torch.ones_like(parameter)
    assert Clip(ClipConfig(None, adaptive=0.1), model)().acted
    assert all(units(p.grad).norm(dim=1).sum() > 0 for p in model.parameters())
