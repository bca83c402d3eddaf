"""The audit of a task catches labels that tell themselves, and a test set that lies in train, whole or nearly."""

from dataclasses import replace
from itertools import islice

import pytest
import torch
from mutants_tasks import Changed, Good
from tiny import Given, a_batch

from bench.checks.task_changed import Changed as ChangedTask
from bench.checks.task_changed import labels_shuffled, time_reversed, time_shuffled
from bench.checks.task_near import near_train
from bench.checks.task_probe import TaskProbe
from bench.config.compose import compose
from bench.job import audit as audits
from bench.job.audit import audit


class Clock(Changed):
    """Its labels follow from the time step alone; each constant scores chance all the same."""

    def change(self, batch, split):
        targets = torch.arange(len(batch.targets))[:, None] % self.alphabet
        return replace(batch, targets=targets.expand_as(batch.targets).contiguous())


class TrainedOnTest(Good):
    """Its train has every sequence of test, `altered` at one time step."""

    def __init__(self, altered: bool = False) -> None:
        super().__init__(symbols=12, held_out=100)
        self.altered = altered

    def batches(self, split, batch_size, generator):
        if split != "train":
            yield from super().batches(split, batch_size, generator)
            return
        for batch in super().batches("test", batch_size, generator):
            inputs = batch.inputs.clone()
            if self.altered:
                inputs[3] = (inputs[3] + 1) % self.alphabet
            yield replace(batch, inputs=inputs)
        yield from islice(super().batches("train", batch_size, generator), 20)


def audited(task, monkeypatch, steps):
    monkeypatch.setattr(audits, "STEPS", steps)
    monkeypatch.setattr("bench.checks.task_near._BATCHES", 2)
    config = compose(["task=copy", "optimizer.lr=0.02"]).config
    return {verdict.law: verdict for verdict in audit(TaskProbe(task, {}), config)}


def test_labels_that_tell_themselves_are_learned_without_their_inputs(monkeypatch):
    verdict = audited(Clock, monkeypatch, 60)["shuffled labels score chance"]
    assert verdict.outcome == "failed", verdict
    assert "labels can be told without their inputs" in verdict.message


def test_a_right_task_passes_and_says_how_much_order_matters(monkeypatch):
    found = audited(Good, monkeypatch, 40)
    assert all(verdict.ok for verdict in found.values()), found
    assert "as it is" in found["order in time"].message and "time shuffled" in found["order in time"].message


@pytest.mark.parametrize(("altered", "exact"), [(False, 1.0), (True, 0.0)])
def test_a_test_set_that_lies_in_train_is_found_also_where_each_sequence_differs_a_little(altered, exact):
    task = TrainedOnTest(altered)
    found = near_train(task)
    assert (found.sequences, found.exact, found.near) == (100, exact, 1.0) and found.own < 0.5
    assert audits._test_is_not_train(task).outcome == "failed"


def test_features_are_near_where_they_differ_by_little_and_not_where_they_do_by_much():
    def held(noise):
        one, other = a_batch(T=20, B=8), a_batch(T=20, B=8, seed=1)
        return near_train(Given(train=[one, other], test=[replace(one, inputs=one.inputs + noise)]))

    assert held(0.0).exact == 1 and held(1e-3).near == 1 and held(1.0).near == 0


def test_an_order_that_is_changed_keeps_padding_and_every_step():
    batch = replace(a_batch(T=6, B=3), lengths=torch.tensor([6, 4, 1]))
    for change in (time_reversed, time_shuffled):
        (found,) = ChangedTask(Given(train=[batch]), change).batches("train", 3, torch.Generator())
        for lane, length in enumerate((6, 4, 1)):
            assert torch.equal(found.inputs[length:, lane], batch.inputs[length:, lane])
            assert sorted(map(tuple, found.inputs[:length, lane].tolist())) == sorted(
                map(tuple, batch.inputs[:length, lane].tolist())
            )
    (found,) = ChangedTask(Given(train=[batch]), time_reversed).batches("train", 3, torch.Generator())
    assert torch.equal(found.inputs[:4, 1], batch.inputs[:4, 1].flip(0))


def test_shuffled_labels_are_another_sequence_s():
    batch = a_batch(T=4, B=4)
    found = labels_shuffled(batch, torch.Generator())
    assert torch.equal(found.targets, batch.targets) and torch.equal(found.inputs[:, 2], batch.inputs[:, 0])


def test_a_lane_whose_text_has_ended_is_no_sequence():
    batch = replace(a_batch(9, 3), lengths=torch.tensor([9, 0, 9]))
    found = near_train(Given(train=[batch], test=[batch]))
    assert (found.sequences, found.exact) == (2, 1.0)
