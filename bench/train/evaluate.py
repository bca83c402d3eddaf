"""Scoring a model on a held-out split."""

from __future__ import annotations

from collections import Counter

import torch
from torch import Generator

from bench.api import Split, Task
from bench.hardware.machine import Machine
from bench.model.seq2seq import EncoderDecoder
from bench.model.sequence import SequenceModel

BATCH_SIZE = 256  # lanes; scores do not depend on it, by the contract of Task.batches


@torch.inference_mode()
def evaluate(model: SequenceModel, task: Task, split: Split, machine: Machine) -> dict[str, float] | None:
    """The task's scores on all of `split`, without dropout; None where the split is empty. An encoder-decoder is scored
    for what it predicts and for what it writes.

    Sums and counts add up over batches in double precision and are divided once, by the task.
    """
    model.eval()
    totals: Counter[str] = Counter()
    state = None
    for batch in task.batches(split, BATCH_SIZE, Generator().manual_seed(0)):
        state = model.carry(state, batch.fresh)
        batch = batch.to(machine.device)
        with machine.autocast():
            logits, state = model.predict(batch, state)
            decoded = model.decode(batch.inputs) if isinstance(model, EncoderDecoder) else None
        tally = task.tally(logits, batch)
        if decoded is not None:
            tally |= task.tally_decoded(decoded, batch)
        for name, value in tally.items():
            totals[name] += value.item()  # type: ignore[assignment]
    return task.scores(totals) if totals else None
