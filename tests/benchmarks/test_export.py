"""A time step of an exported model in C beside the generated function of a stream and the model's own step.

    python -m pytest tests/benchmarks/test_export.py -s

Microseconds a step in processor time, medians of turns in one process, on one thread; C is compiled with -O3 alone.
"""

import statistics
import time

import pytest
import torch
from streamed import a_model, by_steps, inputs_of

from bench.api import Features
from bench.cells.gru import GRU
from bench.cells.lstm import LSTM
from bench.cells.vanilla import Vanilla
from bench.export.c_file import CFile
from bench.export.c_run import ran
from bench.model.stream import Stream

F, H, OUTPUTS, STEPS, TURNS = 64, 128, 10, 50, 9


@pytest.mark.parametrize("cell", [Vanilla, GRU, LSTM])
def test_a_step(cell):
    torch.set_num_threads(1)
    model = a_model(cell, Features(F), hidden=H, outputs=OUTPUTS)
    inputs, file, stream = inputs_of(model, STEPS, 1), CFile(model, "m.c", {}), Stream(model)
    torch.testing.assert_close(ran(file, inputs[:, 0]).y_TC, by_steps(model, inputs)[0][:, 0], rtol=1e-5, atol=1e-6)

    def us(work):
        began = time.thread_time()
        work()
        return 1e6 / STEPS * (time.thread_time() - began)

    turns = [
        (
            ran(file, inputs[:, 0]).step_us,
            us(lambda: [stream(x) for x in inputs]),
            us(lambda: by_steps(model, inputs)),
        )
        for _ in range(TURNS)
    ]
    c, streamed, stepped = (statistics.median(turn) for turn in zip(*turns, strict=True))
    sizes = f"source {len(file.text) / 1e3:,.0f} kB, constants {file.weights_bytes:,} B, state {file.state_bytes:,} B"
    print(f"\n{cell.__name__:8} C {c:.3g} µs, stream {streamed:.3g} µs, model.step {stepped:.3g} µs; {sizes}")
