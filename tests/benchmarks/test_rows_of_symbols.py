"""Symbols as rows of a product that is made once for each symbol, against vectors and their products: a training step.

    python -m pytest tests/benchmarks/test_rows_of_symbols.py -s

Of `task=charlm` as it is, at 128 units: 104 symbols, 32 lanes of 64 time steps, embeddings of 64 numbers or one-hot
vectors. Both take turns in one process of one thread, and are timed by the processor time they use. That gradients are
the same is a test of its own, and compared when a form is chosen.
"""

import itertools
import time
from statistics import median

import pytest
import torch

from bench.config.compose import compose
from bench.job.prepared import prepare
from bench.train.loop import train

STEPS, WARM = 40, 5


def training(options, by_rows):
    """The training steps of a run, one after the other."""
    setup = prepare(compose(["task=charlm", "model.hidden=128", "unroll=kernels", *options])).setup
    model = setup.model
    assert model._over_symbols is not None
    if not by_rows:
        model._over_symbols = None
    batches = setup.task.batches("train", setup.config.batch_size, torch.Generator().manual_seed(0))
    drawn = itertools.cycle(list(itertools.islice(batches, 8)))
    return train(model, setup.task, setup.optimizer, drawn, setup.config, setup.machine, forward=setup.forward)


@pytest.mark.parametrize("embedding", [64, 0])
@pytest.mark.parametrize("cell", ["vanilla", "gru", "lstm"])
def test_rows_of_symbols_and_products(cell, embedding):
    torch.set_num_threads(1)
    options = [f"cell={cell}", f"model.embedding={embedding}"]
    ways = {by_rows: training(options, by_rows) for by_rows in (True, False)}
    seconds = {by_rows: [] for by_rows in ways}
    for step in range(STEPS + WARM):
        for by_rows, steps in ways.items():
            start = time.process_time()
            next(steps)
            if step >= WARM:
                seconds[by_rows].append(time.process_time() - start)
    rows, products = (1e3 * median(seconds[by_rows]) for by_rows in (True, False))
    print(
        f"\n{cell:8} embedding {embedding:2}   rows {rows:.1f} ms   products {products:.1f} ms   {rows / products:.2f}"
    )
    assert rows < 0.95 * products
