"""What a cell does with its parameters after each update: the loop calls it, before the average and in every layer."""

import pytest
import torch
from tiny import CPU64, Given, a_batch
from traces import made

from bench.train.loop import train

BOUND = 0.3


@pytest.mark.parametrize("more", [{}, {"model.layers": 2}, {"bptt.kind": "truncated", "bptt.window": 2}])
def test_recurrent_weights_of_an_indrnn_stay_within_their_bound_and_so_does_their_average(more):
    settings = {"cell": "indrnn", "cell.u_max": BOUND, "model.layers": 1, "optimizer.lr": 5.0, "ema": 0.5, **more}
    setup = made(settings)
    before = [cell.weight_hh.detach().clone() for cell in setup.model.cells]
    batches = [a_batch(seed=seed) for seed in range(3)]
    list(train(setup.model, Given(train=batches), setup.optimizer, batches, setup.config, CPU64))
    averages = dict(zip((name for name, _ in setup.model.named_parameters()), setup.average.tensors, strict=True))
    for layer, (cell, old) in enumerate(zip(setup.model.cells, before, strict=True)):
        assert cell.weight_hh.abs().max() <= BOUND
        assert averages[f"layers.{layer}.cell.weight_hh"].abs().max() <= BOUND
        assert not torch.equal(cell.weight_hh, old)
