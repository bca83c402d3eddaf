"""What the lanes of a language model read and are to predict, as text."""

from __future__ import annotations

import torch
from torch import Generator


def seeded(seed=0):
    return Generator().manual_seed(seed)


def lanes(task, batches):
    """What each lane reads and what it is to predict, as two lists of strings, padding left out."""
    read, predicted = zip(*((b.inputs, b.targets) for b in batches), strict=True)
    scored = torch.cat([b.weight for b in batches]).bool()
    columns = zip(torch.cat(read).T, torch.cat(predicted).T, scored.T, strict=True)
    pairs = [(task.decode(i[s].tolist()), task.decode(t[s].tolist())) for i, t, s in columns]
    return [i for i, _ in pairs], [t for _, t in pairs]
