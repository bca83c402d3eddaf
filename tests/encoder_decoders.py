"""Small encoder-decoders and what they read and write, for tests."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from tiny import seeded

from bench.api import END, Batch, Metric, TaskSpec, Tokens
from bench.cells.gru import GRU
from bench.model.seq2seq import EncoderDecoder

SYMBOLS, OUTPUTS = 4, 5


def a_model(cell=GRU, inputs=None, layers=2, embedding=3, unroll="eager", **options):
    """A float64 model with weights far from each other."""
    torch.manual_seed(0)
    metric = Metric("accuracy", "share", "max", chance=0.0)
    spec = TaskSpec("given-v1", inputs or Tokens(SYMBOLS), OUTPUTS, "sequence", metric, "", "", longest=6)
    model = EncoderDecoder(spec, cell, 5, layers=layers, embedding=embedding, **options).double()
    model.choose_unroll(unroll)
    return model


def a_batch(S=4, written=(5, 3, 1), seed=0, more=0):
    """Random sources of S steps, and targets of as many steps as `written` says, padded with `more` steps."""
    generator, lengths_B = seeded(seed), torch.tensor(written)
    inside_UB = torch.arange(max(written) + more)[:, None] < lengths_B
    targets_UB = torch.randint(1, OUTPUTS, inside_UB.shape, generator=generator) * inside_UB
    targets_UB[lengths_B - 1, torch.arange(len(written))] = END
    return Batch(
        inputs=torch.randint(SYMBOLS, (S, len(written)), generator=generator),
        targets=targets_UB,
        weight=inside_UB.double(),
        fresh=torch.ones(len(written), dtype=torch.bool),
        lengths=S + lengths_B,
    )


def predict(model, batch):
    return model.predict(batch, model.initial_state(len(batch.fresh)))[0]


def total_loss(logits, batch):
    flat = F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), reduction="none")
    return (flat.view_as(batch.weight) * batch.weight).sum()


def gradients(model, loss):
    return torch.autograd.grad(loss, list(model.parameters()))
