"""Options of older versions of bench, in stored records and in commands, translated to today's options."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from bench.config.schema import InitConfig
from bench.config.tree import Tree

MOVED = {"bench.schedule": "bench.train.schedule"}
"""Old names of modules in stored targets, and the present names."""

RERUN: dict[object, str] = {True: "all", False: "failed", "True": "all", "False": "failed"}
"""The values that `rerun` had when it was true or false, in records and as OmegaConf reads them in commands."""

_STARTS = {
    "lstm.LSTM": ("forget_bias",), "minlstm.MinLSTM": ("forget_bias",), "slstm.SLSTM": ("forget_bias",),
    "janet.JANET": ("t_max",), "vanilla.Vanilla": ("init", "sigma"),
}  # fmt: skip
"""Options for initial weights that single cells had before all cells had `init`."""

_CONVOLVED = ("bench.cells.deltanet.GatedDeltaNet", "bench.cells.mlstm.MLSTM",
              "bench.cells.linear_attention.LinearAttention")  # fmt: skip
"""Cells that had a convolution of their own, `conv` taps wide, where 1 was none."""

_RENAMED = {"cell.forget_bias": "init.forget_bias", "cell.t_max": "init.chrono", "cell.sigma": "init.sigma"}


def moved(target: Any) -> Any:
    """A target with its module's present name; anything else as it is."""
    if isinstance(target, str):
        for old, new in MOVED.items():
            if target.startswith((f"{old}.", f"{old}:")):
                return new + target.removeprefix(old)
    return target


def upgrade(tree: Mapping[str, Any]) -> Tree:
    """The options in a stored tree under today's names; options of today are unchanged.

    Modules get their present names, and a cell's old options for initial weights become `init.*`. An option of `init`
    in the tree itself is kept: it was applied after the cell's own. The convolution that some cells had is the layer's
    (`model.conv`), sliding BPTT waited for a full horizon (`bptt.head=skip`), and `rerun` was true or false.
    """
    new = {name: _with_moved_target(value) for name, value in tree.items()}
    if "rerun" in new:
        new["rerun"] = RERUN.get(new["rerun"], new["rerun"])
    if "conv" in new.get("cell", {}) and str(new["cell"].get("_target_")) in _CONVOLVED:
        new["cell"] = dict(new["cell"])
        if (taps := new["cell"].pop("conv")) != 1:
            new["model"] = {**new.get("model", {}), "conv": taps}
    bptt = new.get("bptt", {})
    if bptt.get("kind") == "sliding" and "head" not in bptt:
        new["bptt"] = {**bptt, "head": "skip"}
    cell, start = _without_start(new.get("cell", {}))
    if cell != new.get("cell", {}):
        given, plain = new.get("init", {}), asdict(InitConfig())
        own = {name: value for name, value in given.items() if value != plain.get(name)}
        if {"forget_bias", "chrono"} & own.keys():  # both set the same bias
            start = {name: value for name, value in start.items() if name not in ("forget_bias", "chrono")}
        new["cell"], new["init"] = cell, {**plain, **given, **start, **own}
    return new


def said_today(option: str, value: object) -> str | None:
    """Today's form of an option that older versions had, as on the command line; None for any other option."""
    if option in _RENAMED:
        return f"{_RENAMED[option]}={'null' if value is None else value}"
    if option == "cell.conv":
        return f"model.conv={value}"
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
"""The values of the vanilla cell's old option `init`, in options of the group `init`."""


def _with_moved_target(options: Any) -> Any:
    if not isinstance(options, Mapping):
        return options
    return {key: moved(value) if key in ("target", "_target_") else value for key, value in options.items()}


def _without_start(cell: Tree) -> tuple[Tree, Tree]:
    """A cell's options without the old ones for initial weights, and these in options of the group `init`."""
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
