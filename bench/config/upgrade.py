"""What older versions of bench stored and what was typed for them, in today's options."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from bench.config.schema import InitConfig
from bench.config.tree import Tree

MOVED = {"bench.schedule": "bench.train.schedule"}
"""Modules that stored targets name, and where their classes are now."""

_STARTS = {
    "lstm.LSTM": ("forget_bias",), "minlstm.MinLSTM": ("forget_bias",), "slstm.SLSTM": ("forget_bias",),
    "janet.JANET": ("t_max",), "vanilla.Vanilla": ("init", "sigma"),
}  # fmt: skip
"""Options of single cells that said how their weights start, before `init` said it for all."""

_RENAMED = {"cell.forget_bias": "init.forget_bias", "cell.t_max": "init.chrono", "cell.sigma": "init.sigma"}


def moved(target: Any) -> Any:
    """A target with its module's present name; anything else as it is."""
    if isinstance(target, str):
        for old, new in MOVED.items():
            if target.startswith((f"{old}.", f"{old}:")):
                return new + target.removeprefix(old)
    return target


def upgrade(tree: Mapping[str, Any]) -> Tree:
    """The options in a stored tree as today's code names them; those of today are left as they are.

    Modules have their present names, and options of a cell that said how its weights start are `init.*`. An option of
    `init` that the tree sets itself is kept: it acted after the cell's own.
    """
    new = {name: _with_moved_target(value) for name, value in tree.items()}
    cell, start = _without_start(new.get("cell", {}))
    if cell != new.get("cell", {}):
        given, plain = new.get("init", {}), asdict(InitConfig())
        own = {name: value for name, value in given.items() if value != plain.get(name)}
        if {"forget_bias", "chrono"} & own.keys():  # both set the same bias
            start = {name: value for name, value in start.items() if name not in ("forget_bias", "chrono")}
        new["cell"], new["init"] = cell, {**plain, **given, **start, **own}
    return new


def said_today(option: str, value: object) -> str | None:
    """How an option that older versions had is said today, as on the command line; None for any other option."""
    if option in _RENAMED:
        return f"{_RENAMED[option]}={'null' if value is None else value}"
    if option == "cell.init" and value == "default":
        return "init=default"
    if option == "cell.init" and value in _VANILLA:
        return " ".join(f"init.{name}={text}" for name, text in _VANILLA[str(value)].items())
    return None


_VANILLA: dict[str, Tree] = {
    "default": {},
    "identity": {"input": "normal", "sigma": 0.001, "recurrent": "identity", "bias": "zero"},
    "normal": {"input": "normal", "recurrent": "normal", "bias": "zero"},
    "orthogonal": {"recurrent": "orthogonal"},
}
"""What the option `init` of the vanilla cell drew, in options of `init`."""


def _with_moved_target(options: Any) -> Any:
    if not isinstance(options, Mapping):
        return options
    return {key: moved(value) if key in ("target", "_target_") else value for key, value in options.items()}


def _without_start(cell: Tree) -> tuple[Tree, Tree]:
    """A cell's options without those that said how its weights start, and what these said, in options of `init`."""
    target = str(cell.get("target", cell.get("_target_", "")))
    found = re.fullmatch(r"bench\.cells\.(\w+)[.:](\w+)", target)
    names = _STARTS.get(f"{found[1]}.{found[2]}", ()) if found else ()
    old = {name: cell[name] for name in names if name in cell}
    rest = {name: value for name, value in cell.items() if name not in names}
    if old.get("init") == "identity" and cell.get("activation") == "relu" and old.get("sigma") in (None, 0.001):
        return {"_target_": "bench.cells.irnn.IRNN"}, {}
    start = dict(_VANILLA[old.get("init", "default")])
    if "input" in start and old.get("sigma") is not None:
        start["sigma"] = old["sigma"]
    for name, today in (("forget_bias", "forget_bias"), ("t_max", "chrono")):
        if old.get(name) is not None:
            start[today] = old[name]
    return rest, start
