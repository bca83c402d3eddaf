"""The generated long-memory tasks: solvable from their inputs alone, scored where they say, honest about chance, and the
same data in every run, none of it in two splits."""

import inspect
import itertools
from pathlib import Path

import pytest
import torch
import yaml
from long_memory import ORACLES, SMALL, content, logits_of, score
from torch import Generator

from bench.tasks import adding, associative_recall, copy, dyck, generated, parity, selective_copy, temporal_order

CONF = Path(generated.__file__).parents[1] / "conf" / "task"
CLASSES = {
    "copy": copy.Copy,
    "copy_bai": copy.Copy,
    "copy_s4": copy.Copy,
    "adding": adding.Adding,
    "selective_copy": selective_copy.SelectiveCopy,
    "associative_recall": associative_recall.AssociativeRecall,
    "parity": parity.Parity,
    "temporal_order": temporal_order.TemporalOrder,
    "dyck": dyck.Dyck,
}
names = pytest.mark.parametrize("name", CLASSES)


def make(name, **changes):
    return CLASSES[name](**{**SMALL[name], **changes})
