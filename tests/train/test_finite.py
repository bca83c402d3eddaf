"""Numbers that are not finite end a run before they reach the weights; if data had them, their batch is named."""

import math
from dataclasses import replace

import pytest
import torch
from tiny import CPU64, Given, Spy, a_batch, a_config, a_model, a_setup, fitted, truncated

from bench.config.schema import ClipConfig
from bench.errors import DataError, Diverged
from bench.train.evaluate import evaluate
from bench.train.gradient.choice import choose_gradient
from bench.train.loop import train

INFINITE_NORMS = {
    "an entry is infinite": lambda logits: (logits - logits.detach()).pow(2).sum(-1).sqrt(),
    "the squares overflow": lambda logits: logits.sum(-1) * 1e200,
    "an entry is NaN": lambda logits: (logits - logits.detach()).norm(dim=-1) * torch.inf,
}
"""Losses with finite values and a gradient without a finite norm: the root of 0, a float64 of 1e200, 0 * inf."""
CLIPS = [ClipConfig(None), ClipConfig(1.0), ClipConfig(None, value=0.1), ClipConfig(None, adaptive=0.1)]
WAYS = {
    "once a batch": {},
    "every window": {"window": 2},
    "once a sequence": {"window": 2, "update": "sequence"},
    "sliding": {"bptt": truncated(2, horizon=4)},
    "accumulated": {"accumulate": 2},
    "checkpoints": {"bptt": replace(truncated(None), checkpoint=True)},
    "rtrl": {"gradient": "rtrl"},
    "uoro": {"gradient": "uoro"},
    "eprop": {"gradient": "eprop"},
}


class Steep(Given):
    """Its loss has a gradient without a finite norm from the third batch on."""

    kind = "an entry is infinite"

    def loss(self, logits, batch):
        usual = super().loss(logits, batch)
        if batch.inputs[0, 0, 0] != 99:
            return usual
        steep = INFINITE_NORMS[self.kind](logits)
        return usual + torch.where(steep.isfinite(), steep, 0 * usual)


def steep(kind="the squares overflow"):
    batch = a_batch()
    marked = replace(batch, inputs=batch.inputs.index_fill(2, torch.tensor([0]), 99.0))
    task = Steep(train=[batch, batch, marked, marked])
    task.kind = kind
    return task


def trained(task, **config):
    """Adam on the train batches of `task`, up to an error; the error, and the weights before it and after it."""
    model, config = a_model(), a_config(**config)
    forward = choose_gradient(config.gradient, model, task.spec, config.batch_size)
    adam = torch.optim.Adam(model.parameters())
    before = None
    with pytest.raises((Diverged, DataError)) as caught:
        for _ in train(model, task, adam, task.splits["train"], config, CPU64, forward=forward):
            before = [parameter.detach().clone() for parameter in model.parameters()]
    return caught.value, before, list(model.parameters())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("clip", CLIPS, ids=str)
def test_a_gradient_without_a_finite_norm_ends_the_run_before_the_weights_change(way, clip):
    error, before, after = trained(steep(), clip=clip, **WAYS[way])
    step = 2 if way == "accumulated" else 3
    assert isinstance(error, Diverged)
    assert str(error) == f"the gradient's norm became inf at step {step}"
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("kind", ["an entry is infinite", "an entry is NaN"])
def test_so_does_one_with_an_entry_that_is_no_number(kind):
    error, _, after = trained(steep(kind), clip=1.0)
    assert str(error) in [f"the gradient's norm became {norm} at step 3" for norm in (math.inf, math.nan)]
    assert all(parameter.isfinite().all() for parameter in after)


def holed(batch, value, part="inputs"):
    """The batch with `value` at time 4, lane 1."""
    tensor = getattr(batch, part).double().clone()
    tensor[4, 1] = value
    return replace(batch, **{part: tensor})


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("way", WAYS)
def test_a_number_missing_in_a_later_batch_is_named_by_its_place_and_is_no_divergence(way, value):
    batches = [a_batch(seed=seed) for seed in range(6)]
    batches[3] = holed(batches[3], value)
    error, _, _ = trained(Given(train=batches), **WAYS[way])
    assert isinstance(error, DataError)
    assert str(error).startswith(f"train, batch 3: inputs is {value} at time 4, lane 1, feature 0; mend the data")


@pytest.mark.parametrize("split", ["valid", "test"])
def test_an_accuracy_over_missing_numbers_is_none(split):
    """The largest of logits that are NaN is some class, so that the score would be a number."""
    batches = [a_batch(seed=seed) for seed in range(3)]
    task = Given(**{split: [*batches, holed(a_batch(), math.nan)]})
    with pytest.raises(DataError, match=f"^{split}, batch 3: inputs is nan at time 4, lane 1, feature 0"):
        evaluate(a_model(), task, split, CPU64)
    evaluate(a_model(), Given(**{split: batches}), split, CPU64)


def test_large_numbers_whose_sum_overflows_are_numbers():
    batch = a_batch()
    huge = replace(batch, inputs=torch.full_like(batch.inputs, 1e308))
    assert huge.inputs.sum().isinf()
    assert evaluate(a_model(), Given(valid=[huge]), "valid", CPU64)


class Endless(Given):
    def scores(self, totals):
        return {"accuracy": math.inf}


def test_an_infinite_score_on_valid_ends_the_run():
    with pytest.raises(Diverged, match="accuracy on valid became inf at step 4"):
        fitted(a_setup(Endless(train=[a_batch()], valid=[a_batch()]), evaluations=1))


def test_batches_that_are_whole_are_not_looked_at_in_training(monkeypatch):
    monkeypatch.setattr("bench.train.finite.must_have_numbers", lambda *_: pytest.fail("looked"))
    model, batches = a_model(), [a_batch()] * 3
    assert len(list(train(model, Given(train=batches), Spy(model), batches, a_config(), CPU64))) == 3
