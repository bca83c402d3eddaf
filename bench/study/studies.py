"""What `bench tune` tunes: the members of a sweep that have the same trials, each built before any begins."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.api import Metric
from bench.config.compose import compose
from bench.config.keywords import to_text
from bench.config.options import Options
from bench.config.roles import decides
from bench.config.rules import validate
from bench.config.search import Space
from bench.config.sweeps.members import commands_of
from bench.config.tree import flatten, written
from bench.errors import ConfigError
from bench.hardware.settings import torch_settings_kept
from bench.job.prepared import prepare
from bench.results.identity import Identity
from bench.study.speeds import varied
from bench.study.trials import Drawing

_OURS = {
    "rerun": "trials are told once; remove the folder to tune anew",
    "resume": "a tune that was stopped goes on by the same command",
    "chosen": "bench tune states it, with the number of trials",
}
"""Options that `bench tune` sets, and why a command has none of them."""


@dataclass(frozen=True)
class Plan:
    """What is tuned: the `words` of a sweep over cells and tasks, the `space`, so many `trials` for each member, and so
    many new `seeds` at the end. Trials are kept in `folder`; choices are looked for in one's `own` folder, too."""

    words: Sequence[str]
    space: Space
    trials: int
    seeds: int
    folder: Path
    sampler: str = "random"
    pruner: str = "none"
    own: Path | None = None


@dataclass(frozen=True)
class Study:
    """A member of the sweep: a cell on a task, by the `words` of its command. `identity` is that of its runs, but for
    the values of the search."""

    plan: Plan
    words: Sequence[str]
    task: str
    cell: str
    options: Options
    metric: Metric
    identity: Identity

    @property
    def path(self) -> Path:
        """The file of its trials."""
        name = re.sub(r"[^\w.,=+-]", "_", f"{self.task}_{self.cell}")
        return self.plan.folder / f"{name}.journal"

    @property
    def drawing(self) -> Drawing:
        """How its trials are drawn."""
        plan = self.plan
        return Drawing(plan.space, self.metric.direction, plan.sampler, plan.pruner, self.options.config.seed)

    @property
    def stated(self) -> dict[str, Any]:
        """All that decides what its trials come to, by name."""
        options = {key: value for key, value in flatten(self.options.tree).items() if decides(key, value)}
        facts = {
            **{f"search.{option}": str(values) for option, values in self.plan.space.items()},
            **{key: value for key, value in options.items() if key not in self.plan.space},
            **{"sampler": self.plan.sampler, "pruner": self.plan.pruner, "version": self.identity.task},
            **{"data": self.identity.data, "device": self.identity.device, "harness": self.identity.harness},
            **{f"code.{role}": code for role, code in self.identity.code.items()},
        }
        return json.loads(json.dumps(facts))

    def composed(self, values: Mapping[str, Any], *further: str) -> Options:
        """The options of a run with these values of the search, and with `further` words instead of its own."""
        return _composed(self.plan, self.words, self.options, values, *further)


def studies(plan: Plan) -> list[Study]:
    """The members of the plan, each composed and built once; raises whatever is wrong with one."""
    _refuse_words(plan)
    commands = commands_of(plan.words, plan.own)
    members = [compose(words, plan.own) for words in commands]
    _refuse_unfair(members)
    others = [{key: each[key] for key in each if key not in ("task", "cell")} for each in varied(members)]
    names = [
        (each.choices["task"], ", ".join([each.choices["cell"], *(f"{k}={written(v)}" for k, v in other.items())]))
        for each, other in zip(members, others, strict=True)
    ]
    with torch_settings_kept():
        return [
            Study(plan, words, *name, options, *_built(plan, words, options))
            for words, name, options in zip(commands, names, members, strict=True)
        ]


def _built(plan: Plan, words: Sequence[str], options: Options) -> tuple[Metric, Identity]:
    """What a member's runs have in common; raises what is wrong with the member, or with an end of the search."""
    probes = {option: values.probes for option, values in plan.space.items()}
    for number in reversed(range(max(map(len, probes.values())))):
        values = {option: each[min(number, len(each) - 1)] for option, each in probes.items()}
        probe = _composed(plan, words, options, values)
        validate(probe.config)
    prepared = prepare(probe)
    if prepared.error is not None:
        raise prepared.error
    assert prepared.task is not None
    return prepared.task.spec.metric, prepared.identity


def _composed(plan: Plan, words: Sequence[str], options: Options, values: Mapping[str, Any], *further: str) -> Options:
    known, given = flatten(options.tree), {word.partition("=")[0] for word in further}
    drawn = [f"{'+' * (key not in known)}{key}={to_text(value, key)}" for key, value in values.items()]
    kept = [word for word in words if word.partition("=")[0] not in given]
    return compose([*kept, *drawn, *further], plan.own)


def _refuse_words(plan: Plan) -> None:
    """Raise ConfigError for a word whose option `bench tune` sets itself."""
    for word in plan.words:
        option = word.lstrip("+").partition("=")[0]
        if option in _OURS:
            raise ConfigError(f"{word}: {_OURS[option]}")
        if option in plan.space:
            out = f"leave it out, or take it out of the search by search.{option}=null"
            raise ConfigError(f"{word}: the search has {option} ({plan.space[option]}): {out}")


def _refuse_unfair(members: Sequence[Options]) -> None:
    """Raise ConfigError where members would not be tuned alike, or would not be kept in one place."""
    if len({each.config.seed for each in members}) > 1:
        raise ConfigError(
            "seed has several values: all trials have one; --seeds N is how many new ones score at the end"
        )
    if len({each.config.results_dir for each in members}) > 1:
        raise ConfigError("results_dir has several values: give one")
    for task in {each.choices["task"] for each in members}:
        budgets = {str(each.config.budget): None for each in members if each.choices["task"] == task}
        if len(budgets) > 1:
            raise ConfigError(f"task={task} has budgets of {' and '.join(budgets)}: cells are tuned alike with one")
