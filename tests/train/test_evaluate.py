"""Scoring: on the whole split, without dropout, whatever the batch size, with sums that lose nothing."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import CPU64, Given, Spy, a_batch, a_config, a_model, few

from bench.cells.gru import GRU
from bench.hardware.machine import Machine
from bench.model.seq2seq import EncoderDecoder
from bench.model.sequence import SequenceModel
from bench.tasks.copy import Copy
from bench.tasks.sentiment import Sentiment
from bench.tasks.translation import Translation
from bench.train import evaluate as evaluate_module
from bench.train.evaluate import evaluate
from bench.train.loop import train

CPU32 = Machine(torch.device("cpu"), "float32", 1)


def copy_model(task):
    torch.manual_seed(0)
    model = SequenceModel(task.spec, GRU, hidden=6)
    model.choose_unroll("eager")
    return model


@few
@given(st.integers(1, 50))
def test_scores_do_not_depend_on_the_batch_size(batch_size):
    task = Copy(symbols=3, delay=2, held_out=40)
    model = copy_model(task)
    with pytest.MonkeyPatch.context() as patch:
        whole = evaluate(model, task, "valid", CPU32)
        patch.setattr(evaluate_module, "BATCH_SIZE", batch_size)
        parts = evaluate(model, task, "valid", CPU32)
    assert parts == pytest.approx(whole, rel=1e-6)
    assert parts["recall_accuracy"] == whole["recall_accuracy"]


LONG = {
    "every_step": lambda: Copy(symbols=3, delay=2, held_out=40),
    "last_step": lambda: Sentiment(reviews=300),
    "sequence": lambda: Translation(largest=300),
}


@pytest.mark.parametrize("reads", LONG)
def test_long_batches_are_scored_a_few_lanes_at_a_time_to_the_same_scores(reads, monkeypatch):
    task, most = LONG[reads](), 100
    torch.manual_seed(0)
    model = (EncoderDecoder if reads == "sequence" else SequenceModel)(task.spec, GRU, hidden=6, layers=1)
    model.choose_unroll("eager")
    seen, predict = [], model.predict
    monkeypatch.setattr(model, "predict", lambda batch, state: seen.append(batch) or predict(batch, state))
    whole = evaluate(model, task, "test", CPU32)
    lanes = sum(len(batch.fresh) for batch in seen)
    seen.clear()
    monkeypatch.setattr(evaluate_module, "MOST_STEPS", most)
    parts = evaluate(model, task, "test", CPU32)
    assert parts == pytest.approx(whole, rel=1e-6)
    assert sum(len(batch.fresh) for batch in seen) == lanes
    assert all(len(b.fresh) == 1 or max(len(b.inputs), len(b.targets)) * len(b.fresh) <= most for b in seen)


def test_a_mean_of_batch_means_would_depend_on_the_batch_size():
    """What sums and counts are for: batches of one and of three positions."""
    task = Given(valid=[a_batch(T=1, B=1), a_batch(T=3, B=1, seed=1)])
    model = a_model()
    both = evaluate(model, task, "valid", CPU64)["nll"]
    one, three = (evaluate(model, Given(valid=[batch]), "valid", CPU64)["nll"] for batch in task.splits["valid"])
    assert both == pytest.approx((one + 3 * three) / 4)
    assert both != pytest.approx((one + three) / 2)


class Counting(Given):
    """A task whose tallies are large float32 numbers, then ones."""

    def tally(self, logits, batch):
        self.reads["tally"] += 1
        return {"n": torch.tensor(2.0**24 if self.reads["tally"] == 1 else 1.0)}

    def scores(self, totals):
        return {"n": totals["n"]}


def test_sums_over_batches_are_in_double_precision():
    assert torch.tensor(2.0**24) + 1 == 2.0**24, "float32 would lose the ones"
    task = Counting(valid=[a_batch()] * 6)
    assert evaluate(a_model(), task, "valid", CPU64)["n"] == 2**24 + 5


def test_dropout_is_off_and_the_loop_turns_it_on_again():
    model, batch = a_model(dropout=0.9), a_batch()
    task = Given(train=[batch], valid=[batch])
    first, second = (evaluate(model, task, "valid", CPU64) for _ in range(2))
    assert first == second
    assert not model.training
    next(train(model, task, Spy(model), [batch], a_config(), CPU64))
    assert model.training


def test_the_state_goes_from_batch_to_batch_where_lanes_go_on():
    whole = a_batch(T=6)
    task = Given(valid=[whole.span(0, 2), whole.span(2, 6)])
    model = a_model()
    assert evaluate(model, task, "valid", CPU64) == pytest.approx(evaluate(model, Given(valid=[whole]), "valid", CPU64))
    cut = Given(valid=[whole.span(0, 2), replace(whole.span(2, 6), fresh=whole.fresh)])
    assert evaluate(model, cut, "valid", CPU64)["nll"] != pytest.approx(evaluate(model, task, "valid", CPU64)["nll"])


def test_lanes_that_go_on_stay_together_however_long_a_batch_is(monkeypatch):
    batch = a_batch(T=6, B=4)
    task = Given(valid=[batch.span(0, 2), batch.span(2, 6), batch, batch.span(0, 3), batch.span(3, 6)])
    model = a_model()
    whole = evaluate(model, task, "valid", CPU64)
    monkeypatch.setattr(evaluate_module, "MOST_STEPS", 6)
    assert evaluate(model, task, "valid", CPU64) == pytest.approx(whole, rel=1e-12)


def test_evaluation_leaves_no_gradient():
    model = a_model()
    evaluate(model, Given(valid=[a_batch()]), "valid", CPU64)
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())


def test_an_empty_split_has_no_scores():
    assert evaluate(a_model(), Given(valid=[a_batch()]), "test", CPU64) is None


def test_a_model_that_knows_nothing_scores_the_uniform_loss():
    model = a_model()
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.zero_()
    assert evaluate(model, Given(valid=[a_batch()]), "valid", CPU64)["nll"] == pytest.approx(math.log(4))
