"""A tiny run, observed stage by stage: where two runs first differ tells where an option acts."""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Mapping
from dataclasses import is_dataclass, replace
from functools import cache
from itertools import islice
from typing import Any
from unittest.mock import patch

import torch
import yaml
from three_tasks import TASKS
from tiny import seeded
from torch import Tensor

from bench.config.catalogue import choices
from bench.config.rules import CONTRADICTIONS
from bench.config.schema import Config
from bench.config.tree import nest
from bench.errors import ConfigError
from bench.job.build import build
from bench.model.seq2seq import EncoderDecoder
from bench.train.loop import train
from bench.train.setup import Setup

BASE = {
    "task": "features",
    "cell": "gru",
    "optimizer": "sgd",
    "optimizer.momentum": 0.0,
    "model.hidden": 5,
    "model.embedding": 0,
    "clip.norm": None,
    "hardware.device": "cpu",
    "hardware.precision": "float64",
    "batch_size": 3,
    "budget.steps": 2,
    "unroll": "eager",
}
"""The run that every other one differs from: full BPTT and nothing around the cell."""

STAGES = ("evaluation", "written", "loss", "norm", "gradient", "rates", "weights", "average", "form", "work")
"""What is observed, in order: the logits before training, what an encoder-decoder writes, the first step's loss, the
norm of its gradient, the gradient that the optimiser gets, the learning rates, the weights at the end, their average,
the form of the cells over time, and how often the model runs in the first step."""

Trace = dict[str, dict[str, Tensor]]
"""Tensors by stage and name; `start` has the parameters as they were drawn."""


def trace(settings: Mapping[str, Any], start: Mapping[str, Tensor] | None = None) -> Trace:
    """What a run with `settings` shows, by dotted name as on the command line; `task` is a name of TASKS.

    After its parameters are drawn, those that `start` has too, in the same shape, are replaced by the ones there.
    Raises ConfigError for settings that contradict each other.
    """
    setup = made(settings)
    found: Trace = {"start": parameters(setup)}
    with torch.no_grad():
        for name, parameter in _named(setup).items():
            if start is not None and name in start and start[name].shape == parameter.shape:
                parameter.copy_(start[name])
    found |= _evaluated(setup)
    return found | _trained(setup)


def made(settings: Mapping[str, Any]) -> Setup:
    """The parts of a run with `settings`."""
    tree: dict[str, Any] = {}
    own = {key: value for key, value in BASE.items() if key.partition(".")[0] not in settings}
    for key, value in sorted({**own, **settings}.items()):  # a group before its options
        if key in ("cell", "optimizer", "schedule"):
            tree |= {f"{key}.{name}": each for name, each in chosen(key)[value].items()}
        elif key != "task":
            tree[key] = value
    config = _config(nest(tree))
    for row in CONTRADICTIONS:
        if row.when(config):
            raise ConfigError(row.line(config))
    with patch("bench.job.build.quick_check"), patch("torch.manual_seed", torch.default_generator.manual_seed):
        return build(config, TASKS[{**BASE, **settings}["task"]])


def _config(tree: Mapping[str, Any]) -> Config:
    """The options without a check of their types, which like a check of the cell takes longer than the run."""
    default = Config()
    groups = {name: getattr(default, name) for name in tree}
    given = {name: replace(own, **tree[name]) if is_dataclass(own) else tree[name] for name, own in groups.items()}
    return replace(default, **given)  # type: ignore[arg-type]


@cache
def chosen(group: str) -> dict[str, dict[str, Any]]:
    """The options of each choice in a group of options, by the choice's name."""
    found = choices(group)
    return {name: yaml.safe_load(choice.path.read_text(encoding="utf-8")) for name, choice in found.items()}


def _named(setup: Setup) -> dict[str, Any]:
    """The parameters by name, the same name with noise around the cell as without."""
    return {name.replace(".cell.cell.", ".cell."): parameter for name, parameter in setup.model.named_parameters()}


def parameters(setup: Setup) -> dict[str, Tensor]:
    """A copy of all parameters by name."""
    return {name: parameter.detach().clone() for name, parameter in _named(setup).items()}


@torch.no_grad()
def _evaluated(setup: Setup) -> Trace:
    model = setup.model.eval()
    batch = setup.task.splits["train"][0]  # type: ignore[attr-defined]
    logits, _ = model.predict(batch, model.initial_state(len(batch.fresh)))
    written = {"symbols": model.decode(batch.inputs)} if isinstance(model, EncoderDecoder) else {}
    return {"evaluation": {"logits": logits}, "written": written}


def _trained(setup: Setup) -> Trace:
    """The run's training over its whole budget; a plateau hears of ever smaller gains."""
    model, config, work = setup.model, setup.config, [0]
    given: dict[str, Tensor] = {}

    def keep_gradient(*_: Any) -> None:
        if not given:
            given.update({name: p.grad.clone() for name, p in _named(setup).items() if p.grad is not None})

    def count(*_: Any) -> None:
        work[0] += 1

    setup.optimizer.register_step_pre_hook(keep_gradient)
    model.head.register_forward_hook(count)
    batches = setup.task.splits["train"] * 2 * (config.budget.steps or 1)  # type: ignore[attr-defined]
    steps = train(model, setup.task, setup.optimizer, batches, config, setup.machine, seeded(), forward=setup.forward)
    first, rates = None, [setup.schedule.rate]
    for step in islice(steps, config.budget.steps):
        first = first or (step, work[0])
        setup.schedule.set_rate(step.number / (config.budget.steps or 1))
        setup.schedule.validated(1 / step.number)
        rates.append(setup.schedule.rate)
    assert first is not None
    average = setup.average.tensors if setup.average else list(parameters(setup).values())
    return {
        "loss": {"first": torch.tensor(first[0].loss)},
        "norm": {"first": torch.tensor(first[0].grad_norm)},
        "gradient": given,
        "rates": {"all": torch.tensor(rates[:-1], dtype=torch.float64)},
        "weights": parameters(setup),
        "average": dict(enumerate(average)),  # type: ignore[arg-type]
        "form": {setup.unroll: torch.zeros(())},
        "work": {"runs": torch.tensor(float(first[1]))},
    }


def differing(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> set[str]:
    """The names at which two stages differ by more than rounding; what lies between the two is an error."""
    names = one.keys() ^ other.keys()
    for name in one.keys() & other.keys():
        if one[name].shape != other[name].shape:
            names.add(name)
            continue
        gap = (one[name] - other[name]).abs().max().item() if one[name].numel() else 0.0
        assert gap < 1e-12 or not gap < 1e-8, f"{name}: a gap of {gap} is neither rounding nor an effect"
        if not gap < 1e-12:
            names.add(name)
    return names


@cache
def _cached(settings: str) -> Trace:
    return trace(literal_eval(settings))


def remembered(settings: Mapping[str, Any]) -> Trace:
    """`trace` of settings that many lines share, made once."""
    return _cached(repr(dict(sorted(settings.items()))))
