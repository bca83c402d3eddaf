"""How the gradient goes through time: backward (BPTT, in `bench.train`), or forward along with the state.

rtrl   exact, by the influence of every parameter on the state; for small cells
uoro   unbiased, by a random product of two vectors in its place
eprop  without the paths through the recurrent matrix; for gated cells
"""

from __future__ import annotations

import torch

from bench.api import TaskSpec
from bench.errors import ConfigError, did_you_mean
from bench.gradient.eprop import EProp
from bench.gradient.forward import ForwardMode, Memory
from bench.gradient.rtrl import RTRL
from bench.gradient.uoro import UORO
from bench.model import SequenceModel

__all__ = ["FORWARD_MODES", "RTRL", "UORO", "EProp", "ForwardMode", "Memory", "choose_gradient"]

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
