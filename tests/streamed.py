"""Models that read one time step after the other, and inputs for them."""

from __future__ import annotations

import torch
from tiny import seeded

from bench.api import Metric, TaskSpec, Tokens
from bench.cells.lstm import LSTM
from bench.model.sequence import SequenceModel


def a_model(cell=LSTM, inputs=None, hidden=9, outputs=5, **options):
    torch.manual_seed(0)
    metric = Metric("accuracy", "share", "max", chance=0.0)
    spec = TaskSpec("given-v1", inputs or Tokens(7), outputs, "every_step", metric, "", "")
    return SequenceModel(spec, cell, hidden, **options).eval()


def inputs_of(model, steps, lanes):
    size = model.step_inputs.size
    if isinstance(model.step_inputs, Tokens):
        return torch.randint(size, (steps, lanes), generator=seeded())
    return torch.randn(steps, lanes, size, generator=seeded())


@torch.no_grad()
def by_steps(model, inputs, state=None):
    """Outputs `[T, B, C]` of the model's steps, and the state after each."""
    outputs, states = [], [state or model.initial_state(inputs.shape[1])]
    for x in inputs:
        y, state = model.step(x, states[-1])
        outputs.append(y)
        states.append(state)
    return torch.stack(outputs), states
