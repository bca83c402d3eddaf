"""Two options at once: both act, every parameter is trained, or the pair is refused in one line."""

from itertools import combinations

import pytest
import torch
from traces import differing, remembered, trace

from bench.errors import ConfigError

SETTINGS = {
    "norm=layer": {"model.norm": "layer"},
    "norm=batch": {"model.norm": "batch"},
    "norm=batch_per_step": {"model.norm": "batch_per_step"},
    "residual": {"model.hidden": 3, "model.residual": True},
    "gate": {"model.gate": True},
    "mlp": {"model.mlp": 1.0},
    "block": {"model.pre_norm": "rms", "model.expand": 2.0, "model.conv": 3},
    "dropout": {"model.dropout": 0.5},
    "variational": {"model.input_dropout": 0.3, "model.variational": True},
    "zoneout": {"model.zoneout": 0.5},
    "recurrent_dropout": {"model.recurrent_dropout": 0.5},
    "init=orthogonal": {"init.recurrent": "orthogonal", "init.gain": 0.5},
    "chrono": {"init.chrono": 50},
    "truncated": {"bptt.kind": "truncated", "bptt.window": 4},
    "sliding": {"bptt.kind": "sliding", "bptt.window": 1, "bptt.horizon": 4, "bptt.head": "skip"},
    "checkpoint": {"bptt.checkpoint": True},
    "clip": {"clip.norm": 1e-3},
    "rtrl": {"gradient": "rtrl"},
    "accumulate": {"accumulate": 2},
    "ema": {"ema": 0.5},
    "cell=lstm": {"cell": "lstm"},
}
REFUSED = {
    "rtrl": {"norm=batch", "norm=batch_per_step", "dropout", "variational", "zoneout", "recurrent_dropout",
             "sliding", "checkpoint"},
    "checkpoint": {"norm=batch", "norm=batch_per_step", "variational"},
    "accumulate": {"truncated", "sliding"},
}  # fmt: skip
"""Pairs that contradict each other."""


def is_refused(one, other):
    return other in REFUSED.get(one, ()) or one in REFUSED.get(other, ())


def ends_alike(one, other):
    """Whether two runs end with the same weights and did the same work."""
    return not any(differing(one[stage], other[stage]) for stage in ("average", "form", "work"))


def pairs_with(name):
    """The settings after `name` that set other options, so that each pair comes once."""
    later = list(SETTINGS)[list(SETTINGS).index(name) + 1 :]
    return [other for other in later if not SETTINGS[name].keys() & SETTINGS[other].keys()]


@pytest.mark.parametrize("name", [name for name in SETTINGS if pairs_with(name)])
def test_two_options_act_beside_each_other_or_are_refused(name):
    for other in pairs_with(name):
        both = {**SETTINGS[name], **SETTINGS[other]}
        if is_refused(name, other):
            with pytest.raises(ConfigError) as caught:
                trace(both)
            assert "\n" not in str(caught.value)
            continue
        together = trace(both)
        untrained = {key for key in together["start"] if not together["gradient"].get(key, torch.zeros(1)).any()}
        assert not untrained, f"{name} with {other} does not train {untrained}"
        assert all(each.isfinite().all() for each in together["average"].values())
        for one in (name, other):
            assert not ends_alike(together, remembered(SETTINGS[one])), f"of {name} and {other}, only {one} acts"


def test_every_refused_pair_is_one_that_is_crossed():
    crossed = {frozenset(pair) for pair in combinations(SETTINGS, 2) if pair[1] in pairs_with(pair[0])}
    assert {frozenset((one, other)) for one, others in REFUSED.items() for other in others} <= crossed
