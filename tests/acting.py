"""Lines that say where an option acts, each compared with two tiny runs; and the options that need a line."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib import import_module
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import AfterValidator
from traces import STAGES, chosen, differing, made, parameters, remembered, trace

from bench.config.schema import Config
from bench.config.tree import flatten


@dataclass(frozen=True)
class Line:
    """An option acts: under the settings `beside`, runs with its values `one` and `other` first differ at `first`.

    `first` is a stage of `traces.STAGES`, which must differ while all stages before it are the same; None where none
    differs. `start` are the parameters of a layer that start otherwise, by the last part of their names: none, by
    default, and `ANY` where parameters are added. For the stages, parameters that both runs have then start the same.
    """

    option: str
    one: Any
    other: Any
    beside: Mapping[str, Any]
    first: str | None
    start: Collection[str] = ()
    needs: Mapping[str, Any] = field(default_factory=dict)
    """Settings without which `other` cannot be, and with which `one` cannot."""

    def __str__(self) -> str:
        beside = ",".join(f"{key}={value}" for key, value in self.beside.items())
        return f"{self.option}={self.one}:{self.other} {beside}".strip()


ANY = ("any",)
REACHING = ("evaluation", "loss", "norm", "gradient", "rates")
"""Stages from which a difference goes on to the trained weights."""


def check(line: Line) -> None:
    """Raise AssertionError where the option acts elsewhere than its line says, or not at all."""
    settings = {**line.beside, line.option: line.one}
    others = {**line.beside, line.option: line.other, **line.needs}
    if line.start and line.first is None:
        start, other_start = parameters(made(settings)), parameters(made(others))
        check_start(differing(start, other_start), start, line.start)
        return
    one = remembered(settings)
    other = trace(others, one["start"])
    check_start(differing(one["start"], other["start"]), one["start"], line.start)
    stages = STAGES if line.first is None else STAGES[: STAGES.index(line.first)]
    for stage in stages:
        assert not differing(one[stage], other[stage]), f"{line.option} acts on {stage}"
    if line.first is not None:
        assert differing(one[line.first], other[line.first]), f"{line.option} does not act"
        if line.first in REACHING:
            assert differing(one["weights"], other["weights"]), f"{line.option} does not reach the weights"


def check_start(found: set[str], names: Collection[str], wanted: Collection[str]) -> None:
    """Raise AssertionError unless just the `wanted` parameters start otherwise: exactly in the first layer, after which
    another number of draws moves all others, and at least in each later one."""
    if not wanted or wanted is ANY:
        assert bool(found) == bool(wanted), f"start otherwise: {sorted(found)}"
        return
    layers = {name.partition(".cell.")[0] for name in names if ".cell." in name}
    for layer in layers:
        ends = {name.rpartition(".")[2] for name in found if name.startswith(f"{layer}.")}
        assert ends >= set(wanted), f"{layer} starts the same in {set(wanted) - ends}"
        assert ends == set(wanted) or layer != "layers.0", f"start otherwise: {sorted(found)}"


def options_of(*groups: str) -> set[str]:
    """The options of these groups: of the schema's, and `GROUP.CHOICE.OPTION` where choices have their own."""
    own = {"cell", "optimizer", "schedule"} & {*groups}
    of_schema = {key for key in flatten(asdict(Config())) if key.partition(".")[0] in groups}
    of_choices = {
        f"{group}.{name}.{key}"
        for group in own
        for name, options in chosen(group).items()
        for key in options
        if "target" not in key and name != "custom"
    }
    return of_schema - own | of_choices


def values_of(option: str) -> set[Any]:
    """All values of an option with a fixed list of them, or both of a flag; of another option, none."""
    *groups, name = option.split(".")
    hint = _hint_of_class(*groups, name) if len(groups) == 2 else _hint_of_schema(groups, name)
    if hint is bool:
        return {False, True}
    if get_origin(hint) is Literal:
        return set(get_args(hint))
    for part in getattr(hint, "__metadata__", ()):
        if isinstance(part, AfterValidator):
            try:
                part.func("")
            except ValueError as error:
                return set(str(error).removeprefix("choose one of ").split(", "))
    return set()


def _hint_of_schema(groups: list[str], name: str) -> Any:
    cls: Any = Config
    for group in groups:
        cls = get_type_hints(cls)[group]
    return get_type_hints(cls, include_extras=True)[name]


def _hint_of_class(group: str, choice: str, name: str) -> Any:
    """The type of an option of a choice's own class; None where the class does not say."""
    module, _, cls = chosen(group)[choice]["_target_"].rpartition(".")
    return get_type_hints(getattr(import_module(module), cls).__init__).get(name)


def check_complete(lines: list[Line], *groups: str) -> None:
    """Raise AssertionError for an option of these groups without a line, a line without an option, and a value of an
    option that no line tries."""
    tried: dict[str, set[Any]] = {}
    for line in lines:
        choice = line.beside.get(line.option.partition(".")[0])
        group, _, own = line.option.partition(".")
        name = f"{group}.{choice}.{own}" if choice and own else line.option
        tried.setdefault(name, set()).update({repr(line.one), repr(line.other)})
    assert tried.keys() == options_of(*groups), f"without each other: {sorted(tried.keys() ^ options_of(*groups))}"
    for name in tried:
        values = {repr(value) for value in values_of(name)}
        assert tried[name] >= values, f"no line tries {name}={sorted(values - tried[name])}"


GROUPS = {each.name for each in fields(Config)}
