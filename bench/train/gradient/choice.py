"""The choice of a gradient by the option `gradient`."""

from __future__ import annotations

import torch

from bench.api import TaskSpec
from bench.errors import ConfigError, did_you_mean
from bench.model.sequence import SequenceModel
from bench.train.gradient.eprop import EProp
from bench.train.gradient.forward import ForwardMode
from bench.train.gradient.rtrl import RTRL
from bench.train.gradient.uoro import UORO

FORWARD_MODES: dict[str, type[ForwardMode]] = {mode.name: mode for mode in (RTRL, UORO, EProp)}


def choose_gradient(name: str, model: SequenceModel, spec: TaskSpec, batch_size: int) -> ForwardMode | None:
    """The forward mode called `name` for `model`; None for `bptt`.

    Raises ConfigError for an unknown name and for a model that the forward mode cannot train.
    """
    if name == "bptt":
        return None
    if name not in FORWARD_MODES:
        there_are = ["bptt", *FORWARD_MODES]
        raise ConfigError(f"gradient={name}: choose one of {', '.join(there_are)}{did_you_mean(name, there_are)}")
    device = model.like.device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):  # probing must not change generators
        return FORWARD_MODES[name](model, spec, batch_size)
