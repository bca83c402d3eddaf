"""The gradient of a run by its name, as the option `gradient` gives it."""

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
    """The forward mode of that name for `model`, None for `bptt`; ConfigError where the model cannot be trained so."""
    if name == "bptt":
        return None
    if name not in FORWARD_MODES:
        there_are = ["bptt", *FORWARD_MODES]
        raise ConfigError(f"gradient={name}: choose one of {', '.join(there_are)}{did_you_mean(name, there_are)}")
    device = model.like.device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):  # a probe must not move the streams
        return FORWARD_MODES[name](model, spec, batch_size)
