"""A training step for each cell and unroll mode, on fixed shapes and one thread; gradients are checked before.

    python -m pytest tests/benchmarks/test_step.py --benchmark-columns=median,iqr,rounds [--benchmark-json=FILE]

A step is the harness's own: forward, loss, backward, clipping and fused Adam, of a model of one layer. Compare figures
of one machine only, and of one that does nothing else meanwhile.
"""

import pytest
import torch
from tiny import CELLS, Given, seeded

from bench.api import Batch
from bench.config.schema import ClipConfig, Config
from bench.hardware.machine import Machine
from bench.model.sequence import SequenceModel
from bench.train.loop import train

H, B, T, F, CLASSES = 128, 32, 128, 64, 4
CPU32 = Machine(torch.device("cpu"), "float32", 1)
TOLERANCE = 1e-4  # of the largest gradient: float32 rounding over T steps stays below, an error in a formula does not


def a_batch():
    return Batch(
        inputs=torch.randn(T, B, F, generator=seeded()),
        targets=torch.randint(CLASSES, (T, B), generator=seeded()),
        weight=torch.ones(T, B),
        fresh=torch.ones(B, dtype=torch.bool),
    )


def a_model(cell, task, unroll, dtype=torch.float32):
    torch.manual_seed(0)
    model = SequenceModel(task.spec, cell, H).to(dtype)
    assert model.choose_unroll(unroll) == unroll
    return model


def gradients(model, task, batch):
    logits, _ = model(batch.inputs.to(model.head.weight), model.initial_state(B))
    return torch.autograd.grad(task.loss(logits, batch).mean(), list(model.parameters()))


@pytest.mark.parametrize("unroll", ["eager", "vendor"])
@pytest.mark.parametrize("cell", CELLS)
def test_training_step(benchmark, cell, unroll):
    torch.set_num_threads(1)
    batch = a_batch()
    task = Given(train=[batch])
    model = a_model(cell, task, unroll)
    exact = gradients(a_model(cell, task, "eager", torch.float64), task, batch)
    found = gradients(model, task, batch)
    error = max(((a - b).abs().max() / b.abs().max()).item() for a, b in zip(found, exact, strict=True))
    assert error <= TOLERANCE, "wrong gradients: nothing to time"

    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    batches = iter(lambda: batch, None)
    steps = train(model, task, optimizer, batches, Config(clip=ClipConfig(1.0)), CPU32)
    benchmark.group = f"training step, H {H}, B {B}, T {T}, F {F}, 1 thread, float32"
    benchmark.pedantic(lambda: next(steps), warmup_rounds=3, rounds=20)
    tokens_per_s = B * T / benchmark.stats.stats.median
    benchmark.extra_info.update(gradient_error=error, tokens_per_s=tokens_per_s, torch=torch.__version__)
