"""Weights, data and dropout each draw from a stream of their own, and a seed decides all three."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import Given, a_batch, a_setup, few, fitted, seeded

from bench.config.schema import BPTTConfig, BudgetConfig, ModelConfig, SeedsConfig
from bench.tasks.copy import Copy
from bench.train.setup import stream_seed

WINDOWS = BPTTConfig(kind="truncated", window=3, offset="random")


class Listening(Copy):
    """A copy task that keeps what it was trained on."""

    def __init__(self):
        super().__init__(symbols=3, delay=2, held_out=10)
        self.seen = []

    def batches(self, split, batch_size, generator):
        for batch in super().batches(split, batch_size, generator):
            if split == "train":
                self.seen.append(batch.inputs)
            yield batch


class GlobalData(Listening):
    """The mutant: each batch drawn from torch's global generator when it is asked for."""

    def batches(self, split, batch_size, generator):
        if split != "train":
            return (yield from super().batches(split, batch_size, generator))
        while True:
            yield next(super().batches(split, batch_size, torch.default_generator))


def trained(task=None, **changes):
    """Task and final weights of a tiny run with dropout."""
    changes = {"precision": "float32", "model": ModelConfig(hidden=5, layers=2, dropout=0.5), **changes}
    setup = a_setup(task or Listening(), **changes)
    fitted(setup)
    return setup.task, setup.model.state_dict()


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


def first_weights(**changes):
    return a_setup(Given(train=[a_batch()]), **changes).model.state_dict()


def check_dropout_leaves_the_data(make_task):
    with_dropout, without = (
        trained(make_task(), model=ModelConfig(hidden=5, layers=2, dropout=dropout))[0].seen for dropout in (0.5, 0.0)
    )
    assert all(torch.equal(a, b) for a, b in zip(with_dropout, without, strict=True)), "dropout changes the data"


def test_dropout_leaves_the_data_as_they_are():
    check_dropout_leaves_the_data(Listening)


def test_data_drawn_from_dropouts_stream_are_noticed():
    with pytest.raises(AssertionError, match="dropout changes the data"):
        check_dropout_leaves_the_data(GlobalData)


def check_data_leave_dropout(task):
    """A draw of data before it changes no mask."""
    masks = []
    for draw in (False, True):
        a_setup(task, precision="float32")
        batches = task.batches("train", 2, seeded())
        _ = next(batches) if draw else None
        masks.append(torch.nn.functional.dropout(torch.ones(50)))
    assert torch.equal(*masks), "data change dropout"


def test_the_data_leave_dropout_as_it_is():
    check_data_leave_dropout(Listening())


def test_dropout_drawn_from_the_datas_stream_is_noticed():
    with pytest.raises(AssertionError, match="data change dropout"):
        check_data_leave_dropout(GlobalData())


@few
@given(st.integers(0, 5))
def test_first_weights_depend_on_the_seed_alone(drawn_before):
    wanted = first_weights(seed=0)
    torch.manual_seed(99)
    torch.randn(drawn_before)
    assert same(first_weights(seed=0, batch_size=7, budget=BudgetConfig(steps=9)), wanted)
    assert not same(first_weights(seed=1), wanted)


def test_the_seed_of_the_data_orders_them_and_leaves_the_weights():
    plain, apart, same_seed = (
        trained(seed=3, seeds=SeedsConfig(data=data), model=ModelConfig(hidden=5)) for data in (None, 7, 3)
    )
    other = trained(seed=7, model=ModelConfig(hidden=5))
    seen = [task.seen for task, _ in (plain, apart, same_seed, other)]
    assert not torch.equal(seen[0][0], seen[1][0])
    assert torch.equal(seen[0][0], seen[2][0]) and torch.equal(seen[1][0], seen[3][0])
    assert same(plain[1], same_seed[1]) and not same(apart[1], plain[1]) and not same(apart[1], other[1])
    assert same(first_weights(seed=3), first_weights(seed=3, seeds=SeedsConfig(data=7)))


def test_the_seed_of_the_data_draws_the_offsets_of_windows():
    """Batches that are given are the same for every seed."""

    def weights(**changes):
        setup = a_setup(Given(train=[a_batch(8)] * 4, valid=[a_batch()]), bptt=WINDOWS, **changes)
        fitted(setup)
        return setup.model.state_dict()

    plain = weights(seed=3)
    assert same(plain, weights(seed=3, seeds=SeedsConfig(data=3)))
    assert any(not same(plain, weights(seed=3, seeds=SeedsConfig(data=data))) for data in range(4, 9))


def test_a_seed_has_three_streams_and_zero_is_a_seed_like_any():
    streams = {stream_seed(seed, purpose) for seed in (0, 1, 2) for purpose in ("weights", "data", "dropout")}
    assert len(streams) == 9
    assert all(0 <= stream < 2**63 for stream in streams)


def digest(weights):
    return hashlib.sha256(b"".join(tensor.numpy().tobytes() for tensor in weights.values())).hexdigest()


@pytest.mark.form_by_rule
def test_the_same_seed_gives_the_same_weights_bit_for_bit_in_another_process():
    here = digest(trained(seed=0)[1])
    folder = Path(__file__).parents[1]
    environment = {
        **os.environ,
        "PYTHONHASHSEED": "7",
        "PYTHONPATH": os.pathsep.join(map(str, (folder, folder.parent))),
    }
    code = "import torch; from laws.test_streams import digest, trained; print(digest(trained(seed=0)[1]))"
    there = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert there.stdout.strip() == here
    assert digest(trained(seed=1)[1]) != here
